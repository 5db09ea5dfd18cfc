"""Punctuality of the control ticks, over a whole run and over a recent window."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from aloe_control.tick import TickResult
from aloe_data.statistics import missed_ticks

_WINDOW: Final = 3000  # ticks: one minute at 50 Hz


@dataclass(frozen=True)
class TickSummary:
    """Counts since the start, times over the recent window.

    Attributes:
        ticks: Number of ticks that ran.
        missed: Number of ticks that ran more than one period late, or not at all; see `statistics.missed_ticks`.
        gaps: Number of ticks without an action between two chunks of one arming.
        lateness_p99_ms, lateness_max_ms: Lateness against the schedule [ms].
        jitter_p99_ms: Deviation of the interval between two ticks from the period [ms].
        cost_p50_ms, cost_p99_ms: Time that a tick took to compute and publish [ms].
    """

    ticks: int
    missed: int
    gaps: int
    lateness_p99_ms: float
    lateness_max_ms: float
    jitter_p99_ms: float
    cost_p50_ms: float
    cost_p99_ms: float


class TickStatistics:
    """Collects one entry per tick; `period_s` is the time between two scheduled ticks."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._ticks = 0
        self._missed = 0
        self._gaps = 0
        self._open_gap = 0  # becomes a gap only if a chunk ends it
        self._followed = False
        self._entries: deque[tuple[float, float, float]] = deque(maxlen=_WINDOW)
        self._previous_s: float | None = None

    def add(self, result: TickResult, now_s: float, lateness_s: float, cost_s: float) -> None:
        """A tick that ran at `now_s` (any steady origin), `lateness_s` behind its schedule, and took `cost_s`."""
        interval_s = self._period_s if self._previous_s is None else now_s - self._previous_s
        self._previous_s = now_s
        self._ticks += 1
        self._missed += missed_ticks(lateness_s, interval_s, self._period_s)
        self._entries.append((lateness_s, abs(interval_s - self._period_s), cost_s))
        self._count_gap(result)

    def summary(self) -> TickSummary:
        """The figures so far."""
        values = 1e3 * np.array(self._entries or [(0.0, 0.0, 0.0)])
        late99, jitter99, cost99 = np.percentile(values, 99, axis=0)
        return TickSummary(
            self._ticks,
            self._missed,
            self._gaps,
            float(late99),
            float(values[:, 0].max()),
            float(jitter99),
            float(np.median(values[:, 2])),
            float(cost99),
        )

    def _count_gap(self, result: TickResult) -> None:
        if not result.armed or result.fault:
            self._followed = False
            self._open_gap = 0
        elif result.policy_version or result.chunk_id:
            self._gaps += self._open_gap
            self._followed = True
            self._open_gap = 0
        elif self._followed:
            self._open_gap += 1
