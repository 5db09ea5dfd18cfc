"""From advantages, or from who acted and how it ended, to weights of chunks: plain arithmetic.

    exp_clip   w = exp(clip(Adv / b, -eps, eps))        b = beta std(Adv)
    binary     w = 1 for the top share of the advantages, else 0
    zscore     w = min(exp((Adv - mean) / std), cap)
    uniform    w = 1

Statistics (std, mean, quantiles) are over all chunks whose advantage is known; where it is not (NaN), w = 0.

Source: ALOE, arXiv:2602.12691 (exp_clip); beta, eps and the other rules are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import parameter
from aloe_data.sources import BY_HUMAN, DEMO, SOURCES
from aloe_policy.improvement_weights import effective_sample_size, weight_by_source

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
EPSILON = 3.0  # exp_clip keeps Adv / b within it
CAP = 20.0  # largest weight of zscore
TINY = 1e-12  # instead of a standard deviation of zero
ROUNDING = 1e-9  # of a number: what differs by less is equal


@dataclass(frozen=True)
class WeightConfig:
    """How advantages become weights."""

    rule: str = parameter(
        "exp_clip", choices=("exp_clip", "binary", "zscore", "uniform"), doc="from advantage to weight"
    )
    beta: float = parameter(0.5, low=1e-3, unit="std(Adv)", doc="temperature of exp_clip and of poco")
    top: float = parameter(
        0.3, low=0.0, high=1.0, doc="share of chunks that count as good (binary, forced_positive, recap)"
    )
    human: str = parameter(
        "weighted",
        choices=("weighted", "forced_positive"),
        doc="forced_positive: demonstrations and corrections count as good at least, whatever their advantage",
    )
    failures: str = parameter("kept", choices=("kept", "dropped"), doc="dropped: failed segments weigh nothing")
    correction_share: float = parameter(
        0.0, low=0.0, high=0.95, doc="of the weight of all that corrections get; 0: what comes out"
    )


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of n chunks without a critic.

    Attributes:
        source: int [n], index into `sources.SOURCES`.
        success: the chunk's segment ends in success, or is a correction that was handed back in an episode that does.
        failure: the chunk's segment ends in failure. Neither: it has no true end.
    """

    source: NDArray[np.int64]
    success: Flags
    failure: Flags

    @property
    def by_person(self) -> Flags:
        """Demonstrations and corrections."""
        return np.isin(self.source, (DEMO, BY_HUMAN))


def exp_clip(advantage: Array, config: WeightConfig) -> Array:
    """exp(clip(Adv / b, -eps, eps))."""
    score = advantage / (config.beta * _deviation(advantage, advantage))
    return np.exp(np.clip(score, -EPSILON, EPSILON))


def binary(advantage: Array, config: WeightConfig) -> Array:
    """1 for the top share, else 0; chunks that are as good as the least of them are among them."""
    return (advantage >= good_from(advantage, config)).astype(float)


def zscore(advantage: Array, config: WeightConfig) -> Array:
    """min(exp((Adv - mean) / std), cap)."""
    score = (advantage - advantage.mean()) / _deviation(advantage, advantage)
    return np.exp(np.minimum(score, np.log(CAP)))


def uniform(advantage: Array, config: WeightConfig) -> Array:
    """1."""
    return np.ones(len(advantage))


RULES: Mapping[str, Callable[[Array, WeightConfig], Array]] = {
    "exp_clip": exp_clip,
    "binary": binary,
    "zscore": zscore,
    "uniform": uniform,
}


def good_from(advantage: Array, config: WeightConfig) -> float:
    """The least advantage that counts as good."""
    return float(np.quantile(advantage, 1.0 - config.top, method="higher"))


def by_advantage(advantage: Array, labels: Labels, config: WeightConfig) -> Array:
    """Weights [n] of chunks by their advantages [n].

    Raises:
        ValueError: no advantage is known.
    """
    if not np.isfinite(advantage).any():
        raise ValueError("no chunk has a known advantage; record episodes that end in success or failure")
    forced = _forced(advantage, labels, config)
    known = np.isfinite(forced)
    weight = np.zeros(len(forced))
    weight[known] = RULES[config.rule](forced[known], config)
    return _without_failures(weight, labels, config)


def good_chunks(advantage: Array, labels: Labels, config: WeightConfig) -> Flags:
    """Which chunks [n] a policy is told to be good: the top share by advantage, and all that operators did.

    Source: RECAP, arXiv:2511.14759.

    Raises:
        ValueError: no advantage is known.
    """
    return by_advantage(advantage, labels, WeightConfig(rule="binary", top=config.top, human="forced_positive")) > 0


def by_label(method: str, labels: Labels, config: WeightConfig) -> Array:
    """Weights [n], 0 or 1, of the methods that ask no critic.

    filtered_bc: chunks of successful segments, corrections in successful episodes among them. hg_dagger: successful
    demonstrations and all that an operator did in a takeover. uniform: everything.
    """
    chosen = {
        "filtered_bc": labels.success,
        "hg_dagger": (labels.source == BY_HUMAN) | (labels.source == DEMO) & labels.success,
        "uniform": np.ones(len(labels.source), bool),
    }[method]
    return _without_failures(chosen.astype(float), labels, config)


def with_shares(weight: Array, source: NDArray[np.int64], config: WeightConfig) -> Array:
    """Corrections scaled to their share of the same whole, and the rest to what is left of it [n].

    Source: intervention weighted regression, arXiv:2012.06733, where the share is a half.
    """
    human = source == BY_HUMAN
    theirs = weight[human].sum()
    rest = weight[~human].sum()
    if not (config.correction_share and theirs and rest):
        return weight
    share = config.correction_share
    whole = theirs + rest
    return weight * np.where(human, share * whole / theirs, (1 - share) * whole / rest)


def by_softmax(q: Array, config: WeightConfig) -> Array:
    """Weights [N, n] of N of the policy's own chunks in each of n states by their values: 1 on average in each state.

    w = N softmax_N(Q / b), b = beta times the standard deviation of Q within states.

    Source: POCO, arXiv:2604.01860.
    """
    inside = q - q.mean(0)
    score = inside / (config.beta * _deviation(inside, q))
    power = np.exp(score - score.max(0))
    return len(q) * power / power.sum(0)


def statistics(
    weight: Array, source: NDArray[np.int64], config: WeightConfig, rule: str, good: Flags | None = None
) -> dict[str, object]:
    """Effective sample size, share at the clip of a rule, of the weight by source, of good chunks; and the amounts.

    Args:
        weight: [n], as by the rule: before `with_shares`.
        source: of the chunks [n].
        config: of the weights.
        rule: which made them, "" for none.
        good: chunks that the policy is told to be good [n].
    """
    ends = {"exp_clip": (np.exp(-EPSILON), np.exp(EPSILON)), "zscore": (0.0, CAP)}
    counted = weight[weight > 0]
    used = with_shares(weight, source, config)
    known: dict[str, object] = {} if good is None else {"good": _shares_of(good, source)}
    return known | {
        "effective_sample_size": effective_sample_size(used),
        "clipped": _clipped(counted, *ends[rule]) if rule in ends else 0.0,
        "share": weight_by_source(used, source),
        "chunks": len(weight),
        "positive": len(counted),
    }


def _deviation(values: Array, size: Array) -> float:
    """Standard deviation, and no less than the rounding of numbers as large as these."""
    return max(float(values.std()), ROUNDING * float(np.abs(size).max()), TINY)


def _forced(advantage: Array, labels: Labels, config: WeightConfig) -> Array:
    if config.human != "forced_positive":
        return advantage
    least = good_from(advantage[np.isfinite(advantage)], config)
    return np.where(labels.by_person, np.fmax(advantage, least), advantage)


def _without_failures(weight: Array, labels: Labels, config: WeightConfig) -> Array:
    return weight * ~labels.failure if config.failures == "dropped" else weight


def _shares_of(good: Flags, source: NDArray[np.int64]) -> dict[str, float]:
    """Share of good chunks among those of each source that is there."""
    return {name: float(good[source == k].mean()) for k, name in enumerate(SOURCES) if (source == k).any()}


def _clipped(weight: Array, least: float, most: float) -> float:
    """Share of weights at either end of their range."""
    return float(np.mean((weight <= least * (1 + 1e-6)) | (weight >= most * (1 - 1e-6))))
