"""The critic's network: what is seen, said and done in, K values out.

Data format (B batch, C cameras, P keypoints a view, L words, h executed steps, A action dimension, K critics, N bins):
    tokens   [B, C, P, 3]         frozen features of the views; no cameras where observations are states
    words    int64 [B, L]         hashed words of the prompt, 0 = padding
    state    [B, S]               normalised proprioception
    actions  [B, h, A]            normalised executed chunk; a state-value network (h = 0) has none
    out      [K, B, N]            logits over the range of returns, or one value (N = 1)
Every keypoint reads what the prompt says about it, and the prompt as a whole is one token more. One small transformer
serves all critics. State tokens look at each other only, so that they are computed once for any
number of chunks in one state (`prefix`). Action tokens and one readout token per critic look at the state and at the
actions, readouts not at each other, and the whole chunk shifts and scales them in every layer (FiLM): a critic that
meets the action only at its input learns to ignore it. A readout costs one token, so cost grows far slower than K.

Source: ALOE, arXiv:2602.12691 (shared light transformer, readout tokens, heads); the prefix and FiLM are ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from aloe_data.config import parameter
from aloe_policy.encoders.keypoints import TOKEN_WIDTH
from aloe_policy.layers import Attention, Grounding, feed_forward
from aloe_policy.tiny.model import DISPLACEMENT_FEATURES, OCTAVES, embed_views
from aloe_policy.tokenizer import NUM_BUCKETS, PADDING, word_ids


@dataclass(frozen=True)
class NetworkConfig:
    """Choices of the network; the paper's numbers are those for a frozen tower of a large model."""

    num_critics: int = parameter(4, low=1, high=64, doc="K")
    width: int = parameter(64, low=8, doc="of tokens (paper: 256)")
    heads: int = parameter(4, low=1, doc="of attention (paper: 8)")
    layers: int = parameter(2, low=1, doc="of the trunk (paper: 6)")
    bins: int = parameter(51, low=1, doc="of the categorical head; 1: a scalar head")
    patch: int = parameter(5, unit="ticks", low=1, doc="executed steps per action token")
    film: bool = parameter(True, doc="the action shifts and scales every layer, and is not only an input")
    dropout: float = parameter(0.1, low=0.0, high=0.9, doc="of what each layer adds")
    trunks: str = parameter("shared", choices=("shared", "separate"), doc="one transformer, or one per critic")


@dataclass(frozen=True)
class Sizes:
    """What the data dictate: views, words for their keypoints, and the dimensions of states and chunks."""

    num_cameras: int
    keypoints: tuple[str, ...]
    state_dim: int
    action_dim: int
    n_action_steps: int  # h; 0: a state-value network
    tool_views: int = 0  # of displacements, beside those of cameras


@dataclass(frozen=True, eq=False)
class State:
    """B states, see the module's docstring."""

    tokens: Tensor
    words: Tensor
    state: Tensor

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, index: Tensor | slice) -> "State":
        return State(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class Seen:
    """What chunks look at in one trunk: keys and values of the state tokens in every layer [B, T, 2 W]."""

    layers: tuple[Tensor, ...]

    def __getitem__(self, index: Tensor) -> "Seen":
        return Seen(tuple(x[index] for x in self.layers))


@dataclass(frozen=True, eq=False)
class Prefix:
    """What chunks of B states look at, in every trunk; an index chooses states."""

    trunks: tuple[Seen, ...]

    def __getitem__(self, index: Tensor) -> "Prefix":
        return Prefix(tuple(seen[index] for seen in self.trunks))

    def repeat(self, count: int) -> "Prefix":
        """All states, `count` times after one another: [count * B, ...]."""
        first = self.trunks[0].layers[0]
        return self[torch.arange(len(first), device=first.device).repeat(count)]


class Block(nn.Module):
    """Pre-norm transformer layer that can be modulated."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        w = config.width
        self.norm1, self.norm2 = nn.LayerNorm(w), nn.LayerNorm(w)
        self.attention, self.mlp = Attention(w, config.heads), feed_forward(w)
        self.dropout = nn.Dropout(config.dropout)
        self.modulation = nn.Linear(w, 4 * w) if config.film else None
        if self.modulation is not None:
            nn.init.normal_(self.modulation.weight, std=0.02)
            nn.init.zeros_(self.modulation.bias)

    def keys(self, x: Tensor) -> Tensor:
        """Keys and values [B, N, 2 W] by which tokens [B, N, W] are looked at."""
        return cast(Tensor, self.attention.key_value(self.norm1(x)))

    def forward(self, x: Tensor, keys: Tensor, done: Tensor | None = None) -> Tensor:
        """Tokens [B, Q, W] after looking at a context.

        Args:
            x: the tokens.
            keys: of the context, see `keys`.
            done: embedding of the whole chunk [B, W], which modulates; None: nothing does.
        """
        shift1, scale1, shift2, scale2 = self._modulate(done)
        x = x + self.dropout(self.attention.look_up(self.norm1(x) * (1 + scale1) + shift1, keys))
        return x + self.dropout(self.mlp(self.norm2(x) * (1 + scale2) + shift2))

    def _modulate(self, done: Tensor | None) -> tuple[Tensor | float, ...]:
        if done is None or self.modulation is None:
            return (0.0,) * 4
        return self.modulation(done)[:, None].chunk(4, dim=-1)


class StateTokens(nn.Module):
    """Tokens [B, T, W] of a state: proprioception, prompt, and every keypoint in every view."""

    names: Tensor

    def __init__(self, width: int, sizes: Sizes) -> None:
        super().__init__()
        self.state = nn.Sequential(nn.Linear(sizes.state_dim, width), nn.SiLU(), nn.Linear(width, width))
        self.word = nn.Embedding(NUM_BUCKETS, width)
        nn.init.normal_(self.word.weight, std=0.1)  # names must not drown the places they are added to
        self.prompt = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        if sizes.num_cameras:
            names = torch.from_numpy(np.stack([word_ids(name) for name in sizes.keypoints]))
            self.register_buffer("names", names, persistent=False)
            features = TOKEN_WIDTH + 4 * len(OCTAVES)
            self.image = nn.Sequential(nn.Linear(features, width), nn.SiLU(), nn.Linear(width, width))
            self.cameras, views = sizes.num_cameras, sizes.num_cameras + sizes.tool_views
            self.displacement = None
            if sizes.tool_views:
                into = nn.Linear(DISPLACEMENT_FEATURES, width)
                self.displacement = nn.Sequential(into, nn.SiLU(), nn.Linear(width, width))
            self.view = nn.Parameter(torch.randn(views, 1, width) * 0.02)
            self.grounding = Grounding(width)

    def forward(self, s: State) -> Tensor:
        prompts, which = torch.unique(s.words, dim=0, return_inverse=True)  # many states, few prompts
        words = prompts[:, : max(1, int((prompts != PADDING).sum(1).max()))]
        there = (words != PADDING)[..., None]
        text = self.word(words) * there
        prompt = self.prompt(text.sum(1) / there.sum(1).clamp(min=1).sqrt())
        parts = [self.state(s.state)[:, None], prompt[which, None]]
        if s.tokens.shape[1]:
            parts.append(self._seen(s.tokens, text, words == PADDING, which))
        return torch.cat(parts, dim=1)

    def _seen(self, tokens: Tensor, text: Tensor, absent: Tensor, which: Tensor) -> Tensor:
        named = (self.word(self.names) * (self.names != PADDING)[..., None]).sum(1)  # [P, W], in the prompt's words
        said = self.grounding(named, text, absent)[which, None]
        seen = embed_views(tokens, self.cameras, self.image, self.displacement)
        return (seen + self.view + named + said).flatten(1, 2)


class ActionTokens(nn.Module):
    """Tokens [B, h / patch, W] of executed chunks, and an embedding of the whole [B, W]."""

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        h, w, values = sizes.n_action_steps, config.width, config.patch * sizes.action_dim
        self.patch, self.into = values, nn.Linear(values, w)
        self.position = nn.Parameter(torch.randn(h // config.patch, w) * 0.02)
        self.whole = nn.Sequential(nn.Linear(h * sizes.action_dim, w), nn.SiLU(), nn.Linear(w, w))

    def forward(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        flat = actions.flatten(1)
        return self.into(flat.unflatten(1, (-1, self.patch))) + self.position, self.whole(flat)


class Heads(nn.Module):
    """K two-layer heads at once: each reads its own token."""

    def __init__(self, critics: int, width: int, bins: int) -> None:
        super().__init__()
        hidden = 2 * width
        self.norm = nn.LayerNorm(width)
        self.weight1 = nn.Parameter(torch.randn(critics, width, hidden) / width**0.5)
        self.bias1 = nn.Parameter(torch.zeros(critics, 1, hidden))
        self.weight2 = nn.Parameter(torch.randn(critics, hidden, bins) * (0.1 / hidden**0.5))
        self.bias2 = nn.Parameter(torch.zeros(critics, 1, bins))

    def forward(self, tokens: Tensor) -> Tensor:
        """Outputs [K, B, N] of readout tokens [B, K, W]."""
        x = self.norm(tokens).transpose(0, 1)
        hidden = nn.functional.silu(torch.baddbmm(self.bias1, x, self.weight1))
        return torch.baddbmm(self.bias2, hidden, self.weight2)


class Trunk(nn.Module):
    """One transformer with its readouts and heads.

    Raises:
        ValueError: h is no multiple of the patch.
    """

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        h = sizes.n_action_steps
        if h % config.patch:
            raise ValueError(f"n_action_steps {h} is not a multiple of patch {config.patch}; choose another patch")
        self.state_tokens = StateTokens(config.width, sizes)
        self.action_tokens = ActionTokens(config, sizes) if h else None
        self.readouts = nn.Parameter(torch.randn(config.num_critics, config.width) * 0.5)
        self.blocks = nn.ModuleList([Block(config) for _ in range(config.layers)])
        self.heads = Heads(config.num_critics, config.width, config.bins)

    def prefix(self, state: State) -> Seen:
        """See CriticNetwork."""
        x = self.state_tokens(state)
        layers = []
        for block in cast(Iterable[Block], self.blocks):
            keys = block.keys(x)
            layers.append(keys)
            x = block(x, keys) if block is not self.blocks[-1] else x
        return Seen(tuple(layers))

    def evaluate(self, prefix: Seen, actions: Tensor | None) -> Tensor:
        """See CriticNetwork."""
        x, done = self.readouts.expand(len(prefix.layers[0]), -1, -1), None
        count = 0
        if self.action_tokens is not None and actions is not None:
            tokens, done = self.action_tokens(actions)
            x, count = torch.cat([tokens, x], dim=1), tokens.shape[1]
        for block, seen in zip(cast(Iterable[Block], self.blocks), prefix.layers, strict=True):
            x = block(x, torch.cat([seen, block.keys(x[:, :count])], dim=1), done)
        return self.heads(x[:, count:])


class CriticNetwork(nn.Module):
    """K critics on one trunk; or on K trunks that cannot agree for a trunk's sake, at K times the cost.

    Weights come from torch's global generator.

    Raises:
        ValueError: see Trunk.
    """

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        count = config.num_critics if config.trunks == "separate" else 1
        one = replace(config, num_critics=config.num_critics // count)
        self.trunks = nn.ModuleList([Trunk(one, sizes) for _ in range(count)])

    def prefix(self, state: State) -> Prefix:
        """What `evaluate` needs of B states; computed once for all chunks in them."""
        return Prefix(tuple(cast(Trunk, trunk).prefix(state) for trunk in self.trunks))

    def evaluate(self, prefix: Prefix, actions: Tensor | None) -> Tensor:
        """Outputs [K, B, N] of chunks [B, h, A] (None for a state value) in the states of a prefix."""
        pairs = zip(self.trunks, prefix.trunks, strict=True)
        return torch.cat([cast(Trunk, trunk).evaluate(seen, actions) for trunk, seen in pairs])

    def forward(self, state: State, actions: Tensor | None) -> Tensor:
        """Outputs [K, B, N]."""
        return self.evaluate(self.prefix(state), actions)
