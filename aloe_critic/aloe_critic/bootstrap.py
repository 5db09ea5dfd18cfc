"""What the current policy would do in the states after the chunks, drawn once and used for many steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.critic_state import Sizes, State


class ChunkSampler(Protocol):
    """A policy that proposes chunks for states whose features are known; `TinyPolicy` is one."""

    version: str

    @property
    def action_horizon(self) -> int:
        """H, steps per chunk."""
        ...

    def sample_tokens(self, tokens: Tensor, words: Tensor, state: Tensor, noise: Tensor) -> Tensor:
        """Normalised chunks [n, B, H, A] from noise [n, B, H, A]; states are encoded once."""
        ...


def policy_chunks(policy: ChunkSampler, state: State, count: int, sizes: Sizes, noise: Tensor | None = None) -> Tensor:
    """The first h steps of `count` chunks per state, [count, B, h, A].

    Args:
        policy: to ask.
        state: B of them.
        count: chunks per state.
        sizes: of the critic.
        noise: [count, B, H, A]; default: from torch's global generator.
    """
    if noise is None:
        noise = torch.randn(count, len(state), policy.action_horizon, sizes.action_dim, device=state.state.device)
    return policy.sample_tokens(state.tokens, state.words, state.state, noise)[:, :, : sizes.n_action_steps]


class BootstrapActions:
    """Chunks of the current policy after each chunk of a replay, kept as float16 in memory.

    The noise behind them is a function of the seed and the row: they are the same whoever draws them, and when.

    Args:
        policy: the current one.
        sizes: of the critic.
        rows: int64 [n], every row at which a chunk of the replay begins.
        samples: chunks kept per state; one of them is picked whenever the state is used.
        refresh: steps after which they are drawn anew; 0: when the policy changes only.
        seed: of the noise.
    """

    def __init__(
        self, policy: ChunkSampler, sizes: Sizes, rows: NDArray[np.int64], samples: int, refresh: int, seed: int = 0
    ) -> None:
        self.policy, self.samples, self._sizes, self._refresh, self._seed = policy, samples, sizes, refresh, seed
        self._rows = torch.from_numpy(np.sort(rows))
        self._chunks, self._drawn = self._nothing_drawn()

    def change(self, policy: ChunkSampler) -> None:
        """Go on with another policy; what the last one proposed is dropped, unless it is the same version."""
        if policy.version != self.policy.version:
            self._drawn.fill_(-1)
        self.policy = policy

    def extend(self, rows: NDArray[np.int64]) -> None:
        """Go on with another replay of the same store; what was drawn for rows that both have stays."""
        before = self._rows, self._chunks, self._drawn
        self._rows = torch.from_numpy(np.sort(rows))
        self._chunks, self._drawn = self._nothing_drawn()
        self._take(*before)

    def at(self, row: Tensor, state: State, step: int, pick: Tensor) -> Tensor:
        """One chunk [B, h, A] for each of the states that follow the chunks at `row` [B].

        Args:
            row: of the store, on the CPU.
            state: after the chunks.
            step: of the training.
            pick: which of the kept chunks [B], 0 to samples - 1.
        """
        entry, turn = torch.searchsorted(self._rows, row), step // self._refresh if self._refresh else 0
        stale = self._drawn[entry] != turn
        if stale.any():
            wanted = state[stale.nonzero()[:, 0].to(state.state.device)]
            noise = self._noise(row[stale], turn).to(state.state.device)
            fresh = policy_chunks(self.policy, wanted, self.samples, self._sizes, noise)
            self._chunks[entry[stale]] = fresh.transpose(0, 1).half().cpu()
            self._drawn[entry[stale]] = turn
        return self._chunks[entry, pick].float().to(state.state.device)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs."""
        return {"version": self.policy.version, "rows": self._rows, "chunks": self._chunks, "drawn": self._drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what was drawn for rows that are still there, if it was from the same policy."""
        if state["version"] == self.policy.version and state["chunks"].shape[1:] == self._chunks.shape[1:]:
            self._take(state["rows"], state["chunks"], state["drawn"])

    def _nothing_drawn(self) -> tuple[Tensor, Tensor]:
        """Room for the chunks, and the turn in which each row's were drawn, -1: never."""
        shape = len(self._rows), self.samples, self._sizes.n_action_steps, self._sizes.action_dim
        return torch.zeros(shape, dtype=torch.float16), torch.full((len(self._rows),), -1)

    def _take(self, rows: Tensor, chunks: Tensor, drawn: Tensor) -> None:
        there = torch.isin(rows, self._rows)
        entry = torch.searchsorted(self._rows, rows[there])
        self._chunks[entry], self._drawn[entry] = chunks[there], drawn[there]

    def _noise(self, rows: Tensor, turn: int) -> Tensor:
        """[samples, rows, H, A]."""
        shape = self.samples, self.policy.action_horizon, self._sizes.action_dim
        keys = ([self._seed, row] for row in rows.tolist())
        draws = (np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, turn])) for key in keys)
        return torch.from_numpy(np.stack([draw.standard_normal(shape, np.float32) for draw in draws], axis=1))


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a critic's training drew of a policy, for others that ask about the same states.

    Attributes:
        rows: int64 [n] rising, where the chunks begin behind which the policy was asked.
        reach: ticks from there to where it was asked.
        chunks: float16 [n, samples, h, A].
    """

    rows: Tensor
    chunks: Tensor
    reach: int

    @classmethod
    def of(cls, state: Mapping[str, Any], n_step: int) -> "Drawn":
        """Of a `BootstrapActions.state_dict` of a replay's chunks with that `n_step`."""
        there, chunks = state["drawn"] >= 0, state["chunks"]
        return cls(state["rows"][there], chunks[there], n_step * chunks.shape[2])

    def at(self, row: NDArray[np.int64], start: NDArray[np.int64]) -> tuple[NDArray[np.bool_], Tensor]:
        """For which states at `row` [m], of segments that begin at `start` [m], chunks are there; and those.

        Returns:
            bool [m], and [count of them, samples, h, A].
        """
        before = row - self.reach
        entry = torch.searchsorted(self.rows, torch.from_numpy(before)).clamp(max=len(self.rows) - 1)
        there = (self.rows[entry].numpy() == before) & (before >= start)
        return there, self.chunks[entry[torch.from_numpy(there)]]
