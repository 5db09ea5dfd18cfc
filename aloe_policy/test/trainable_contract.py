"""What every kind of policy that trains must keep; the tests of each kind call these with a policy of its own."""

from pathlib import Path

import numpy as np
import torch

from aloe_policy.backend import TrainablePolicy, trainable_policy
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.committed import Committed
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.propose import propose


def noise_for(policy: TrainablePolicy, samples: int, observations: int, seed: int = 0) -> torch.Tensor:
    shape = samples, observations, policy.action_horizon, policy.rig.action_dim
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def check_samples_and_losses_have_the_shapes_of_the_seam(policy: TrainablePolicy, batch: ObservationBatch) -> None:
    b, horizon = len(batch), policy.action_horizon
    condition = policy.condition(batch)
    noise = noise_for(policy, 3, b)
    samples = policy.sample(condition, noise)
    assert samples.shape == noise.shape and samples.dtype == torch.float32
    assert len(condition) == b and len(condition.repeat(2)) == 2 * b
    torch.manual_seed(0)
    twice = policy.loss(condition.repeat(2), samples[0].repeat(2, 1, 1))
    assert twice.shape == (2 * b, horizon) and bool((twice >= 0).all())


def check_each_sample_is_that_of_its_own_noise_and_observation(
    policy: TrainablePolicy, batch: ObservationBatch
) -> None:
    noise = noise_for(policy, 2, len(batch))
    together = policy.sample(policy.condition(batch), noise)
    for k in range(len(batch)):
        for m in range(2):
            alone = policy.sample(policy.condition(batch[k : k + 1]), noise[m : m + 1, k : k + 1])
            torch.testing.assert_close(together[m, k], alone[0, 0], atol=1e-4, rtol=1e-4)


def check_committed_rows_come_back_exactly_and_all_else_is_sampled(
    policy: TrainablePolicy, batch: ObservationBatch, mask: torch.Tensor, seed: int
) -> None:
    """`mask` is [B, H, arms]."""
    noise = noise_for(policy, 2, len(batch), seed)
    condition = policy.condition(batch)
    free = policy.sample(condition, noise)
    committed = Committed(free[0] + 1.0, mask)
    samples = policy.sample(condition, noise, committed)
    columns = committed.columns(policy.rig).expand_as(samples)
    assert torch.equal(samples[columns], committed.rows.expand_as(samples)[columns])
    assert not (samples[~columns] == committed.rows.expand_as(samples)[~columns]).any()
    if not mask.any():
        assert torch.equal(samples, free)


def check_proposals_are_what_is_executed(policy: TrainablePolicy, batch: ObservationBatch) -> None:
    rows = propose(policy, batch, 2, seed=3)
    assert rows.shape == (2, len(batch), policy.action_horizon, policy.rig.action_dim) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows, propose(policy, batch, 2, seed=3))
    mask = torch.zeros(len(batch), policy.action_horizon, len(policy.rig.arms), dtype=torch.bool)
    mask[:, :4, 0] = True
    wanted = torch.from_numpy(rows[0]) + 0.25
    held = propose(policy, batch, 2, 3, Committed(wanted, mask))
    columns = np.broadcast_to(Committed(wanted, mask).columns(policy.rig).numpy(), held.shape)
    np.testing.assert_array_equal(held[columns], np.broadcast_to(wanted.numpy(), held.shape)[columns])


def check_it_learns_and_comes_back_from_its_folder_as_it_was_averaged(
    policy: TrainablePolicy, batch: ChunkBatch, folder: Path
) -> None:
    learner = ActorLearner(policy, LearnerConfig(steps=3, noises_per_observation=2, ema=0.5))
    before = {name: value.detach().clone() for name, value in policy.trainable().parameters.items()}
    measures = [learner.evaluate(batch)]
    metrics = [learner.step(batch) for _ in range(3)]
    measures.append(learner.evaluate(batch))
    assert all(np.isfinite(list(one.values())).all() for one in (*metrics, *measures))
    assert measures[0] != measures[1]
    after = policy.trainable().parameters
    assert list(after) == list(before) and not all(torch.equal(before[name], after[name]) for name in after)
    noise = noise_for(policy, 1, len(batch))
    with learner.averaged():
        version = policy.save(folder, {"why": "test"}, "# card\n")
        expected = policy.sample(policy.condition(batch.observations), noise)
    again = trainable_policy(folder, policy.rig)
    assert again.version == version and again.feature_spec == policy.feature_spec
    torch.testing.assert_close(again.sample(again.condition(batch.observations), noise), expected, atol=1e-5, rtol=1e-5)
