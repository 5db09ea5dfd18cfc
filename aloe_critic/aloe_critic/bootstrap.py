"""What the current policy would do in the states after the chunks, drawn once and used for many steps."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.networks import Sizes, State


class ChunkSampler(Protocol):
    """A policy that proposes chunks for states whose features are known; `TinyPolicy` is one."""

    version: str

    @property
    def action_horizon(self) -> int:
        """H, steps per chunk."""
        ...

    def sample(self, tokens: Tensor, words: Tensor, state: Tensor, noise: Tensor) -> Tensor:
        """Normalised chunks [n, B, H, A] from noise [n, B, H, A]; states are encoded once."""
        ...


def policy_chunks(policy: ChunkSampler, state: State, count: int, sizes: Sizes) -> Tensor:
    """The first h steps of `count` chunks per state, [count, B, h, A]; noise from torch's global generator."""
    shape = count, len(state), policy.action_horizon, sizes.action_dim
    noise = torch.randn(shape, device=state.state.device)
    return policy.sample(state.tokens, state.words, state.state, noise)[:, :, : sizes.n_action_steps]


class BootstrapActions:
    """Chunks of the current policy after each chunk of a replay, kept as float16 in memory.

    Args:
        policy: the current one.
        sizes: of the critic.
        rows: int64 [n], every row at which a chunk of the replay begins.
        samples: chunks kept per state; one of them is picked whenever the state is used.
        refresh: steps after which they are drawn anew; 0: when the policy changes only.
    """

    def __init__(self, policy: ChunkSampler, sizes: Sizes, rows: NDArray[np.int64], samples: int, refresh: int) -> None:
        self.policy, self._sizes, self._samples, self._refresh = policy, sizes, samples, refresh
        self._rows = torch.from_numpy(np.sort(rows))
        shape = len(rows), samples, sizes.n_action_steps, sizes.action_dim
        self._chunks = torch.zeros(shape, dtype=torch.float16)
        self._drawn = torch.full((len(rows),), -1)  # step at which; -1: never

    def change(self, policy: ChunkSampler) -> None:
        """Go on with another policy; what the last one proposed is dropped, unless it is the same version."""
        if policy.version != self.policy.version:
            self._drawn.fill_(-1)
        self.policy = policy

    def at(self, row: Tensor, state: State, step: int) -> Tensor:
        """One chunk [B, h, A] for each of the states that follow the chunks at `row` [B], in training step `step`."""
        entry = torch.searchsorted(self._rows, row)
        drawn = self._drawn[entry]
        stale = drawn < 0
        if self._refresh:
            stale |= step - drawn >= self._refresh
        if stale.any():
            wanted = state[stale.nonzero()[:, 0].to(state.state.device)]
            fresh = policy_chunks(self.policy, wanted, self._samples, self._sizes)
            self._chunks[entry[stale]] = fresh.transpose(0, 1).half().cpu()
            self._drawn[entry[stale]] = step
        picked = self._chunks[entry, torch.randint(self._samples, (len(entry),))]
        return picked.float().to(state.state.device)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs."""
        return {"version": self.policy.version, "rows": self._rows, "chunks": self._chunks, "drawn": self._drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what was drawn, if it was from the same policy for the same replay."""
        if state["version"] == self.policy.version and torch.equal(state["rows"], self._rows):
            self._chunks.copy_(state["chunks"])
            self._drawn.copy_(state["drawn"])
