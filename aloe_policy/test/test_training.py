"""The learner learns, is reproducible, and holds out whole episodes."""

import numpy as np
import pytest
import torch

from aloe_policy.dataset import TrainingSet
from aloe_policy.learner import LearnerConfig
from aloe_policy.model import ModelConfig, TinyVLA
from aloe_policy.training import fit, split_by_episode
from aloe_policy.words import MAX_WORDS

SIZES = ModelConfig(
    2, ("a", "b", "c", "d"), 3, 2, action_horizon=10, width=32, heads=2, prefix_layers=1, expert_layers=1
)


def toy_data(n: int = 240) -> TrainingSet:
    """The word says the sign, the state the size of a constant chunk."""
    rng = np.random.default_rng(0)
    sign = rng.choice([-1, 1], n)
    states = rng.normal(size=(n, 3)).astype(np.float32)
    words = np.zeros((n, MAX_WORDS), np.int64)
    words[:, 0] = np.where(sign > 0, 5, 9)
    chunks = np.repeat((sign * states[:, 0])[:, None], 10, 1)[..., None] * np.ones(2)
    tokens = rng.normal(size=(n, 2, 4, 3)).astype(np.float16)
    valid, episode = np.ones((n, 10), np.float32), np.arange(n) // 10
    return TrainingSet(tokens, words, states, chunks.astype(np.float32), valid, episode)


def trained(steps: int) -> tuple[TinyVLA, list[float]]:
    torch.manual_seed(0)
    errors: list[float] = []
    config = LearnerConfig(steps=steps, batch_size=64, learning_rate=3e-3, ema=0.98, token_dropout=0.0)

    def report(step: int, metrics: dict[str, float]) -> None:
        if "held_out_rmse" in metrics:
            errors.append(metrics["held_out_rmse"])

    model, _ = fit(TinyVLA(SIZES), toy_data(), config, report, evaluate_every=40)
    return model, errors


def test_chunks_come_to_depend_on_words_and_state() -> None:
    _, errors = trained(240)
    assert errors[-1] < 0.5 * errors[0]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = trained(5)[0], trained(5)[0]
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_no_episode_is_trained_on_and_held_out() -> None:
    episode = np.repeat(np.arange(40), 7)
    split = split_by_episode(episode, seed=1)
    assert not set(episode[split.train]) & set(episode[split.held_out])
    assert len(split.train) + len(split.held_out) == len(episode)


def test_one_episode_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        split_by_episode(np.zeros(5, np.int64), seed=0)
