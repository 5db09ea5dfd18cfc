"""Figures about rollouts: success rates with their uncertainty, and the timing of control ticks."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MISSED_TICK_S = 0.020  # a tick that starts later than this against its schedule counts as missed


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Confidence interval of a success rate; unlike the normal one it stays in [0, 1] and is honest for few trials.

    Args:
        successes: number of successes, 0 to trials.
        trials: number of trials; 0 gives the whole interval.
        z: quantile of the normal distribution; 1.96 for 95 %.

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


@dataclass(frozen=True)
class TickStatistics:
    """How punctual control ticks were.

    Attributes:
        ticks: how many.
        missed: more than 20 ms late, or skipped.
        jitter_p99_ms: deviation of the interval between two ticks from their period.
    """

    ticks: int
    missed: int
    jitter_p99_ms: float


def tick_statistics(
    numbers: ArrayLike,
    stamps_s: ArrayLike,
    lateness_s: ArrayLike,
) -> TickStatistics:
    """Summarise control ticks; pauses between runs of consecutive ticks do not count.

    Args:
        numbers: tick counters [n]; rising.
        stamps_s: when each tick ran [n], s.
        lateness_s: against the schedule [n], s.
    """
    number, stamp, late = (np.asarray(a, dtype=float) for a in (numbers, stamps_s, lateness_s))
    missed = late > MISSED_TICK_S
    intervals_s = np.diff(stamp)[np.diff(number) == 1]
    if not len(intervals_s):
        return TickStatistics(len(late), int(missed.sum()), 0.0)
    period_s = float(np.median(intervals_s))
    skipped = np.maximum(np.round(intervals_s / period_s) - 1, 0).sum()
    jitter_ms = 1e3 * np.abs(intervals_s - period_s)
    return TickStatistics(len(late), max(int(missed.sum()), int(skipped)), float(np.percentile(jitter_ms, 99)))
