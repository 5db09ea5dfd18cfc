"""Figures about rollouts: success rates with their uncertainty, and the timing of control ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    rate, spread = successes / trials, z * z / trials
    centre = (rate + spread / 2) / (1 + spread)
    half = z * math.sqrt(rate * (1 - rate) / trials + spread / (4 * trials)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class TickStatistics:
    """How punctual control ticks were."""

    ticks: int
    missed: int
    jitter_p99_ms: float


def tick_statistics(lateness_s: Sequence[float]) -> TickStatistics:
    """Summarise the lateness [s] of control ticks; jitter is the distance from the median lateness."""
    if not len(lateness_s):
        return TickStatistics(0, 0, 0.0)
    late = np.asarray(lateness_s, dtype=float)
    jitter_ms = 1e3 * np.abs(late - np.median(late))
    return TickStatistics(len(late), int((late > MISSED_TICK_S).sum()), float(np.percentile(jitter_ms, 99)))
