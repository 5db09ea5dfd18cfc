"""The critic's network: states, prompts and executed chunks in, K values out.

Data format (B batch, V views, P tokens a view, F values a token, L words, h executed steps, A action dimension,
K critics, N bins):
    tokens   [B, V, P, F]         features of a frozen encoder; no views where observations are joint states alone
    words    int64 [B, L]         hashed words of the prompt, 0 = padding
    state    [B, S]               normalised proprioception
    actions  [B, h, A]            normalised executed chunk; a state-value network (h = 0) has none
    out      [K, B, N]            logits over the range of returns, or one value (N = 1)
Which encoder the tokens come from is no matter of this network (see `token_embedding`). One small transformer
serves all critics. State tokens attend to each other only, so that they are computed once for any
number of chunks in one state (`prefix`). Action tokens and one readout token per critic attend to the state and to the
actions, readouts not to each other, and the whole chunk shifts and scales them in every layer (FiLM): a critic that
meets the action only at its input learns to ignore it. A readout costs one token, so cost grows far slower than K.

Source: ALOE, arXiv:2602.12691 (shared light transformer, readout tokens, heads); the prefix and FiLM are ours.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from aloe_critic.blocks import Block, Prefix, TrunkPrefix, two_layers
from aloe_critic.critic_state import Sizes, State
from aloe_critic.state_tokens import StateTokens
from aloe_data.config import parameter


@dataclass(frozen=True)
class NetworkOptions:
    """Sizes of the network; the paper's are those for the tower of a large model."""

    num_critics: int = parameter(4, low=1, high=64, doc="K, critics of the ensemble")
    width: int = parameter(64, low=8, doc="width of tokens, a multiple of 4 (paper: 256)")
    layers: int = parameter(2, low=1, doc="layers of the transformer (paper: 6)")


@dataclass(frozen=True)
class NetworkConfig(NetworkOptions):
    """All choices of the network; those that are no options are varied by studies alone.

    Attributes:
        heads: Heads of the attention (paper: 8).
        bins: Bins of the categorical head; 1: a scalar head.
        patch: Most executed steps that one action token holds.
        film: Whether the chunk shifts and scales every layer, and is not only an input.
        dropout: Dropout of what each layer adds.
        trunks: "shared": one transformer for all critics; "separate": one for each.
    """

    heads: int = 4
    bins: int = 51
    patch: int = 5
    film: bool = True
    dropout: float = 0.1
    trunks: str = "shared"


class ActionTokens(nn.Module):
    """Tokens [B, h / patch, W] of executed chunks, and an embedding of the whole [B, W].

    A patch is the longest that the configuration allows and that divides h.
    """

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        width = config.width
        steps = sizes.n_action_steps
        patch = max(ticks for ticks in range(1, config.patch + 1) if steps % ticks == 0)
        self.patch = patch * sizes.action_dim
        self.into = nn.Linear(self.patch, width)
        self.position = nn.Parameter(torch.randn(steps // patch, width) * 0.02)
        self.whole = two_layers(steps * sizes.action_dim, width)

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
        ValueError: The width is no multiple of the number of heads.
    """

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ValueError(f"width {config.width} is not a multiple of {config.heads}, the heads of the attention")
        self.state_tokens = StateTokens(config.width, sizes)
        self.action_tokens = ActionTokens(config, sizes) if sizes.n_action_steps else None
        self.readouts = nn.Parameter(torch.randn(config.num_critics, config.width) * 0.5)
        self.blocks = nn.ModuleList(
            [Block(config.width, config.heads, config.dropout, config.film) for _ in range(config.layers)]
        )
        self.heads = Heads(config.num_critics, config.width, config.bins)

    def prefix(self, state: State) -> TrunkPrefix:
        """See CriticNetwork."""
        x = self.state_tokens(state)
        layers = []
        for block in cast(Iterable[Block], self.blocks):
            keys = block.keys(x)
            layers.append(keys)
            x = block(x, keys) if block is not self.blocks[-1] else x
        return TrunkPrefix(tuple(layers))

    def evaluate(self, prefix: TrunkPrefix, actions: Tensor | None) -> Tensor:
        """See CriticNetwork."""
        x = self.readouts.expand(len(prefix.layers[0]), -1, -1)
        chunk = None
        count = 0
        if self.action_tokens is not None and actions is not None:
            tokens, chunk = self.action_tokens(actions)
            x = torch.cat([tokens, x], dim=1)
            count = tokens.shape[1]
        for block, state_keys in zip(cast(Iterable[Block], self.blocks), prefix.layers, strict=True):
            x = block(x, torch.cat([state_keys, block.keys(x[:, :count])], dim=1), chunk)
        return self.heads(x[:, count:])


class CriticNetwork(nn.Module):
    """K critics on one trunk; or on K trunks that cannot agree for a trunk's sake, at K times the cost.

    Weights come from torch's global generator.

    Raises:
        ValueError: See Trunk.
    """

    def __init__(self, config: NetworkConfig, sizes: Sizes) -> None:
        super().__init__()
        self.config = config
        self.sizes = sizes
        count = config.num_critics if config.trunks == "separate" else 1
        one = replace(config, num_critics=config.num_critics // count)
        self.trunks = nn.ModuleList([Trunk(one, sizes) for _ in range(count)])

    def prefix(self, state: State) -> Prefix:
        """What `evaluate` needs of B states; computed once for all chunks in them."""
        return Prefix(tuple(cast(Trunk, trunk).prefix(state) for trunk in self.trunks))

    def evaluate(self, prefix: Prefix, actions: Tensor | None) -> Tensor:
        """Outputs [K, B, N] of chunks [B, h, A] (None for a state value) in the states of a prefix."""
        pairs = zip(self.trunks, prefix.trunks, strict=True)
        return torch.cat([cast(Trunk, trunk).evaluate(part, actions) for trunk, part in pairs])

    def forward(self, state: State, actions: Tensor | None) -> Tensor:
        """Outputs [K, B, N]."""
        return self.evaluate(self.prefix(state), actions)
