"""The weighted loss is that of a loop, and weights decide what a policy becomes."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_policy import ToyPolicy, toy_batch

from aloe_policy.advantage_condition import BAD, GOOD, AdvantageCondition
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.learner import ActorLearner, LearnerConfig, weighted_loss
from aloe_policy.tiny.model import ModelConfig

SIZES = ModelConfig(1, ("a", "b"), 2, 1, action_horizon=4, width=16, heads=2, prefix_layers=1, expert_layers=1, patch=2)


def batch(chunks: torch.Tensor, weight: torch.Tensor, **more: torch.Tensor) -> ChunkBatch:
    """Chunks that all begin in the same state."""
    n = len(chunks)
    return toy_batch(torch.zeros(n, 1, 2, 3), torch.zeros(n, 2), chunks, ("go",), weight=weight, **more)


def learner(advantage: AdvantageCondition | None = None, **changes) -> ActorLearner:
    torch.manual_seed(0)
    return ActorLearner(ToyPolicy(SIZES, advantage=advantage), dataclasses.replace(LearnerConfig(steps=100), **changes))


def parameters(trained: ActorLearner) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in trained.trainable.parameters.values()])


def sampled(trained: ActorLearner, seen: ChunkBatch, advantage: AdvantageCondition | None = None) -> torch.Tensor:
    """Means of 100 chunks that a policy samples in a state, asked for something."""
    noise = torch.randn(100, 1, 4, 1, generator=torch.Generator().manual_seed(0))
    trained.policy.advantage = advantage
    with trained.averaged():
        state = dataclasses.replace(seen.observations[:1], good=None)
        return trained.policy.sample(trained.policy.condition(state), noise).mean((1, 2, 3))


@settings(max_examples=30)
@given(st.integers(1, 4), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_the_weighted_loss_is_that_of_a_loop(samples, steps, clipped, seed):
    rng = np.random.default_rng(seed)
    loss, weight = rng.uniform(0, 2, (samples, steps)), rng.uniform(0, 3, samples)
    length, zeta = rng.integers(1, steps + 1, samples), 1.0 if clipped else 0.0
    total = 0.0
    for i in range(samples):
        mean = sum(loss[i, : length[i]]) / length[i]
        total += sum(weight[i] * loss[i, k] for k in range(length[i])) if not zeta or mean < zeta else 0.0
    valid = torch.from_numpy((np.arange(steps) < length[:, None]).astype(float))
    found = weighted_loss(torch.from_numpy(loss), valid, torch.from_numpy(weight), zeta)
    assert found.item() == pytest.approx(total / sum(length))


def test_steps_past_the_end_and_samples_without_weight_pull_nothing():
    trained = learner()
    trained.trainable.module.train()
    chunks = torch.zeros(2, 4, 1)
    first = batch(chunks, torch.tensor([1.0, 0.0]))
    first.valid[0, 2:] = 0
    other = dataclasses.replace(first, chunks=chunks.clone())
    other.chunks[1] = 9.0
    gradients = []
    for one in (first, other):
        torch.manual_seed(1)
        trained.trainable.module.zero_grad()
        trained.loss(one).backward()
        named = trained.trainable.parameters.values()
        gradients.append([p.grad.clone() for p in named if p.grad is not None])
    assert gradients[0] and all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_equal_weights_are_behaviour_cloning():
    trained, chunks = learner(), torch.randn(3, 4, 1)
    found = []
    for weight in (torch.ones(3), torch.full((3,), 2.0)):
        torch.manual_seed(1)
        found.append(trained.loss(batch(chunks, weight)).item())
    assert found[1] == pytest.approx(2 * found[0])


def test_of_two_modes_the_policy_chooses_the_one_that_weighs_more():
    trained = learner(steps=90, learning_rate=1e-2, ema=0.9)
    chunks = torch.cat([torch.ones(8, 4, 1), -torch.ones(8, 4, 1)])
    both = batch(chunks, torch.tensor([1.9, 0.1]).repeat_interleave(8))
    for _ in range(trained.config.steps):
        trained.step(both)
    found = sampled(trained, both)
    assert (found > 0).float().mean() > 0.85 and (found.abs() > 0.5).float().mean() > 0.8


@pytest.fixture(scope="module")
def told():
    """A policy that saw good and bad chunks in one state, +1 in 3 of 4 and in 0 of 12, and that batch."""
    trained = learner(AdvantageCondition(dropout=0.3), steps=90, learning_rate=1e-2, ema=0.9)
    chunks = torch.ones(16, 4, 1)
    chunks[3:] = -1
    both = batch(chunks, torch.ones(16), good=torch.arange(16) < 4)
    for _ in range(trained.config.steps):
        trained.step(both)
    return trained, both


def share(chunks: torch.Tensor) -> float:
    """Of chunks at +1; all are at one of both."""
    assert (chunks.abs() > 0.5).float().mean() > 0.8
    return (chunks > 0).float().mean().item()


def test_a_policy_that_was_told_what_is_good_does_what_it_is_asked_for(told):
    good, bad = (share(sampled(*told, AdvantageCondition(word))) for word in (GOOD, BAD))
    assert good > 0.6 and bad < 0.1


def test_asked_for_nothing_it_does_what_was_done(told):
    assert 0.05 < share(sampled(*told)) < 0.5


def test_with_more_guidance_more_of_what_it_does_is_good(told):
    assert share(sampled(*told, AdvantageCondition(guidance=2.0))) > share(sampled(*told, AdvantageCondition())) + 0.05


def test_it_is_measured_by_what_it_does_when_asked_for_good_chunks(told):
    trained, both = told
    trained.policy.advantage = AdvantageCondition()
    good = torch.ones(3, dtype=torch.bool)
    right, wrong = (batch(both.chunks[part], torch.ones(3), good=good) for part in (slice(0, 3), slice(4, 7)))
    as_good = (trained.evaluate(part) for part in (right, wrong))
    for better, worse in zip(*(found.values() for found in as_good), strict=True):
        assert better < worse


def test_where_nothing_is_known_to_be_good_random_numbers_are_drawn_as_ever():
    chunks, states = batch(torch.randn(3, 4, 1), torch.ones(3)), []
    for advantage in (None, AdvantageCondition(dropout=0.5)):
        trained = learner(advantage, steps=3)
        trained.policy.advantage = None
        trained.step(chunks)
        states.append(parameters(trained))
    assert torch.equal(*states)


@pytest.mark.parametrize("steps", [1, 2, 3, 20, 39])
def test_a_short_training_ends_as_any_other(steps):
    trained, chunks = learner(steps=steps), batch(torch.randn(3, 4, 1), torch.ones(3))
    for _ in range(steps):
        assert trained.step(chunks)["learning_rate"] > 0
