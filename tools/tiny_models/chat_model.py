"""The chat model: a small llama with useful attention heads from the first step.

It is initialized so that two kinds of them exist. Previous-token heads and same-token heads are
what copying is made of (induction heads, Olsson et al. 2022, https://arxiv.org/abs/2209.11895);
training from noise spends most of its time on finding them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from .tokenizer import MARKERS


@dataclass(frozen=True)
class Config:
    """Sizes of the model; `heads` times 32 is the width of its attention."""

    vocabulary: int = 6168
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
    """Rotate neighbouring channel pairs of `x` (batch, heads, time, head_size).

    Llama.cpp's order for `llama`.
    """
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
            wire_markers(self, tokens)
        # Channels of size 1, so that no block can drown the tokens; the last norm makes up for it
        # in the scores.
        with torch.no_grad():
            self.embedding.weight *= math.sqrt(config.width)
            self.norm.weight.fill_(1 / math.sqrt(config.width))

    def forward(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Return the last hidden states of token `ids` at `positions`.

        They have the shape (batch, time, width), the arguments (batch, time).
        """
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
            if weight.dim() == 2:
                scale = 1 / math.sqrt(weight.shape[1])
                if name.endswith(("output.weight", "down.weight")):
                    scale /= 1.5 * math.sqrt(2 * config.layers)
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
    """Give the forms of one piece a common part, and each its own direction.

    Such forms are "the", " the", "The" and " The". Copying " The" as "The" is then a small change
    in one direction instead of a table to be learnt token by token.
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


FLAG = 1
"""Channel that is set for markers and for "Question"."""
NAMED = len(MARKERS) + 1
NAMES = slice(2, 2 + NAMED)
"""Channels that name a marker, one each; the last one is "Question"."""
TAGS = slice(2 + NAMED, 2 + 2 * NAMED)
"""Channels in which a token keeps the marker of its line."""


@torch.no_grad()
def wire_markers(model: Chat, tokens: list[str]) -> None:
    """Pre-wire the steps from a question to the number of a sentence.

    Training refines them, but does not find them by itself.

    Head 4 of block 0 tags each token with the nearest marker before it, head 4 of block 1 fetches
    the tags of earlier places of the same token, and head 4 of block 2 collects the tags that the
    words of the question fetched.
    """
    weight = model.embedding.weight
    weight[:, FLAG : TAGS.stop] = 0
    for name, marker in enumerate((*MARKERS, "Question")):
        index = tokens.index(marker)
        # the channels are multiplied by 13.9 at the end
        weight[index, FLAG] = weight[index, NAMES.start + name] = 0.43
    for block in model.blocks:  # nothing else writes where tags are kept
        block.output.weight[FLAG : TAGS.stop] = block.down.weight[FLAG : TAGS.stop] = 0
    tag, fetch, collect = (block for block in model.blocks[:3])
    size = model.config.head_size
    rows = slice(4 * size, 5 * size)
    names = slice(rows.start, rows.start + NAMED)
    for block in (tag, fetch, collect):
        block.value.weight[rows] = 0
        block.output.weight[:, rows] = 0
    nearest_head(tag, rows, FLAG, 4.8, (8.0, 16.0, 24.0, 32.0, 40.0))
    tag.value.weight[names, NAMES] = torch.eye(NAMED) / 4.8
    tag.output.weight[TAGS, names] = torch.eye(NAMED) * 4
    same_token_head(fetch, 4, strength=3.2)
    look = fetch.query.weight[rows]
    # deaf to the token before, which block 0 wrote there
    look -= look @ tag.written @ tag.written.T
    look[:, : TAGS.stop] = look[-2:] = 0
    fetch.key.weight[rows] = look
    # not within the question itself
    look[-2, 0], fetch.key.weight[rows.stop - 2, TAGS.stop - 1] = -9.0, 1.0
    fetch.value.weight[names, TAGS] = torch.eye(NAMED) / 2.5
    fetch.value.weight[names.stop - 1] = 0
    fetch.output.weight[TAGS, names] = torch.eye(NAMED) * 6
    nearest_head(collect, rows, TAGS.stop - 1, 2.5, (0.0, 0.0, 0.0, 0.0, 8.0))
    collect.value.weight[names, TAGS] = torch.eye(NAMED) / 2.5
    collect.value.weight[names.stop - 1] = 0
    collect.output.weight[NAMES, names] = torch.eye(NAMED) * 25


def nearest_head(
    block: Block, rows: slice, channel: int, size: float, sharpness: tuple[float, ...]
) -> None:
    """Make a head look at the tokens whose `channel` is set, the nearer the more.

    After the norm it is about `size`.
    """
    strength = torch.zeros(block.config.head_size // 2)
    # these turn by 0.24 to 0.01 a token: less with distance
    strength[2:7] = torch.tensor(sharpness)
    strength[-1] = 10 + 0.7 * sum(sharpness)  # hardly turns: more than for any other token
    pairs = (strength * math.sqrt(block.config.head_size)).sqrt()
    for weight, place, value in ((block.query.weight, 0, 10.5), (block.key.weight, channel, size)):
        weight[rows] = 0
        weight[rows, place] = torch.stack((pairs, torch.zeros_like(pairs)), -1).flatten() / value


def previous_token_head(block: Block, head: int, distance: int) -> None:
    """Make a head look `distance` tokens back.

    Query and key are constants, turned against each other under RoPE.
    """
    config = block.config
    size = config.head_size
    rows = slice(head * size, (head + 1) * size)
    # Sharp for the fast pairs, mute for the slow ones, which stay free to learn content.
    fast = (rope_frequencies(config) > 0.02).float()
    strength = 1.4 * fast
    angle = distance * rope_frequencies(config)
    # channel 0 after the RMS norm, about
    constant = math.sqrt(config.width / (1 + (config.width - 1) / config.width))
    for weight, turn in ((block.query.weight, torch.zeros_like(angle)), (block.key.weight, angle)):
        part = weight[rows]
        part *= 0.2
        pairs = torch.stack((strength * turn.cos(), strength * turn.sin()), -1).flatten()
        part[:, 0] = pairs * 5 / constant


def same_token_head(block: Block, head: int, strength: float = 2.2) -> None:
    """Make a head look at earlier places of its own token.

    Query and key are the same projection on slow RoPE pairs.
    """
    config = block.config
    size = config.head_size
    rows = slice(head * size, (head + 1) * size)
    slow = (rope_frequencies(config) < 0.01).float().repeat_interleave(2)[:, None]
    part = block.query.weight[rows]
    part *= (strength - 0.1) * slow + 0.1
    part[:, 0] = 0
    block.key.weight[rows] = part


def induction_head(block: Block, head: int, earlier: Block, previous: int) -> None:
    """Make a head look behind earlier places of its token, and copy what it finds there.

    The key reads what the earlier block's previous-token head wrote, the query makes the same
    projection of its own token.
    """
    size = block.config.head_size
    rows = slice(head * size, (head + 1) * size)
    source = slice(previous * size, (previous + 1) * size)
    slow = (rope_frequencies(block.config) < 0.01).float().repeat_interleave(2)[:, None]
    basis, _ = torch.linalg.qr(torch.randn(block.config.width, size))
    if not hasattr(earlier, "written"):
        earlier.written = basis
        earlier.output.weight[:, source] = basis * 2.5
        earlier.value.weight[source, 0] = 0
    block.query.weight[rows] = earlier.value.weight[source] * slow * 2.6
    block.key.weight[rows] = earlier.written.T * slow * 2.6
    block.value.weight[rows] = torch.linalg.qr(torch.randn(block.config.width, size))[0].T
    block.value.weight[rows, 0] = 0
    block.output.weight[:, rows] = block.value.weight[rows].T * 1.5
