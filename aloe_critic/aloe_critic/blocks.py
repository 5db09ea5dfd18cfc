"""The critic's transformer layer, and what it computes of states once for all chunks in them."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from aloe_policy.layers import Attention, feed_forward


@dataclass(frozen=True, eq=False)
class TrunkPrefix:
    """Keys and values of the state tokens in every layer of one trunk, [B, T, 2 W] each."""

    layers: tuple[Tensor, ...]

    def __getitem__(self, index: Tensor) -> "TrunkPrefix":
        return TrunkPrefix(tuple(layer[index] for layer in self.layers))


@dataclass(frozen=True, eq=False)
class Prefix:
    """Prefixes of B states in every trunk; an index chooses states."""

    trunks: tuple[TrunkPrefix, ...]

    def __getitem__(self, index: Tensor) -> "Prefix":
        return Prefix(tuple(trunk[index] for trunk in self.trunks))

    def repeat(self, count: int) -> "Prefix":
        """All states, `count` times after one another: [count * B, ...]."""
        first = self.trunks[0].layers[0]
        return self[torch.arange(len(first), device=first.device).repeat(count)]


class Block(nn.Module):
    """Pre-norm transformer layer that can be modulated.

    Args:
        width: W, width of tokens.
        heads: Heads of the attention.
        dropout: Dropout of what the layer adds.
        film: Whether the embedding of a whole chunk shifts and scales the layer's inputs.
    """

    def __init__(self, width: int, heads: int, dropout: float, film: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = feed_forward(width)
        self.dropout = nn.Dropout(dropout)
        self.modulation = nn.Linear(width, 4 * width) if film else None
        if self.modulation is not None:
            nn.init.normal_(self.modulation.weight, std=0.02)
            nn.init.zeros_(self.modulation.bias)

    def keys(self, x: Tensor) -> Tensor:
        """Keys and values [B, N, 2 W] of tokens [B, N, W] for others that attend to them."""
        return cast(Tensor, self.attention.key_value(self.norm1(x)))

    def forward(self, x: Tensor, keys: Tensor, chunk: Tensor | None = None) -> Tensor:
        """Tokens [B, Q, W] after attending to a context.

        Args:
            x: Tokens before, [B, Q, W].
            keys: Keys and values of the context, see `keys`.
            chunk: Embedding of the whole chunk, which modulates the layer, [B, W]; None: nothing does.
        """
        shift1, scale1, shift2, scale2 = self._modulate(chunk)
        x = x + self.dropout(self.attention.look_up(self.norm1(x) * (1 + scale1) + shift1, keys))
        return x + self.dropout(self.mlp(self.norm2(x) * (1 + scale2) + shift2))

    def _modulate(self, chunk: Tensor | None) -> tuple[Tensor | float, ...]:
        if chunk is None or self.modulation is None:
            return (0.0,) * 4
        return self.modulation(chunk)[:, None].chunk(4, dim=-1)


def two_layers(values: int, width: int) -> nn.Sequential:
    """A small network [..., values] -> [..., W] that brings inputs to the width of tokens."""
    return nn.Sequential(nn.Linear(values, width), nn.SiLU(), nn.Linear(width, width))
