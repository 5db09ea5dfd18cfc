"""The tiny VLA keeps what the seam promises."""

import critic_store as made
import numpy as np
import pytest
import torch
import trainable_contract as contract
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_policy.backend import trainable_policy
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.committed import Committed
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.warm_up import made_up_observation

ARMS, HORIZON = len(made.RIG.arms), 20


def load(folder, warm=False):
    """Untrained, but such that its chunks differ."""
    policy = trainable_policy(made.write_policy(folder / "p"), made.RIG)
    torch.manual_seed(1)
    torch.nn.init.normal_(policy.model.action_out.weight, std=0.1)
    if warm:
        policy.warm_up()
    return policy


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "traced"])
def policy(request, tmp_path_factory):
    return load(tmp_path_factory.mktemp("policy"), request.param)


def observations(policy, count: int = 2) -> ObservationBatch:
    random = torch.Generator().manual_seed(0)
    features = torch.rand(count, len(made.RIG.cameras), *policy.feature_spec.shape, generator=random).half()
    joints = torch.from_numpy(made.episode(0, "success").state[:count])
    prompts = ("put the red cube left", "put the blue cube right")
    return ObservationBatch(features, joints, prompts, torch.arange(count) % 2)


def test_samples_and_losses_have_the_shapes_of_the_seam(policy):
    contract.check_samples_and_losses_have_the_shapes_of_the_seam(policy, observations(policy))


def test_each_sample_is_that_of_its_own_noise_and_observation(policy):
    contract.check_each_sample_is_that_of_its_own_noise_and_observation(policy, observations(policy))


masks = st.lists(st.booleans(), min_size=2 * HORIZON * ARMS, max_size=2 * HORIZON * ARMS)


@settings(max_examples=10)
@given(st.one_of(masks, st.just([False] * (2 * HORIZON * ARMS))), st.integers(0, 99))
def test_committed_rows_come_back_exactly_and_all_else_is_sampled(policy, mask, seed):
    shaped = torch.tensor(mask).view(2, HORIZON, ARMS)
    contract.check_committed_rows_come_back_exactly_and_all_else_is_sampled(policy, observations(policy), shaped, seed)


def test_what_is_committed_of_one_arm_changes_what_is_sampled_for_the_rest(policy):
    noise, condition = contract.noise_for(policy, 1, 2), policy.condition(observations(policy))
    mask = torch.zeros(2, HORIZON, ARMS, dtype=torch.bool)
    mask[:, :5, 0] = True
    near, far = (policy.sample(condition, noise, Committed(torch.full(noise.shape[1:], x), mask)) for x in (0.0, 2.0))
    assert (near[..., 5:, :] - far[..., 5:, :]).abs().max() > 1e-4


def test_proposals_are_what_is_executed(policy):
    contract.check_proposals_are_what_is_executed(policy, observations(policy))


def test_a_live_chunk_holds_what_is_committed_and_is_else_as_without(policy):
    seen = made_up_observation(made.RIG)
    absent = Committed(torch.full((1, HORIZON, made.RIG.action_dim), np.nan), torch.zeros(1, HORIZON, ARMS).bool())
    random = policy._generator.get_state()
    chunk = policy.infer(seen)
    policy._generator.set_state(random)
    np.testing.assert_array_equal(policy.infer(seen, absent), chunk)
    held = Committed(torch.from_numpy(chunk)[None], torch.ones(1, HORIZON, ARMS).bool())
    np.testing.assert_array_equal(policy.infer(seen, held), chunk)
    assert (policy.infer(seen) != chunk).any()


def test_it_learns_and_comes_back_from_its_folder_as_it_was_averaged(tmp_path):
    policy = load(tmp_path)
    chunks = torch.randn(2, HORIZON, made.RIG.action_dim, generator=torch.Generator().manual_seed(2))
    batch = ChunkBatch(observations(policy), chunks, torch.ones(2, HORIZON), torch.ones(2))
    contract.check_it_learns_and_comes_back_from_its_folder_as_it_was_averaged(policy, batch, tmp_path / "again")


def test_training_gives_up_the_trace_so_that_samples_follow_the_weights(tmp_path):
    policy = load(tmp_path, warm=True)
    noise, seen = contract.noise_for(policy, 1, 2), observations(policy)
    before = policy.sample(policy.condition(seen), noise)
    with torch.no_grad():
        policy.trainable().parameters["action_out.weight"].mul_(2.0)
    assert not torch.equal(policy.sample(policy.condition(seen), noise), before)
