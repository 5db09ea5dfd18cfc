"""Transformer blocks, all pre-norm."""

import math

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of queries [B, Q, W] over a context [B, N, W]."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)

    def forward(self, x: Tensor, context: Tensor, padding: Tensor | None = None) -> Tensor:
        """`padding` [B, N] is True where the context is not to be attended to."""
        return self.look_up(x, self.key_value(context), padding)

    def look_up(self, x: Tensor, key_value: Tensor, padding: Tensor | None = None) -> Tensor:
        """The same over keys and values [B, N, 2 W] of a context that are there already."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = key_value.chunk(2, dim=-1)
        key = key.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        value = value.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        mask = None if padding is None else ~padding[:, None, None, :]
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


def feed_forward(width: int) -> nn.Sequential:
    """The usual two layers, four times as wide inside."""
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class SelfBlock(nn.Module):
    """Tokens [B, N, W] attend to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = feed_forward(width)

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:
        h = self.norm1(x)
        x = x + self.attention(h, h, padding)
        return x + self.mlp(self.norm2(x))


class ExpertBlock(nn.Module):
    """Action tokens attend to each other and to the prefix; the flow time shifts and scales them (adaLN-zero, DiT)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width, elementwise_affine=False) for _ in range(3)])
        self.self_attention = Attention(width, heads)
        self.cross_attention = Attention(width, heads)
        self.mlp = feed_forward(width)
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def key_value(self, prefix: Tensor) -> Tensor:
        """Keys and values [B, N, 2 W] of a prefix [B, N, W]."""
        found: Tensor = self.cross_attention.key_value(prefix)
        return found

    def forward(self, x: Tensor, key_value: Tensor, time: Tensor) -> Tensor:
        """Action tokens [B, Q, W], keys and values of the prefix [B, N, 2 W] and the flow time's features [B, W]."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(time)[:, None].chunk(6, dim=-1)
        h = self.norms[0](x) * (1 + scale1) + shift1
        x = x + (1 + gate1) * self.self_attention(h, h)
        x = x + self.cross_attention.look_up(self.norms[1](x), key_value)
        h = self.norms[2](x) * (1 + scale2) + shift2
        return x + (1 + gate2) * self.mlp(h)


class Grounding(nn.Module):
    """What a prompt says about things that have names: names look themselves up among its words.

    A name attends to the words that share its embedding, and reads them in their context ("red" in "the red cube to the
    left"). Queries and keys are the embeddings themselves, so that a name finds itself before anything is learned.
    """

    CONTEXT = 9  # words around each word that make up its context

    def __init__(self, width: int) -> None:
        super().__init__()
        self.context = nn.Conv1d(width, width, self.CONTEXT, padding=self.CONTEXT // 2)
        self.sharpness = nn.Parameter(torch.tensor(8.0))
        self.out = nn.Linear(width, width)

    def forward(self, names: Tensor, words: Tensor, padding: Tensor) -> Tensor:
        """What is said about each name, [B, K, W].

        Args:
            names: embeddings of the K names, [K, W].
            words: embeddings of the prompt's words, [B, L, W].
            padding: bool [B, L], True where there is no word.
        """
        words = words.masked_fill(padding[..., None], 0.0)
        said = nn.functional.silu(self.context(words.transpose(1, 2))).transpose(1, 2)
        match = self.sharpness * torch.einsum("kw,blw->bkl", names, words)
        attention = match.masked_fill(padding[:, None, :], float("-inf")).softmax(dim=-1)
        return self.out(attention @ said)


def sinusoidal(tau: Tensor, width: int) -> Tensor:
    """Sine and cosine features [B, width] of flow times [B] in 0..1."""
    period = torch.exp(torch.linspace(math.log(4e-3), math.log(4.0), width // 2, device=tau.device))
    angle = 2 * math.pi * tau[:, None] / period
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
