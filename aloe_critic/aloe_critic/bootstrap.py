"""What the current policy would do in the states after the chunks, drawn once and used for many steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.critic_state import Sizes
from aloe_critic.proposer import ChunkSource

Index = NDArray[np.int64]
NEVER = -1


class BootstrapActions:
    """Chunks of the current policy after each chunk of a replay, kept as float16 in memory.

    The noise behind them is a function of the seed and the row: they are the same whoever draws them, and when.

    Args:
        source: Chunks of the current policy.
        sizes: Sizes of the critic.
        rows: Every row at which a chunk of the replay begins, int64 [n].
        samples: Chunks kept per state, one of which is picked whenever the state is used; 1 of a policy that always
            gives the same.
        refresh: Steps after which they are drawn anew; 0: when the policy changes only.
        seed: Seed of the noise.
    """

    def __init__(
        self, source: ChunkSource, sizes: Sizes, rows: Index, samples: int, refresh: int, seed: int = 0
    ) -> None:
        self.source = source
        self.samples = samples if source.stochastic else 1
        self._sizes = sizes
        self._refresh = refresh
        self._seed = seed
        self._rows = torch.from_numpy(np.sort(rows))
        self._chunks, self._drawn = self._nothing_drawn()

    def change(self, source: ChunkSource) -> None:
        """Go on with another policy; what the last one proposed is dropped, unless it is the same version."""
        if source.version != self.source.version:
            self._drawn.fill_(NEVER)
        self.source = source

    def extend(self, rows: Index) -> None:
        """Go on with another replay of the same store; what was drawn for rows that both have stays."""
        before = self._rows, self._chunks, self._drawn
        self._rows = torch.from_numpy(np.sort(rows))
        self._chunks, self._drawn = self._nothing_drawn()
        self._take(*before)

    def at(self, row: Tensor, next_row: Tensor, step: int, pick: Tensor, device: torch.device) -> Tensor:
        """One chunk [B, h, A] for each of the states that follow the chunks at `row`.

        Args:
            row: Rows of the store at which the chunks begin, int64 [B] on the CPU.
            next_row: Rows of the states after them, int64 [B] on the CPU.
            step: Step of the training.
            pick: Which of the kept chunks to take, 0 to samples - 1, int64 [B].
            device: Device of the result.
        """
        entry = torch.searchsorted(self._rows, row)
        turn = step // self._refresh if self._refresh else 0
        stale = self._drawn[entry] != turn
        if stale.any():
            fresh = self.source.at(next_row[stale].numpy(), self._noise(row[stale], turn).to(device))
            self._chunks[entry[stale]] = fresh.transpose(0, 1).half().cpu()
            self._drawn[entry[stale]] = turn
        return self._chunks[entry, pick].float().to(device)

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs."""
        return {"version": self.source.version, "rows": self._rows, "chunks": self._chunks, "drawn": self._drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what was drawn for rows that are still there, if it was from the same policy."""
        if state["version"] == self.source.version and state["chunks"].shape[1:] == self._chunks.shape[1:]:
            self._take(state["rows"], state["chunks"], state["drawn"])

    def _nothing_drawn(self) -> tuple[Tensor, Tensor]:
        """Room for the chunks, and the turn in which each row's were drawn."""
        shape = len(self._rows), self.samples, self._sizes.n_action_steps, self._sizes.action_dim
        return torch.zeros(shape, dtype=torch.float16), torch.full((len(self._rows),), NEVER)

    def _take(self, rows: Tensor, chunks: Tensor, drawn: Tensor) -> None:
        there = torch.isin(rows, self._rows)
        entry = torch.searchsorted(self._rows, rows[there])
        self._chunks[entry] = chunks[there]
        self._drawn[entry] = drawn[there]

    def _noise(self, rows: Tensor, turn: int) -> Tensor:
        """Noise of one turn for rows [n], [samples, n, H, A]."""
        shape = (self.samples, *self.source.noise_shape)
        keys = ([self._seed, row] for row in rows.tolist())
        draws = (np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, turn])) for key in keys)
        return torch.from_numpy(np.stack([draw.standard_normal(shape, np.float32) for draw in draws], axis=1))


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a critic's training drew of a policy, for others that ask about the same states.

    Attributes:
        rows: Rows at which the chunks begin behind which the policy was asked, int64 [n], rising.
        chunks: Chunks of the policy in the critic's units, float16 [n, samples, h, A].
        reach: Ticks from there to where it was asked.
    """

    rows: Tensor
    chunks: Tensor
    reach: int

    @classmethod
    def of(cls, state: Mapping[str, Any], n_step: int) -> "Drawn":
        """Of a `BootstrapActions.state_dict` of a replay's chunks with that `n_step`."""
        there = state["drawn"] != NEVER
        chunks = state["chunks"]
        return cls(state["rows"][there], chunks[there], n_step * chunks.shape[2])

    def at(self, row: Index, start: Index) -> tuple[NDArray[np.bool_], Tensor]:
        """What is there for states at rows, of segments that begin at `start`.

        Args:
            row: Rows of the states, [m].
            start: Rows at which their segments begin, [m].

        Returns:
            Whether chunks are there, bool [m]; and the chunks of those states [count of them, samples, h, A].
        """
        before = row - self.reach
        entry = torch.searchsorted(self.rows, torch.from_numpy(before)).clamp(max=len(self.rows) - 1)
        there = (self.rows[entry].numpy() == before) & (before >= start)
        return there, self.chunks[entry[torch.from_numpy(there)]]
