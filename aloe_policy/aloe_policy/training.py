"""The actor's training loop: batches, held-out measures, states to go on from; and a guard against forgetting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.learner import ActorLearner

Report = Callable[[int, dict[str, float]], None]
Save = Callable[[dict[str, Any]], None]
Index = NDArray[np.int64]
HELD_OUT = 0.05  # share of the episodes that only measures
HELD_OUT_ROWS = 512


class Samples(Protocol):
    """What is learned from; `TrainingSet` is one."""

    def batch(self, index: Index, device: torch.device) -> ChunkBatch:
        """Some entries as tensors."""
        ...


class CollapseError(RuntimeError):
    """Training makes the policy worse at what it could do; the message says what was measured and what to change."""


@dataclass(frozen=True)
class Split:
    """Entries for training and entries that only measure; no episode is in both."""

    train: Index
    held_out: Index


def split_by_episode(
    episode: Index,
    seed: int,
    measurable: NDArray[np.bool_] | None = None,
    useful: NDArray[np.bool_] | None = None,
) -> Split:
    """Hold out whole episodes.

    Args:
        episode: Episode of each entry, [n].
        seed: Seed of the choice.
        measurable: Whether an entry may measure, [n]; default: all may.
        useful: Whether an entry is worth training on, [n]; default: all are.

    Raises:
        ValueError: fewer than two episodes to measure with, or nothing left to learn from.
    """
    everything = np.ones(len(episode), bool)
    measurable = everything if measurable is None else measurable
    useful = everything if useful is None else useful
    episodes = np.unique(episode[measurable])
    if len(episodes) < 2:
        raise ValueError(f"{len(episodes)} successful episode(s); record at least 2 (better 200)")
    rng = np.random.default_rng(seed)
    chosen = rng.choice(episodes, max(1, int(len(episodes) * HELD_OUT)), replace=False)
    apart = np.isin(episode, chosen)
    held = np.flatnonzero(apart & measurable)
    if len(held) > HELD_OUT_ROWS:
        held = np.sort(rng.choice(held, HELD_OUT_ROWS, replace=False))
    train = np.flatnonzero(~apart & useful)
    if not len(train):
        raise ValueError("no chunk left to learn from")
    return Split(train, held)


def fit(
    learner: ActorLearner,
    data: Samples,
    entries: Index,
    held_out: ChunkBatch,
    report: Report = lambda step, metrics: None,
    evaluate_every: int = 250,
    save_every: int = 1 << 40,
    save: Save = lambda state: None,
    stop: Callable[[], bool] = lambda: False,
    resumed: Mapping[str, Any] | None = None,
) -> dict[str, float] | None:
    """Train from where the learner stands to its last step.

    Args:
        learner: Learner that has taken no step yet.
        data: Samples to learn from.
        entries: Entries of the samples that batches are drawn from, [n].
        held_out: Batch that only measures.
        report: Called with the number of every step and its metrics.
        evaluate_every: Number of steps between held-out measures.
        save_every: Number of steps between states to go on from.
        save: Called with all that a resumed training needs.
        stop: Asked before every step whether to end here.
        resumed: State that was saved, to go on from; None: the training begins.

    Returns:
        Held-out measures of the averaged weights, and those at the start; None if it was stopped, with its state saved.

    Raises:
        CollapseError: the held-out loss has risen too far, or the loss is no longer finite.
    """
    config = learner.config
    device = learner.trainable.device
    if resumed is None:
        start = learner.evaluate(held_out)
        report(0, start)
    else:
        learner.load_state_dict(resumed["learner"])
        start = resumed["start"]
    measures = start if learner.steps_done < config.steps else learner.evaluate(held_out)
    while learner.steps_done < config.steps:
        if stop():
            save({"learner": learner.state_dict(), "start": start})
            return None
        draw = np.random.default_rng((config.seed, learner.steps_done))
        metrics = learner.step(data.batch(draw.choice(entries, config.batch_size), device))
        step = learner.steps_done
        if not np.isfinite(metrics["loss"]):
            raise CollapseError(f"the loss is {metrics['loss']} at step {step}; lower learning_rate")
        if step % evaluate_every == 0 or step == config.steps:
            measures = learner.evaluate(held_out)
            metrics = {**metrics, **measures}
        report(step, metrics)
        _check_rise(step, measures["held_out_loss"], start["held_out_loss"], config.max_rise)
        if step % save_every == 0 or step == config.steps:
            save({"learner": learner.state_dict(), "start": start})
    return {**measures, "held_out_loss_at_start": start["held_out_loss"]}


def _check_rise(step: int, loss: float, start: float, bound: float) -> None:
    if loss > bound * start:
        raise CollapseError(
            f"step {step}: the held-out flow loss on successful episodes is {loss:.4g}, {loss / start:.2f} times that "
            f"at the start (bound {bound:g}): the policy forgets what it could do; lower learning_rate, take fewer "
            "steps, or weights that keep more of the data"
        )
