"""Whether a candidate is better than the current policy: decided by evaluation episodes, with a stated confidence.

Both answers are tests of a hypothesis about d = P(candidate succeeds) - P(current succeeds): PROMOTE rejects
d <= -margin, KEEP rejects d >= -margin. Either is wrong with probability at most 1 - confidence, **however often one
looks**: the evidence against a hypothesis is an e-process, whose expectation stays at most 1 while the hypothesis is
true, so that it ever exceeds 1 / (1 - confidence) with no greater probability than that (Ville's inequality). One may
therefore add episodes and ask again until there is an answer; a lucky streak must outweigh all that came before it.

Source: paired episodes: betting on a bounded mean, Waudby-Smith and Ramdas, arXiv:2010.09686; unpaired ones: universal
inference, Wasserman, Ramdas and Balakrishnan, PNAS 117 (2020).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import parameter

Array = NDArray[np.float64]
_GRID = 501  # stakes that are mixed, or success rates that are searched
_MOST = 64.0  # times the episodes there are: how far ahead `more` is guessed


@dataclass(frozen=True)
class PromotionConfig:
    """How sure one wants to be of what."""

    confidence: float = parameter(0.95, low=0.5, high=0.9999, doc="probability that neither answer is wrong by chance")
    margin: float = parameter(
        0.0, low=0.0, high=0.5, doc="success rate that a candidate may lose and still be promoted; 0: must be better"
    )


class Choice(Enum):
    """What to do with a candidate."""

    PROMOTE = "promote"
    KEEP = "keep"
    MORE = "need more episodes"


@dataclass(frozen=True)
class Decision:
    """What was decided, and why in one sentence.

    Attributes:
        better, worse: evidence (e-values) against "not better" and against "not worse"; 20 is 95 % confidence.
    """

    choice: Choice
    reason: str
    better: float
    worse: float

    def __str__(self) -> str:
        return f"{self.choice.value}: {self.reason}"


def decide_paired(candidate: Sequence[bool], current: Sequence[bool], config: PromotionConfig) -> Decision:
    """Decide by episodes of the same scenes: what both do alike tells little, and scenes that are hard cost nothing.

    Args:
        candidate: success of each episode, in the scenes of `current`.
        current: the same of the policy that runs now.
        config: how sure.

    Raises:
        ValueError: unequal numbers of episodes.
    """
    new = np.asarray(candidate, bool)
    old = np.asarray(current, bool)
    if new.shape != old.shape:
        raise ValueError(f"{len(new)} episodes of the candidate, {len(old)} of the current policy: not pairs")
    wins = float((new & ~old).sum())
    losses = float((old & ~new).sum())
    ties = float(len(new) - wins - losses)

    def evidence(more: float) -> tuple[float, float]:
        counts = more * wins, more * losses, more * ties
        return _bet(*counts, config.margin), _bet(counts[1], counts[0], counts[2], -config.margin)

    seen = f"{int(new.sum())} of {len(new)} against {int(old.sum())} of {len(old)} in the same scenes"
    return _decided(evidence, f"{seen} ({int(wins)} won, {int(losses)} lost)", len(new), config)


def decide_unpaired(candidate: tuple[int, int], current: tuple[int, int], config: PromotionConfig) -> Decision:
    """Decide by episodes of different scenes; it takes more of them than pairs would.

    Args:
        candidate: its successes and episodes.
        current: the same of the policy that runs now.
        config: how sure.

    Raises:
        ValueError: more successes than episodes.
    """
    for successes, episodes in (candidate, current):
        if not 0 <= successes <= episodes:
            raise ValueError(f"{successes} successes of {episodes} episodes")

    def evidence(more: float) -> tuple[float, float]:
        new, old = ((more * successes, more * episodes) for successes, episodes in (candidate, current))
        return _infer(new, old, config.margin), _infer(old, new, -config.margin)

    seen = f"{candidate[0]} of {candidate[1]} against {current[0]} of {current[1]} in scenes of their own"
    return _decided(evidence, seen, candidate[1] + current[1], config)


def _decided(
    evidence: Callable[[float], tuple[float, float]], seen: str, episodes: int, config: PromotionConfig
) -> Decision:
    enough = -math.log(1.0 - config.confidence)
    better, worse = evidence(1.0)
    sure = f"{100 * config.confidence:g} % confidence"
    points = f"{100 * config.margin:g} points"
    choice = Choice.PROMOTE if better >= enough else Choice.KEEP if worse >= enough else Choice.MORE
    if choice is Choice.PROMOTE:
        what = f"the candidate loses less than {points}" if config.margin else "the candidate is better"
    elif choice is Choice.KEEP:
        what = f"the candidate loses more than {points}" if config.margin else "the candidate is worse"
    else:
        what = f"neither answer has {sure} yet; {_more(evidence, episodes, enough)}"
    reason = f"{seen}: {what}" + (f" ({sure})" if choice is not Choice.MORE else "")
    return Decision(choice, reason, math.exp(min(better, 700.0)), math.exp(min(worse, 700.0)))


def _more(evidence: Callable[[float], tuple[float, float]], episodes: int, enough: float) -> str:
    """How many episodes would probably do, if they went on as they did."""
    if not episodes:
        return "record some"
    if max(evidence(_MOST)) < enough:
        return f"not even {_MOST:g} times as many would, at these rates"
    low = 1.0
    high = _MOST
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if max(evidence(middle)) >= enough else (middle, high)
    return f"at these rates about {math.ceil((high - 1) * episodes)} more episodes would"


def _bet(wins: float, losses: float, ties: float, margin: float) -> float:
    """Log evidence against E[D] <= -margin, D = 1 (win), -1 (loss), 0 (tie): wealth of all stakes 0 to the largest."""
    stake = np.linspace(0.0, 1.0, _GRID)[:-1] / (1.0 - margin)
    gain = wins * np.log1p(stake * (1.0 + margin)) + ties * np.log1p(stake * margin)
    return _log_mean(gain + losses * np.log1p(-stake * (1.0 - margin)))


def _infer(new: tuple[float, float], old: tuple[float, float], margin: float) -> float:
    """Log evidence against p_new <= p_old - margin: marginal likelihood over the largest that this allows."""
    s1, n1 = new
    s0, n0 = old
    if n1 and n0 and s1 / n1 <= s0 / n0 - margin:
        return 0.0
    p1 = np.linspace(max(0.0, -margin), min(1.0, 1.0 - margin), _GRID)
    likelihood = _log_likelihood(s1, n1, p1) + _log_likelihood(s0, n0, p1 + margin)
    return _log_beta(s1, n1) + _log_beta(s0, n0) - float(likelihood.max())


def _log_likelihood(successes: float, episodes: float, rate: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        hit = successes * np.log(rate)
        missed = (episodes - successes) * np.log(1.0 - rate)
    return np.nan_to_num(hit, nan=0.0, neginf=-np.inf) + np.nan_to_num(missed, nan=0.0, neginf=-np.inf)  # 0 log 0 = 0


def _log_beta(successes: float, episodes: float) -> float:
    """Log of the likelihood, averaged over all success rates."""
    return math.lgamma(successes + 1) + math.lgamma(episodes - successes + 1) - math.lgamma(episodes + 2)


def _log_mean(values: Array) -> float:
    top = float(values.max())
    return top + math.log(float(np.exp(values - top).mean()))
