"""A critic is asked what training had taught it, the same question has one answer, and wrong pairs are refused."""

import dataclasses
import json
import shutil

import critic_made as made
import critic_store as stored
import numpy as np
import pytest
import torch

from aloe_critic.batches import Batches
from aloe_critic.estimates import Estimates
from aloe_critic.losses import aggregate, value
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_critic.timeline import executed_windows
from aloe_data.chunk import Chunk
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.observation import Observation
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import trainable_policy
from aloe_policy.checkpoint import CheckpointError, folder_hash
from aloe_policy.encoders import registry
from aloe_policy.encoders.keypoint_frames import KeypointEncoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("asking")
    made.write_critic(path / "critic", stored.write_policy(path / "policy"))
    return path


@pytest.fixture(scope="module")
def scorer(folder):
    return load_scorer(folder / "critic", folder / "policy", made.RIG, AskConfig(samples=4))


def questions(scorer, count=6):
    episode = stored.episode(0, "success", human_from=30)
    ticks, windows = executed_windows(episode, made.STEPS, 7)
    rows = scorer.policy.space.from_joints(windows)[:count]
    return made.views(count), episode.state[ticks[:count]], episode.prompt, rows


def test_a_chunk_is_worth_the_same_alone_and_among_others(scorer):
    views, joints, prompt, rows = questions(scorer)
    together = scorer.score(views, joints, prompt, rows)
    alone = [scorer.score(views[[k]], joints[[k]], prompt, rows[[k]]) for k in range(len(rows))]
    for name in ("q", "aggregated", "value", "advantage", "spread"):
        joined = getattr(Estimates.joined(alone), name)
        np.testing.assert_allclose(getattr(together, name), joined, atol=1e-5)
    assert together.q.std() > 1e-3 and together.value.std() > 1e-3, "a critic that tells nothing apart proves nothing"


def test_the_critic_sees_what_it_saw_in_training(scorer, tmp_path):
    """A store of the same episode, cut and put in tensors by the learner's own code, gets the same values."""
    episode, views = stored.episode(0, "success", human_from=30), made.views(stored.LENGTH)
    frames = {camera.name: views[:, c] for c, camera in enumerate(made.RIG.cameras)}
    episode = dataclasses.replace(episode, frames=frames)
    store = EpisodeStore(tmp_path / "store", made.RIG, stored.SIZE)
    features = FeatureStore(store, "e", (len(stored.NAMES), 3))
    by_camera = np.concatenate([frames[camera.name] for camera in made.RIG.cameras])
    features.write(store.append(episode, str(tmp_path / "ep"), "f"), scorer.critic.encoder.encode(by_camera))
    replay = Replay(store, features, ReplayConfig(n_action_steps=made.STEPS, stride=5), RewardConfig())
    batch = Batches(replay, scorer.critic.transform).at(np.arange(len(replay)))
    with torch.no_grad():
        expected = value(scorer.critic.network(batch.state, batch.actions), scorer.critic.support)
    ticks, windows = executed_windows(episode, made.STEPS, 5)
    rows = scorer.policy.space.from_joints(windows)
    found = scorer.score(episode.images(ticks), episode.state[ticks], episode.prompt, rows)
    assert ticks.tolist() == batch.row.tolist()
    np.testing.assert_allclose(found.q, expected, atol=1e-5)


def test_v_is_the_mean_over_the_policys_own_chunks(scorer):
    views, joints, prompt, rows = questions(scorer, 1)
    seen = {}
    real = scorer.policy.sample
    scorer.policy.sample = lambda *a: seen.setdefault("chunks", real(*a))
    try:
        found = scorer.score(views, joints, prompt, rows)
    finally:
        del scorer.policy.sample
    here, unchunk = scorer.policy.space._origin(joints), scorer.policy.normaliser.unchunk
    own = [(unchunk(chunk.numpy()) + here[0])[None, : made.STEPS] for chunk in seen["chunks"][:, 0]]
    each = [scorer.score(views, joints, prompt, rows).aggregated[0] for rows in own]
    assert len(each) == 4
    np.testing.assert_allclose(found.value[0], np.mean(each), atol=1e-4)  # there and back through set points


@pytest.mark.parametrize("how", ["min", "mean", "mean-std", "redq"])
def test_every_aggregation_has_one_answer(folder, how):
    made.write_critic(folder / how, folder / "policy", learning={"q_agg": how, "kappa": 0.5})
    first, second = (load_scorer(folder / how, folder / "policy", made.RIG, AskConfig(samples=2)) for _ in range(2))
    a, b = first.score(*questions(first)), second.score(*questions(second))
    assert a.aggregated.tolist() == b.aggregated.tolist() and a.value.tolist() == b.value.tolist()
    expected = aggregate(torch.from_numpy(a.q), how, 0.5, torch.tensor([0, 1]))
    np.testing.assert_allclose(a.aggregated, expected, rtol=1e-6)


def test_a_proposal_is_judged_by_the_steps_that_are_executed(scorer):
    views, joints, prompt, rows = questions(scorer, 1)
    images = {camera.name: views[0, c] for c, camera in enumerate(made.RIG.cameras)}
    observation = Observation(5, joints[0], images, prompt)
    longer = np.concatenate([rows[0], np.full((40, made.RIG.action_dim), 9.0, np.float32)])
    found = scorer.score_chunk(observation, Chunk(5, 1, longer, "v", 1, 50.0))
    np.testing.assert_array_equal(found.q, scorer.score(views, joints, prompt, rows).q)
    for wrong in (longer[:9], longer[:, :-1]):
        with pytest.raises(ValueError, match=r"the critic judges \[10 or more, 20\]"):
            scorer.score_chunk(observation, Chunk(5, 1, np.ascontiguousarray(wrong), "v", 1, 50.0))


def test_a_critic_of_another_policy_or_one_that_failed_is_asked_only_if_somebody_says_so(folder):
    policy, ask = folder / "policy", AskConfig(samples=2)
    other = made.write_critic(folder / "other", policy, policy="0" * 64)
    with pytest.raises(CheckpointError, match=r"value of the policy 000000000000, .* allow it with other_policy"):
        load_scorer(other, policy, made.RIG, ask)
    load_scorer(other, policy, made.RIG, dataclasses.replace(ask, other_policy=True))
    failed = made.write_critic(folder / "failed", policy, passed=False, judgement=["it ignores the action"])
    with pytest.raises(CheckpointError, match=r"failed its gates: it ignores the action; .* insist with force"):
        load_scorer(failed, policy, made.RIG, ask)
    load_scorer(failed, policy, made.RIG, dataclasses.replace(ask, force=True))


def test_what_does_not_belong_together_is_refused_whatever_is_said(folder):
    ask = AskConfig(force=True, other_policy=True)
    with pytest.raises(CheckpointError, match="no such folder"):
        load_scorer(folder / "nowhere", folder / "policy", made.RIG, ask)
    with pytest.raises(CheckpointError, match="not a critic"):
        load_scorer(folder / "policy", folder / "policy", made.RIG, ask)
    foreign = dataclasses.replace(made.RIG, cameras=made.RIG.cameras[:2])
    made.write_critic(folder / "two_cameras", folder / "policy", foreign)
    with pytest.raises(CheckpointError, match="made for another rig"):
        load_scorer(folder / "two_cameras", folder / "policy", made.RIG, ask)
    policy = trainable_policy(folder / "policy", made.RIG)
    policy.frame_encoder = KeypointEncoder(policy.frame_encoder.network, (48, 64), torch.device("cpu"))
    policy.save(folder / "larger", {}, "")
    with pytest.raises(CheckpointError, match=r"reads frames of 48x32 px, .*larger of 64x48; train a critic"):
        load_scorer(folder / "critic", folder / "larger", made.RIG, ask)


def test_a_critic_of_a_former_version_is_refused_with_the_command_that_makes_it_anew(folder):
    former = shutil.copytree(folder / "critic", folder / "former")
    facts = json.loads((former / "config.json").read_text())
    del facts["encoder"]
    (former / "config.json").write_text(json.dumps(facts))
    (former / "sha256").write_text(folder_hash(former))
    with pytest.raises(
        CheckpointError, match=r"former version, .* make it anew with `ros2 run aloe_critic train_critic"
    ):
        load_scorer(former, folder / "policy", made.RIG, AskConfig())


def test_chunks_of_a_policy_in_other_statistics_reach_the_critic_in_the_rigs_units(folder):
    ask = AskConfig(samples=3, other_policy=True)
    policy = trainable_policy(folder / "policy", made.RIG)
    policy.normaliser = dataclasses.replace(policy.normaliser, action_mean=policy.normaliser.action_mean + 0.01)
    policy.save(folder / "moved", {}, "")
    found = load_scorer(folder / "critic", folder / "moved", made.RIG, ask)
    views, joints, prompt, rows = questions(found, 2)
    batch = found._batch(found.critic.encoder.encode(views.reshape(-1, *views.shape[2:])), joints, prompt)
    noise = torch.randn(3, 2, 20, made.RIG.action_dim, generator=torch.Generator().manual_seed(1))
    own = found.proposer.sample(batch, noise)
    absolute = found.policy.space.absolute(policy.normaliser.unchunk(own.numpy()), joints)
    for chunks, set_points in zip(found.proposer.chunks(batch, noise), absolute, strict=True):
        expected = found.score(views, joints, prompt, set_points[:, : made.STEPS]).aggregated
        judged = found.judge(found.critic.transform.state(batch), chunks[None])[0]
        np.testing.assert_allclose(judged, expected, atol=1e-5)
    same = load_scorer(folder / "critic", folder / "policy", made.RIG, ask)
    values = [scorer.score(views, joints, prompt, rows).value for scorer in (found, same)]
    assert not np.allclose(*values)


def test_a_critic_reads_frames_through_an_encoder_of_its_own(folder, monkeypatch):
    monkeypatch.setattr(registry, "ENCODERS", {**registry.ENCODERS, "grid": registry.Entry(lambda *_: stored.Grid())})
    made.write_critic(folder / "own_encoder", folder / "policy", encoder=stored.Grid())
    scorer = load_scorer(folder / "own_encoder", folder / "policy", made.RIG, AskConfig(samples=2))
    views, joints, prompt, rows = questions(scorer, 2)
    there = scorer.score(views, joints, prompt, rows)
    darker = scorer.score(views // 2, joints, prompt, rows)
    assert not np.allclose(there.q, darker.q)
    images = {camera.name: views[0, c] for c, camera in enumerate(made.RIG.cameras)}
    live = Observation(0, joints[0], images, prompt)
    state = scorer.observe(live, scorer.policy.observe(live))
    assert state.tokens.shape == (1, len(made.RIG.cameras), 4, 3)
    actions = scorer.critic.transform.chunks(rows[:1], joints[:1])
    np.testing.assert_allclose(scorer.judge(state, actions[None])[0], there.aggregated[:1], atol=1e-5)


def test_the_value_of_a_policy_that_always_gives_the_same_chunk_is_that_chunks(folder):
    found = load_scorer(folder / "critic", folder / "policy", made.RIG, AskConfig(samples=4))
    found.policy.stochastic = False
    certain = ChunkScorer(found.critic, found.policy, 4)
    views, joints, prompt, rows = questions(certain, 1)
    drawn = []
    real = certain.policy.sample
    certain.policy.sample = lambda *a: drawn.append(real(*a)) or drawn[-1]
    value = certain.score(views, joints, prompt, rows).value
    (chunks,) = drawn
    assert len(chunks) == 1
    batch = certain._batch(certain.critic.encoder.encode(views.reshape(-1, *views.shape[2:])), joints, prompt)
    judged = certain.judge(certain.critic.transform.state(batch), certain.proposer.convert(chunks, batch.joints))
    assert value == pytest.approx(judged[0].numpy(), abs=1e-5)
