"""The embedding model: a small BERT encoder, mean-pooled and normalized.

It has the form in which llama.cpp computes it.
"""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own name for it

DROPPED = 8  # dimensions that hold a token's weight


@dataclasses.dataclass(frozen=True)
class Config:
    """Sizes of the model."""

    vocabulary: int
    width: int = 256
    layers: int = 2
    heads: int = 4
    inner: int = 512
    context: int = 512
    epsilon: float = 1e-6


def positions(length: int, width: int, scale: float = 0.15) -> Tensor:
    """Return fixed sinusoidal position vectors (Vaswani et al. 2017), of shape (length, width).

    Since they are fixed, long texts need no training.
    """
    angle = torch.arange(length)[:, None] / torch.pow(1000.0, torch.arange(0, width, 2) / width)
    return scale * torch.stack([angle.sin(), angle.cos()], dim=2).reshape(length, width)


class Layer(nn.Module):
    """One post-norm BERT layer.

    Its output matrices start at zero: the untrained layer changes nothing.
    """

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.heads = c.heads
        self.qkv = nn.Linear(c.width, 3 * c.width)
        self.out = nn.Linear(c.width, c.width)
        self.norm = nn.LayerNorm(c.width, c.epsilon)
        self.up = nn.Linear(c.width, c.inner)
        self.down = nn.Linear(c.inner, c.width)
        self.norm_out = nn.LayerNorm(c.width, c.epsilon)
        for linear in (self.qkv, self.up):
            nn.init.normal_(linear.weight, std=1 / math.sqrt(c.width))
            nn.init.zeros_(linear.bias)
        for linear in (self.out, self.down):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Shapes: x (batch, tokens, width), mask (batch, tokens), true where there is a token."""
        b, t, w = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = self.norm(x + self.out(seen.transpose(1, 2).reshape(b, t, w)))
        return self.norm_out(x + self.down(F.gelu(self.up(x), approximate="tanh")))


class Embedder(nn.Module):
    """Token ids to one vector of length 1 a text."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.config = c
        self.tokens = nn.Embedding(c.vocabulary, c.width)
        self.register_buffer("positions", positions(c.context, c.width))
        self.norm = nn.LayerNorm(c.width, c.epsilon)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        # the first dimensions tell how little a token matters (see embed_start.py): they end here
        with torch.no_grad():
            self.layers[-1].norm_out.weight[:DROPPED] = 0

    def forward(self, ids: Tensor, mask: Tensor, *, shallow: bool = False) -> Tensor:
        """Shapes: ids and mask (batch, tokens); the result is (batch, width).

        `shallow` leaves out what is still untrained.
        """
        x = self.norm(self.tokens(ids) + self.positions[: ids.shape[1]])
        for layer in self.layers:
            x = layer.norm_out(x) if shallow else layer(x, mask)
        weight = mask[:, :, None].to(x.dtype)
        return F.normalize((x * weight).sum(1), dim=1)
