"""How well a critic ranks chunks of the same state, against what simulated branches of that state were worth.

Only such data tell whether a critic knows actions and not just states. They come from a simulator (`studies/critic`)
and are for measuring, never for training.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_critic.health import auc
from aloe_data.config import ConfigError

Array = NDArray[Any]
POLICY = "policy"  # kind of chunk that the policy itself proposed


@dataclass(frozen=True, eq=False)
class Branches:
    """n states with m candidate chunks each, every one rolled on R times.

    Attributes:
        kinds: of the candidates, str [m].
        tokens: float16 [n, C, K, 3], what the policy saw.
        state: float32 [n, S], joint positions.
        prompt: str [n].
        requested: float32 [n, m, H, A], the chunks as proposed, absolute set points.
        executed: float32 [n, m, h, S], what control made of their first h steps.
        next_tokens, next_state: what is observed after the first continuation's h steps, [n, m, ...].
        ticks: int [n, m, R], from the state to success; -1 where it did not come.
    """

    kinds: Array
    tokens: Array
    state: Array
    prompt: Array
    requested: Array
    executed: Array
    next_tokens: Array
    next_state: Array
    ticks: Array

    def returns(self, discount: float) -> Array:
        """What every continuation was worth, [n, m, R]: a cost of 1 - discount per tick, for ever without success."""
        return np.where(self.ticks < 0, -1.0, discount ** np.maximum(self.ticks, 0) - 1.0)


def load_branches(file: Path) -> Branches:
    """Read what `studies/critic/branches.py` wrote.

    Raises:
        ConfigError: missing, damaged, or something else.
    """
    try:
        with np.load(file, allow_pickle=False) as data:
            return Branches(**{field.name: data[field.name] for field in fields(Branches)})
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{file}: no branches ({error}); make them with studies/critic/branches.py") from error


@dataclass(frozen=True)
class Ranking:
    """How often the better of two chunks of one state is ranked above the other; ties count half, NaN without pairs.

    Attributes:
        all: over all pairs.
        policy: over pairs of the policy's own proposals.
        foreign: over pairs with at least one chunk from elsewhere.
        pairs: number of all, and of `policy`.
    """

    all: float
    policy: float
    foreign: float
    pairs: tuple[int, int]


def rank(scores: Array, returns: Array, kinds: Array, least_gap: float = 0.15) -> Ranking:
    """Accuracy of an order.

    Args:
        scores: [n, m], the higher the better.
        returns: [n, m, R] of the continuations.
        kinds: of the candidates, str [m].
        least_gap: between mean returns; closer pairs differ by less than the truth is known.
    """
    mean = returns.mean(-1)
    first, second = np.triu_indices(len(kinds), 1)
    gap = mean[:, first] - mean[:, second]
    said = scores[:, first] - scores[:, second]
    right = np.where(said == 0, 0.5, (np.sign(said) == np.sign(gap)).astype(float))
    own = np.broadcast_to((kinds[first] == POLICY) & (kinds[second] == POLICY), gap.shape)
    clear = np.abs(gap) >= least_gap
    parts = clear, clear & own, clear & ~own
    rates = [float(right[part].mean()) if part.any() else float("nan") for part in parts]
    return Ranking(rates[0], rates[1], rates[2], (int(clear.sum()), int(parts[1].sum())))


def ceiling(returns: Array, kinds: Array, least_gap: float = 0.15) -> Ranking:
    """What the order of one half of the continuations scores on the other: noise in the truth itself."""
    half = returns.shape[-1] // 2
    return rank(returns[..., half:].mean(-1), returns[..., :half], kinds, least_gap)


@dataclass(frozen=True)
class Knowable:
    """What decides how it ends when the policy acts: the best that any critic could know of it.

    Attributes:
        states: Share of the variance of returns that lies between states. Estimates have no bias, so a share may be
            below 0.
        chunks: Share between the policy's own proposals in one state.
        continuations: Share between continuations of one chunk.
        value_auc: How often the state's value ranks a continuation that succeeds above one that does not. Values are
            means of the other continuations: lower bounds, as these are few.
        advantage_auc: The same for the chunk's advantage.
    """

    states: float
    chunks: float
    continuations: float
    value_auc: float
    advantage_auc: float


def knowable(returns: Array, success: Array, kinds: Array) -> Knowable:
    """Of the policy's own proposals alone.

    Args:
        returns: [n, m, R] of the continuations, R at least 2.
        success: bool [n, m, R].
        kinds: of the candidates, str [m], at least two of them the policy's.
    """
    own = returns[:, kinds == POLICY]
    won = success[:, kinds == POLICY]
    _, m, repeats = own.shape
    within = own.var(-1, ddof=1).mean()
    between = own.mean(-1).var(1, ddof=1).mean()
    parts = np.array([own.mean((1, 2)).var(ddof=1) - between / m, between - within / repeats, within])
    others = (own.sum(-1, keepdims=True) - own) / (repeats - 1)
    value = np.broadcast_to(others.mean(1, keepdims=True), own.shape)
    aucs = [auc(said[won], said[~won]) for said in (value, others - value)]
    return Knowable(*(float(share) for share in parts / parts.sum()), *aucs)


def outranks(scores: Array, kinds: Array, better: str, worse: str) -> float:
    """Share of states in which the first chunk of one kind is ranked above that of another; ties count half.

    Args:
        scores: [n, m].
        kinds: of the candidates, str [m].
        better, worse: the kinds.
    """
    gap = scores[:, np.flatnonzero(kinds == better)[0]] - scores[:, np.flatnonzero(kinds == worse)[0]]
    return float(np.where(gap == 0, 0.5, gap > 0).mean())


def nearness(requested: Array, kinds: Array) -> Array:
    """A control that knows no values, [n, m]: minus the distance of a chunk from the mean of the policy's own.

    Spotting odd chunks is not knowing good ones; a critic must beat this.
    """
    own = requested[:, kinds == POLICY].mean(1, keepdims=True)
    return -np.square(requested - own).mean((-2, -1))


def fall(values: Array, ticks: Array, span: int) -> int:
    """Tick of the chunk at which an episode's values [n] at rising ticks [n] fall most.

    Args:
        values: of the chunks that begin at `ticks`.
        ticks: where they begin.
        span: ticks between the two chunks that are compared.
    """
    before = np.searchsorted(ticks, ticks - span)
    comparable = ticks >= ticks[0] + span
    change = np.where(comparable, values - values[before], np.inf)
    return int(ticks[np.argmin(change)])
