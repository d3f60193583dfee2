"""The chat model: a small llama, initialised so that two kinds of useful attention heads exist from the first step.

Previous-token heads and same-token heads are what copying is made of (induction heads, Olsson et al. 2022,
https://arxiv.org/abs/2209.11895); training from noise spends most of its time on finding them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Config:
    """Sizes of the model; `heads` times 32 is the width of its attention."""

    vocabulary: int = 6144
    width: int = 192
    layers: int = 6
    heads: int = 6
    feed_forward: int = 384
    context: int = 2048
    rope_base: float = 100_000.0
    norm_epsilon: float = 1e-5

    @property
    def head_size(self) -> int:
        """Channels of one head."""
        return self.width // self.heads


def rope_frequencies(config: Config) -> Tensor:
    """Return the angle per position of each channel pair, shape (head_size / 2,)."""
    pairs = torch.arange(config.head_size // 2, dtype=torch.float32)
    return config.rope_base ** (-2 * pairs / config.head_size)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate neighbouring channel pairs of `x` (batch, heads, time, head_size); llama.cpp's order for `llama`."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class Block(nn.Module):
    """Attention and a gated feed-forward layer, each behind an RMS norm."""

    def __init__(self, config: Config) -> None:
        """Build the block's weights; `Chat` initialises them."""
        super().__init__()
        width = config.width
        self.config = config
        self.attention_norm = nn.RMSNorm(width, eps=config.norm_epsilon)
        self.feed_forward_norm = nn.RMSNorm(width, eps=config.norm_epsilon)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, config.feed_forward, bias=False)
        self.up = nn.Linear(width, config.feed_forward, bias=False)
        self.down = nn.Linear(config.feed_forward, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the block's output for `x` (batch, time, width)."""
        batch, time, width = x.shape
        shape = (batch, time, self.config.heads, self.config.head_size)
        y = self.attention_norm(x)
        query = rotate(self.query(y).view(shape).transpose(1, 2), cos, sin)
        key = rotate(self.key(y).view(shape).transpose(1, 2), cos, sin)
        value = self.value(y).view(shape).transpose(1, 2)
        y = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.output(y.transpose(1, 2).reshape(batch, time, width))
        y = self.feed_forward_norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Chat(nn.Module):
    """The whole model; the embedding is also the output layer."""

    def __init__(self, config: Config, tokens: list[str] | None = None, seed: int = 1) -> None:
        """Build and initialise the weights from `seed`; `tokens` are the vocabulary in order."""
        super().__init__()
        torch.manual_seed(seed)
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=config.norm_epsilon)
        self._initialise()
        if tokens:
            relate_embeddings(self.embedding.weight, tokens)

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Return the last hidden states, shape (batch, time, width), of token `ids` at `positions` (batch, time)."""
        angles = positions[:, None, :, None].float() * rope_frequencies(self.config)
        cos, sin = angles.cos(), angles.sin()
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, cos, sin)
        hidden: Tensor = self.norm(x)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """Return the scores of the next token for hidden states (..., width)."""
        return functional.linear(hidden, self.embedding.weight)

    @torch.no_grad()
    def _initialise(self) -> None:
        config = self.config
        for name, weight in self.named_parameters():
            if weight.dim() == 2:  # noqa: PLR2004
                scale = 1 / math.sqrt(weight.shape[1])
                if name.endswith(("output.weight", "down.weight")):
                    scale /= 4 * math.sqrt(2 * config.layers)
                weight.normal_(0, scale)
        self.embedding.weight.normal_(0, 1 / math.sqrt(config.width))
        self.embedding.weight[:, 0] = 1.0  # the constant channel that positional heads read
        previous_token_head(self.blocks[0], 0, distance=1)
        previous_token_head(self.blocks[0], 1, distance=2)
        same_token_head(self.blocks[0], 2)
        same_token_head(self.blocks[0], 3)
        for block in self.blocks[1:4]:
            previous_token_head(block, 0, distance=1)
            same_token_head(block, 1)
            induction_head(block, 2, self.blocks[0], 0)
            induction_head(block, 3, self.blocks[0], 0)


@torch.no_grad()
def relate_embeddings(weight: Tensor, tokens: list[str]) -> None:
    """Give the forms of one piece ("the", " the", "The", " The") one common part, and each form a direction of its own.

    Copying " The" as "The" is then a small change in one direction instead of a table to be learnt token by token.
    """
    constant = weight[:, 0].clone()
    unique = weight.clone()
    space, capital = torch.randn(2, weight.shape[1]) / math.sqrt(weight.shape[1])
    common: dict[str, Tensor] = {}
    for index, token in enumerate(tokens):
        bare = token.removeprefix("\u0120") or token
        part = common.setdefault(bare.lower(), unique[index])
        weight[index] = 0.85 * part + 0.25 * unique[index]
        weight[index] += 0.4 * space if token != bare else -0.4 * space
        weight[index] += 0.4 * capital if bare != bare.lower() else -0.4 * capital
    weight[:, 0] = constant


def previous_token_head(block: Block, head: int, distance: int) -> None:
    """Make a head look `distance` tokens back: query and key are constants, turned against each other under RoPE."""
    config = block.config
    size = config.head_size
    rows = slice(head * size, (head + 1) * size)
    # Sharp for the fast pairs, mute for the slow ones, which stay free to learn content.
    fast = (rope_frequencies(config) > 0.02).float()  # noqa: PLR2004
    strength = 1.4 * fast
    angle = distance * rope_frequencies(config)
    constant = math.sqrt(config.width / (1 + (config.width - 1) / config.width))  # channel 0 after the RMS norm, about
    for weight, turn in ((block.query.weight, torch.zeros_like(angle)), (block.key.weight, angle)):
        part = weight[rows]
        part *= 0.2
        pairs = torch.stack((strength * turn.cos(), strength * turn.sin()), -1).flatten()
        part[:, 0] = pairs * 5 / constant


def same_token_head(block: Block, head: int) -> None:
    """Make a head look at earlier places of its own token: query and key are the same projection on slow RoPE pairs."""
    config = block.config
    size = config.head_size
    rows = slice(head * size, (head + 1) * size)
    slow = (rope_frequencies(config) < 0.01).float().repeat_interleave(2)[:, None]  # noqa: PLR2004
    part = block.query.weight[rows]
    part *= 2.1 * slow + 0.1
    part[:, 0] = 0
    block.key.weight[rows] = part


def induction_head(block: Block, head: int, earlier: Block, previous: int) -> None:
    """Make a head look behind earlier places of its token, and copy what it finds there.

    The key reads what the earlier block's previous-token head wrote, the query makes the same projection of its own token.
    """
    size = block.config.head_size
    rows = slice(head * size, (head + 1) * size)
    source = slice(previous * size, (previous + 1) * size)
    slow = (rope_frequencies(block.config) < 0.01).float().repeat_interleave(2)[:, None]  # noqa: PLR2004
    basis, _ = torch.linalg.qr(torch.randn(block.config.width, size))
    if not hasattr(earlier, "written"):
        earlier.written = basis
        earlier.output.weight[:, source] = basis / 4
        earlier.value.weight[source, 0] = 0
    block.query.weight[rows] = earlier.value.weight[source] * slow * 2.6
    block.key.weight[rows] = earlier.written.T * slow * 2.6
    block.value.weight[rows] = torch.linalg.qr(torch.randn(block.config.width, size))[0].T
    block.value.weight[rows, 0] = 0
    block.output.weight[:, rows] = block.value.weight[rows].T * 0.2
