"""The actor's training loop: batches, held-out measures, metrics; from a training set to weights."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_policy.dataset import TrainingSet
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.model import TinyVLA

Report = Callable[[int, dict[str, float]], None]
HELD_OUT = 0.05  # share of the episodes that only measures
HELD_OUT_ROWS = 512


@dataclass(frozen=True)
class Split:
    """Rows for training and rows that only measure, [n] each; no episode is in both."""

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


def split_by_episode(episode: NDArray[np.int64], seed: int) -> Split:
    """Hold out whole episodes.

    Raises:
        ValueError: fewer than two episodes.
    """
    episodes = np.unique(episode)
    if len(episodes) < 2:
        raise ValueError(f"{len(episodes)} episode(s) to learn from; record at least 2 (better 200)")
    rng = np.random.default_rng(seed)
    chosen = rng.choice(episodes, max(1, int(len(episodes) * HELD_OUT)), replace=False)
    held = np.flatnonzero(np.isin(episode, chosen))
    if len(held) > HELD_OUT_ROWS:
        held = np.sort(rng.choice(held, HELD_OUT_ROWS, replace=False))
    return Split(np.flatnonzero(~np.isin(episode, chosen)), held)


def fit(
    model: TinyVLA,
    data: TrainingSet,
    config: LearnerConfig,
    report: Report = lambda step, metrics: None,
    evaluate_every: int = 250,
) -> tuple[TinyVLA, dict[str, float]]:
    """Train `model` on `data`; returns the averaged weights and the last held-out measures.

    Args:
        model: on the device to train on.
        data: the training set.
        config: steps, rates, seed.
        report: called with every step's metrics.
        evaluate_every: steps between held-out measures.

    Raises:
        FloatingPointError: the loss is no longer finite.
    """
    device = next(model.parameters()).device
    split, rng = split_by_episode(data.episode, config.seed), np.random.default_rng(config.seed)
    learner = ActorLearner(model, config)
    held_out = data.batch(split.held_out, device)
    measures: dict[str, float] = {}
    for step in range(1, config.steps + 1):
        metrics = learner.step(data.batch(rng.choice(split.train, config.batch_size), device))
        if not np.isfinite(metrics["loss"]):
            raise FloatingPointError(f"the loss is {metrics['loss']} at step {step}; lower learning_rate")
        if step % evaluate_every == 0 or step == config.steps:
            torch.manual_seed(config.seed + step)
            measures = learner.evaluate(held_out)
            metrics = {**metrics, **measures}
        report(step, metrics)
    return learner.average, measures
