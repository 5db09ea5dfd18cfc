"""The critic's training loop: batches, periodic health, states to go on from."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_critic.batches import Batches
from aloe_critic.health import Health, Scores, as_metrics, measure
from aloe_critic.learner import CriticLearner
from aloe_critic.scoring import score
from aloe_data.config import ConfigError
from aloe_data.replay import Replay

HELD_OUT_CHUNKS = 1024
Report = Callable[[int, dict[str, float]], None]
Save = Callable[[dict[str, Any]], None]
Grow = Callable[[], "tuple[Batches, Batches] | None"]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a critic says about the held-out chunks at the end, and the measures over time (step, health)."""

    scores: Scores
    health: Health
    history: Sequence[tuple[int, Health]]


def held_out(verdicts: Mapping[str, str], share: float, seed: int) -> frozenset[str]:
    """Bags that only measure: a share of each verdict's, at least one where there are two.

    Args:
        verdicts: by key of the bag, which is of its content: the choice does not depend on where bags lie.
        share: of the episodes, 0 to 1.
        seed: of the choice.
    """
    rng = np.random.default_rng(seed)
    chosen = set[str]()
    for verdict in sorted(set(verdicts.values())):
        names = sorted(name for name, of in verdicts.items() if of == verdict)
        count = max(1, round(share * len(names))) if len(names) > 1 else 0
        chosen |= set(rng.choice(names, count, replace=False).tolist())
    return frozenset(chosen)


@dataclass(frozen=True)
class Split:
    """Keys of the bags to learn from, and of those that only measure; `names` are their folders', for messages."""

    learned: Sequence[str]
    measured: Sequence[str]
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return frozenset((*self.learned, *self.measured))


def split(verdicts: Mapping[str, str], share: float, seed: int) -> Split:
    """Bags, by their verdicts cut in two; see `held_out`."""
    measured = held_out(verdicts, share, seed)
    return Split(sorted(verdicts.keys() - measured), sorted(measured))


def split_of(learned: Replay, measured: Replay) -> Split:
    """Which bags two replays are of."""
    names = {e.fingerprint: PurePath(e.bag).name for e in (*learned.episodes, *measured.episodes)}
    return Split([e.fingerprint for e in learned.episodes], [e.fingerprint for e in measured.episodes], names)


def joined(before: Split, names: Iterable[str], share: float, seed: int) -> Split:
    """A split that new bags have joined, on a side that follows from their keys; the others stay where they are."""
    learned = list(before.learned)
    measured = list(before.measured)
    for name in sorted(set(names) - before.all):
        if zlib.crc32(f"{seed} {name}".encode()) < share * 2**32:
            measured.append(name)
        else:
            learned.append(name)
    return Split(learned, measured)


def matched_discount(episode_ticks: float, h: int) -> float:
    """gamma whose reach h / (1 - gamma^h) covers an episode of so many ticks; within 0.9 and 0.9999."""
    return float(np.clip((1 - min(h / episode_ticks, 0.99)) ** (1 / h), 0.9, 0.9999))


def reach(discount: float, h: int) -> float:
    """Ticks over which rewards still count, h / (1 - gamma^h)."""
    return float("inf") if discount >= 1 else h / (1 - discount**h)


def ends_of(replay: Replay) -> tuple[int, int]:
    """How many segments ended well, and how many badly."""
    ends = [segment.success for segment in replay.segments if segment.terminal and segment.kind != "hold"]
    return sum(ends), len(ends) - sum(ends)


def check_outcomes(replay: Replay, what: str) -> None:
    """Refuse data that cannot say what is good and what is bad.

    Raises:
        ConfigError: one segment only, no failures or no successes.
    """
    good, bad = ends_of(replay)
    if len(replay.segments) < 2:
        raise ConfigError(f"{what}: one segment only; a critic compares: record more episodes")
    if not bad:
        why = "no failures and no takeovers" if good else "no episode with a verdict of success or failure"
        raise ConfigError(
            f"{what}: {why}; everything would look good: add rollouts of the policy that fail (more episodes, or "
            "scenes that vary more), or learn without a critic (method filtered_bc)"
        )
    if not good:
        raise ConfigError(f"{what}: no successes; everything would look bad: add demonstrations or corrections")


def fit(
    learner: CriticLearner,
    train: Batches,
    measured: Batches,
    *,
    evaluate_every: int,
    save_every: int,
    report: Report,
    save: Save,
    grow: Grow = lambda: None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome | None:
    """Train from where the learner stands to its last step; None if it was stopped before, with its state saved.

    Args:
        learner: fresh, or with a state loaded.
        train: to learn from.
        measured: held-out chunks.
        evaluate_every, save_every: steps.
        report: called with every step's metrics.
        save: called with all that a resumed training needs.
        grow: asked before every step for chunks to go on with, if there are new ones.
        stop: asked before every step whether to end here.

    Raises:
        DivergenceError: see the learner.
    """
    history: list[tuple[int, Health]] = []
    steps = learner.config.steps
    size = learner.config.batch_size
    part = learner.parallel.part
    scores = _measure(learner, measured, history)
    report(learner.steps_done, as_metrics(history[-1][1]))
    while learner.steps_done < steps:
        if stop():
            save(_state(learner, train, measured))
            return None
        train, measured = grow() or (train, measured)
        metrics = learner.step(train.sample(size, part))
        step = learner.steps_done
        if step % evaluate_every == 0 or step == steps:
            scores = _measure(learner, measured, history)
            metrics |= as_metrics(history[-1][1])
        report(step, metrics)
        if step % save_every == 0 or step == steps:
            save(_state(learner, train, measured))
    return Outcome(scores, history[-1][1], history)


def _measure(learner: CriticLearner, measured: Batches, history: list[tuple[int, Health]]) -> Scores:
    """Score the held-out chunks, and add their health to the history."""
    scores = score(learner, measured, spread(len(measured.replay), HELD_OUT_CHUNKS))
    history.append((learner.steps_done, measure(scores, learner.bounds)))
    return scores


def _state(learner: CriticLearner, train: Batches, measured: Batches) -> dict[str, Any]:
    now = split_of(train.replay, measured.replay)
    return {
        "learner": learner.state_dict(),
        "cursor": {
            "random": train.replay.cursor(),
            "learned": now.learned,
            "measured": now.measured,
            "names": now.names,
        },
    }


def resume(learner: CriticLearner, train: Batches, state: Mapping[str, Any]) -> None:
    """Go on from what `fit` saved."""
    learner.load_state_dict(state["learner"])
    train.replay.restore(state["cursor"]["random"])


def spread(length: int, count: int) -> NDArray[np.int64]:
    """At most `count` of 0 to length - 1, evenly spread."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).astype(np.int64))
