"""Figures about rollouts: success rates with their uncertainty, and the timing of control ticks."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Confidence interval of a success rate; unlike the normal one it stays in [0, 1] and is honest for few trials.

    Args:
        successes: Number of successes, 0 to trials.
        trials: Number of trials; 0 gives the whole interval.
        z: Quantile of the normal distribution; 1.96 for 95 %.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes of {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    rate = successes / trials
    spread = z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def missed_ticks(lateness_s: float, interval_s: float, period_s: float) -> int:
    """Number of ticks that were missed when a tick ran: the one definition for nodes, reports and benches.

    A tick is missed where it runs more than one period of the rig's rate late, or not at all.

    Args:
        lateness_s: Lateness of the tick against its schedule [s].
        interval_s: Time since the tick before it [s].
        period_s: Period of the rig's rate [s].
    """
    not_at_all = round(interval_s / period_s) - 1
    return max(int(lateness_s > period_s), not_at_all)


@dataclass(frozen=True)
class TickStatistics:
    """How punctual control ticks were.

    Attributes:
        ticks: Number of ticks that ran.
        missed: Number of ticks that ran more than one period late, or not at all; see `missed_ticks`.
        jitter_p99_ms: Deviation of the interval between two ticks from their period, 99th percentile [ms].
    """

    ticks: int
    missed: int
    jitter_p99_ms: float


def tick_statistics(
    numbers: ArrayLike,
    stamps_s: ArrayLike,
    lateness_s: ArrayLike,
    rate_hz: float,
) -> TickStatistics:
    """Summarise control ticks; pauses between runs of consecutive ticks do not count.

    Args:
        numbers: Counters of the ticks [n]; rising.
        stamps_s: Time at which each tick ran [n] [s].
        lateness_s: Lateness of each tick against its schedule [n] [s].
        rate_hz: Rate of the rig [Hz].
    """
    period_s = 1.0 / rate_hz
    number, stamp, late = (np.asarray(a, dtype=float) for a in (numbers, stamps_s, lateness_s))
    follows = np.diff(number, prepend=np.nan) == 1  # a tick before it is known, and no pause lies between them
    intervals_s = np.where(follows, np.diff(stamp, prepend=np.nan), period_s)
    missed = sum(missed_ticks(*tick, period_s) for tick in zip(late, intervals_s, strict=True))
    jitter_ms = 1e3 * np.abs(intervals_s[follows] - period_s)
    return TickStatistics(len(late), missed, float(np.percentile(jitter_ms, 99)) if len(jitter_ms) else 0.0)
