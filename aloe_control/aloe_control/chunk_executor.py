"""Follows action chunks tick by tick and splices the next one in by the ticks consumed since its observation."""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.action_columns import ActionColumns, JumpLimits
from aloe_control.chunk_refusal import ChunkOutdated, ChunkRefused
from aloe_control.handover import FadeLimits, fade, fade_ticks
from aloe_control.tick_clock import LATE_PERIODS
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, RefusalReason

Array = npt.NDArray[np.float64]
_NEVER: Final = np.iinfo(np.int64).max
_HISTORY: Final = 4096  # ticks: far more than any chunk has rows


@dataclass(frozen=True)
class Planned:
    """The action of one tick [A], NaN for arms that it is not for, and where it comes from: a row of a chunk."""

    action: Array
    chunk_id: int
    step: int
    policy_version: str


NOTHING_PLANNED: Final = Planned(np.zeros(0), 0, 0, "")


class ChunkExecutor:
    """One action per tick from a stream of overlapping chunks.

    Row 0 of a chunk belongs to the first tick at or after its observation's stamp. How many rows are already past when
    it arrives is counted in ticks that really ran, so that neither inference time nor transport need be known. At a
    seam the remaining old rows fade into the new ones; after a hold or a hand-back, the difference to where the arm is
    fades as slowly as its size asks for, over as many chunks as that takes. An arm that is dropped follows nothing
    until it is to follow again, and then only chunks from observations since then.

    Args:
        rig: Rig with its action layout, its rate and the age from which on a chunk is not followed.
        blend_ticks: Length of a seam between two chunks.
        jumps: Limits between consecutive actions.
        fade: Limits of the fading after a hold; see `handover`.
    """

    def __init__(self, rig: Rig, blend_ticks: int, jumps: JumpLimits, fade: FadeLimits) -> None:
        self._rig = rig
        self._blend_ticks = blend_ticks
        self._fade_limits = fade
        self._period_ns = round(NS / rig.rate_hz)
        self._max_age_ns = round(rig.policy_max_age_s * NS)
        self._columns = ActionColumns(rig, jumps)
        self.start(0)

    @property
    def newest_ns(self) -> int | None:
        """Stamp of the newest accepted chunk, or its arrival if that was earlier; None before the first."""
        return None if self._chunk is None else self._chunk_ns

    def start(self, now_ns: int) -> None:
        """Forget everything: only chunks from observations at or after `now_ns` (arming) will be followed."""
        self._start_ns = now_ns
        self._not_before = np.full(self._rig.action_dim, now_ns, np.int64)  # per value: observations that count
        self._ticks: list[int] = []
        self._chunk: Chunk | None = None
        self._chunk_ns = 0  # from when on it ages
        self._plan = np.zeros((0, self._rig.action_dim))  # actions of the coming ticks
        self._step = 0  # row of the chunk that plan[0] belongs to
        self._fade_step = np.zeros(self._rig.action_dim, np.int64)  # per value: ticks since its fading began ...
        self._fade_end = np.zeros(self._rig.action_dim, np.int64)  # ... of so many
        self._last: Array | None = None  # action of the last tick, if it had one

    def drop(self, arm: str) -> None:
        """Forget what is queued for an arm, which follows nothing from now on."""
        columns = self._rig.action_slice(arm)
        self._not_before[columns] = _NEVER
        self._plan[:, columns] = np.nan
        if self._last is not None:
            self._last[columns] = np.nan

    def follow(self, arm: str, now_ns: int) -> None:
        """Let an arm follow chunks again, from observations at or after `now_ns`."""
        self._not_before[self._rig.action_slice(arm)] = now_ns

    def offer(self, chunk: Chunk, here: Array, now_ns: int | None = None) -> None:
        """Splice a chunk in, from the next tick on.

        Args:
            chunk: Proposal of the policy.
            here: Action [A] that corresponds to the last commanded joint positions.
            now_ns: Time of its arrival [ns]; None: that of the last tick.

        Raises:
            ChunkRefused: the chunk is malformed, from the wrong time, or infeasible; the old one goes on.
        """
        if now_ns is None:
            now_ns = self._ticks[-1] if self._ticks else self._start_ns
        self._check_form(chunk)
        self._check_time(chunk, now_ns)
        step = len(self._ticks) - bisect_left(self._ticks, chunk.stamp_ns)
        if step >= chunk.horizon:
            raise ChunkRefused(
                RefusalReason.OUTDATED,
                f"chunk {chunk.chunk_id} arrived after all its {chunk.horizon} steps: {step} ticks ran since its "
                "observation; use a faster policy or longer chunks",
            )
        data = self._columns.normalised(np.asarray(chunk.data, float))
        impossible = self._columns.impossible(data)
        if impossible:
            text = f"chunk {chunk.chunk_id}: {impossible}; check the policy's normaliser and its units"
            raise ChunkRefused(RefusalReason.INFEASIBLE, text)
        foreign = self._not_before > chunk.stamp_ns  # arms that this chunk is not for
        jump = self._columns.jump(np.where(foreign, here, np.vstack((here, data[step:]))))
        if jump:
            text = f"chunk {chunk.chunk_id} is infeasible: {jump}; is the policy for this rig?"
            raise ChunkRefused(RefusalReason.INFEASIBLE, text)
        self._plan = self._faded(data, step, here)
        self._plan[:, foreign] = np.nan
        self._chunk = chunk
        self._step = step
        self._chunk_ns = min(chunk.stamp_ns, now_ns)

    def next(self, now_ns: int) -> Planned | None:
        """The action of the tick at `now_ns`; None where no chunk covers it (hold)."""
        self._ticks.append(now_ns)
        if len(self._ticks) > 2 * _HISTORY:
            del self._ticks[:_HISTORY]
        chunk = self._chunk
        step = self._step
        if chunk is None or not len(self._plan) or now_ns - self._chunk_ns > self._max_age_ns:
            self._plan = self._plan[:0]
            self._last = None
            return None
        self._last = self._plan[0]
        self._plan = self._plan[1:]
        self._step = step + 1
        self._fade_step += 1
        return Planned(self._last, chunk.chunk_id, step, chunk.policy_version)

    def _faded(self, data: Array, step: int, here: Array) -> Array:
        """The rows from `step` on, beginning on what the arms do now."""
        rows = data[step:].copy()
        old = self._old(data, step)
        apart = np.isnan(old[0])  # values that the old chunk says nothing about begin where the arm is
        slow = ~apart & (self._fade_end - self._fade_step > self._blend_ticks)  # still on their way to the old chunk
        offset = np.where(apart, here - rows[0], np.where(slow, old[0], old))
        begun = np.where(apart, fade_ticks(offset[0], self._fade_limits), self._blend_ticks)
        self._fade_end = np.where(slow, self._fade_end, begun)
        self._fade_step = np.where(slow, self._fade_step, 0)
        n = min(int((self._fade_end - self._fade_step).max(initial=0)), len(rows))
        if n:
            at = np.minimum(np.arange(n), len(offset) - 1)  # where the old rows end, their last offset goes on to fade
            share = fade(self._fade_step + np.arange(1, n + 1)[:, None], self._fade_end)
            share /= fade(self._fade_step + slow, self._fade_end)  # what has faded already
            rows[:n] = self._columns.normalised(rows[:n] + share * offset[at])
        return rows

    def _old(self, data: Array, step: int) -> Array:
        """How far the old rows lie from the new ones, for as many ticks as both are known; NaN where not at all."""
        if len(self._plan):
            n = max(1, min(self._blend_ticks, len(self._plan), len(data) - step))
            return self._plan[:n] - data[step : step + n]
        if self._last is not None and step > 0:  # the old chunk ended in the last tick
            return np.asarray(self._last - data[step - 1])[None]
        return np.full((1, data.shape[1]), np.nan)

    def _check_form(self, chunk: Chunk) -> None:
        name = f"chunk {chunk.chunk_id}"
        shape = chunk.data.shape
        if chunk.data.ndim != 2 or shape[0] == 0 or shape[1] != self._rig.action_dim:
            raise ChunkRefused(
                RefusalReason.MALFORMED,
                f"{name} has shape {list(shape)}, this rig needs [H, {self._rig.action_dim}] "
                f"({self._rig.action_space}: {', '.join(self._rig.action_layout)}); load a policy made for this rig",
            )
        bad = ~np.isfinite(chunk.data)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ChunkRefused(
                RefusalReason.MALFORMED,
                f"{name}: value '{self._rig.action_layout[column]}' of step {row} is not finite ({bad.sum()} such "
                "values); check the policy's normaliser and its input",
            )
        if abs(chunk.rate_hz - self._rig.rate_hz) > 0.01 * self._rig.rate_hz:
            text = f"{name} is for {chunk.rate_hz:g} Hz, this rig runs at {self._rig.rate_hz:g} Hz"
            raise ChunkRefused(RefusalReason.MALFORMED, text)

    def _check_time(self, chunk: Chunk, now_ns: int) -> None:
        name = f"chunk {chunk.chunk_id}"
        if (self._not_before > chunk.stamp_ns).all():
            since = "arming" if (self._not_before == self._start_ns).all() else "the policy's turn"
            raise ChunkOutdated(f"{name} answers an observation from before {since}")
        if chunk.stamp_ns > now_ns + LATE_PERIODS * self._period_ns:
            raise ChunkRefused(
                RefusalReason.OUTDATED,
                f"{name} is stamped {(chunk.stamp_ns - now_ns) / NS:.3f} s in the future; synchronise the clocks",
            )
        if self._chunk is not None and chunk.stamp_ns <= self._chunk.stamp_ns:
            raise ChunkOutdated(f"{name} is not newer than chunk {self._chunk.chunk_id}, which is being followed")
        if now_ns - chunk.stamp_ns > self._max_age_ns:
            raise ChunkRefused(
                RefusalReason.OUTDATED,
                f"{name} answers an observation {(now_ns - chunk.stamp_ns) / NS:.3f} s old (limit policy_max_age_s = "
                f"{self._rig.policy_max_age_s:g}); use a faster policy",
            )
