"""Whether a critic can be trusted: what it says on held-out chunks, measured and judged in words.

A critic that ignores the action, or that is confidently wrong, has a fine loss.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CALIBRATION_BINS = 8


@dataclass(frozen=True)
class Gates:
    """What a critic must reach before policies are improved with it.

    Attributes:
        shuffle_gap: Least gap between executed and shuffled chunks, in std(Q).
        rank_auc: Least AUC of Q at matched progress.
        advantage_auc: Least AUC of the advantage at matched progress.
        within_state: Least spread over policy samples in one state, in std(Q).
        out_of_bounds: Largest share of values outside the bounds.
        bias: Largest |mean of Q - return|, in units of return.
    """

    shuffle_gap: float = 0.3
    rank_auc: float = 0.7
    advantage_auc: float = 0.55
    within_state: float = 0.05
    out_of_bounds: float = 0.02
    bias: float = 0.15


@dataclass(frozen=True, eq=False)
class Scores:
    """What a critic says about n held-out chunks.

    Attributes:
        q: each critic's value of the executed chunk [K, n].
        shuffled: the same with chunks shuffled between states [K, n].
        samples: aggregated values of M policy chunks in each state [M, n].
        aggregated: of the executed chunk [n].
        target: TD target [n].
        returns: Monte-Carlo return to the segment's end [n]; NaN where that is no true end.
        success: the segment ends in success; only meaningful where `returns` is finite [n].
        progress: ticks since the episode's beginning [n].
    """

    q: Array
    shuffled: Array
    samples: Array
    aggregated: Array
    target: Array
    returns: Array
    success: NDArray[np.bool_]
    progress: Array

    @property
    def advantage(self) -> Array:
        """Q - V, V the mean over policy samples [n]."""
        return self.aggregated - self.samples.mean(0)


@dataclass(frozen=True)
class Health:
    """Measures of `Scores`; NaN where the data cannot tell."""

    shuffle_gap: float
    rank_auc: float
    advantage_auc: float
    within_state: float
    ensemble_std: float
    td_error: float
    bias: float
    calibration_error: float
    q_std: float
    q_least: float
    q_most: float
    out_of_bounds: float


@dataclass(frozen=True)
class Judgement:
    """Sentences about a critic, and whether it passed all gates."""

    passed: bool
    sentences: tuple[str, ...]


def measure(scores: Scores, bounds: tuple[float, float]) -> Health:
    """All measures.

    Args:
        scores: of held-out chunks.
        bounds: of the return that the reward allows.
    """
    q = scores.q.mean(0)
    known = np.isfinite(scores.returns)
    spread = max(float(q.std()), 1e-12)
    width = bounds[1] - bounds[0]
    low, high = bounds
    judged = scores.success[known], scores.progress[known]
    table = calibration(q[known], scores.returns[known])
    return Health(
        shuffle_gap=float((scores.q - scores.shuffled).mean() / spread),
        rank_auc=matched_auc(scores.aggregated[known], *judged),
        advantage_auc=matched_auc(scores.advantage[known], *judged),
        within_state=float(scores.samples.std(0).mean() / spread),
        ensemble_std=float(scores.q.std(0).mean() / spread),
        td_error=float(np.abs(scores.q - scores.target).mean()),
        bias=float((q[known] - scores.returns[known]).mean()) if known.any() else float("nan"),
        calibration_error=float(np.average(np.abs(table[:, 0] - table[:, 1]), weights=table[:, 2]))
        if len(table)
        else float("nan"),
        q_std=float(q.std()),
        q_least=float(scores.q.min()),
        q_most=float(scores.q.max()),
        out_of_bounds=float(((scores.q < low - 0.1 * width) | (scores.q > high + 0.1 * width)).mean()),
    )


def auc(positive: Array, negative: Array) -> float:
    """How often a positive value exceeds a negative one, ties half; NaN without pairs."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = np.sort(negative)
    below, up_to = (np.searchsorted(ordered, positive, side=side) for side in ("left", "right"))
    return float((below + up_to).mean() / (2 * len(negative)))


def matched_auc(value: Array, success: NDArray[np.bool_], progress: Array, bins: int = 8) -> float:
    """AUC of values of successes against failures, among chunks at like progress only.

    Late chunks of successes are worth more than early ones of failures whatever was done in them: chunks are compared
    within quantiles of progress, weighted by pairs.
    """
    edges = np.unique(np.quantile(progress, np.linspace(0, 1, bins + 1)[1:-1])) if len(progress) else progress
    place = np.searchsorted(edges, progress, side="right")
    total = 0.0
    pairs = 0
    for k in range(len(edges) + 1):
        positive = value[(place == k) & success]
        negative = value[(place == k) & ~success]
        count = len(positive) * len(negative)
        total += auc(positive, negative) * count if count else 0.0
        pairs += count
    return total / pairs if pairs else float("nan")


def calibration(q: Array, returns: Array, bins: int = CALIBRATION_BINS) -> Array:
    """Rows of mean Q, mean return and count, [bins, 3], by quantiles of Q."""
    parts = [part for part in np.array_split(np.argsort(q, kind="stable"), bins) if len(part)]
    return np.array([(q[part].mean(), returns[part].mean(), len(part)) for part in parts]).reshape(-1, 3)


def judge(health: Health, gates: Gates) -> Judgement:
    """What the measures mean."""
    said = []
    passed = True
    for name, text in _TOO_LOW.items():
        found = getattr(health, name)
        wanted = getattr(gates, name)
        if np.isnan(found):
            said.append(f"{name} cannot be told: the held-out episodes lack successes or failures")
        elif found < wanted:
            said.append(f"{text} ({name} {found:.2f}, gate {wanted:g})")
        passed &= bool(found >= wanted)
    for name, found in (("out_of_bounds", health.out_of_bounds), ("bias", abs(health.bias))):
        wanted = getattr(gates, name)
        passed &= bool(found <= wanted)
        if found > wanted:
            said.append(_too_high(name, health, wanted))
    if not said:
        said.append(f"calibrated (bias {health.bias:+.2f}) and sensitive to the action (gap {health.shuffle_gap:.2f})")
    return Judgement(passed, tuple(said))


_TOO_LOW = {
    "shuffle_gap": "the critic ignores the action: shuffled chunks score like the executed ones",
    "within_state": "the critic hardly distinguishes the policy's own proposals",
    "rank_auc": "the critic does not tell successes from failures",
    "advantage_auc": "the advantage does not tell successes from failures: states explain what Q knows",
}


def _too_high(name: str, health: Health, wanted: float) -> str:
    if name == "out_of_bounds":
        return f"Q leaves the bounds of the return in {health.out_of_bounds:.0%} of the values (gate {wanted:.0%})"
    verb = "overestimates" if health.bias > 0 else "underestimates"
    return f"the critic {verb} by {abs(health.bias):.2f} (gate {wanted:g})"


def as_metrics(health: Health) -> dict[str, float]:
    """For logs: only what is known."""
    return {f"health/{name}": value for name, value in asdict(health).items() if np.isfinite(value)}
