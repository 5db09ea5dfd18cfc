"""Batches hold what the policy would see, and know how each chunk's segment ended."""

from dataclasses import replace
from types import SimpleNamespace

import critic_store as made
import numpy as np
import pytest
import torch

from aloe_critic.batches import Batches
from aloe_critic.training import check_outcomes, held_out, matched_discount, reach, spread
from aloe_data.config import ConfigError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.segments import AGAIN, HUMAN
from aloe_data.sources import BY_HUMAN
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import load_policy

H, REWARD = 5, RewardConfig(discount=0.98)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return load_policy(made.write_policy(tmp_path_factory.mktemp("policy") / "p"), made.RIG)


@pytest.fixture
def batches(policy, tmp_path):
    return of_store(policy, tmp_path, human_from=30)


def of_store(policy, tmp_path, **human):
    made.write_store(tmp_path / "store", tmp_path / "bags", "hash", **human)
    store = EpisodeStore(tmp_path / "store", made.RIG, made.SIZE)
    features = FeatureStore(store, "hash", (2, 3))
    batches = Batches(Replay(store, features, ReplayConfig(n_action_steps=H), REWARD), made.transform(policy, H))
    batches.source = made.stored_proposer(policy, store, features, H)
    return batches


@pytest.mark.parametrize("verdict", ["success", "failure", "timeout"])
def test_a_correction_that_was_handed_back_returns_what_followed_it(policy, tmp_path, verdict):
    batches = of_store(policy, tmp_path, verdicts=(verdict, "success", "failure"), human_from=20, human_to=40)
    index = np.flatnonzero(batches.replay.episode_of == 0)
    rows, returns = batches.replay.rows[index], batches.returns(index)
    assert np.isnan(batches.ends(index)[0][(rows >= 20) & (rows < 40)]).all()
    for row, found in zip(rows, returns, strict=True):
        stop = 20 if row < 20 else made.LENGTH  # the takeover ends what was before it, as a failure
        failed = row < 20 or verdict == "failure"
        expected = 0.98 ** (stop - row) - 1 - failed * 0.98 ** (stop - row - 1)
        assert np.isnan(found) if row >= 20 and verdict == "timeout" else found == pytest.approx(expected, abs=1e-5)


def test_states_and_chunks_are_those_that_the_policy_sees(batches, policy):
    index = np.array([0, 7, 30])
    batch, raw, space = batches.at(index), batches.replay.at(index), policy.space
    for k in range(3):
        rows = space.relative(space.from_joints(raw.executed[k]), raw.state[k])
        norm = policy.normaliser
        expected = (rows - norm.action_mean[:H]) / norm.action_std[:H]
        np.testing.assert_allclose(batch.actions[k], expected.clip(-5, 5), atol=1e-5)
        np.testing.assert_allclose(batch.state.state[k], norm.state(space.state_features(raw.state[k])), atol=1e-6)
        np.testing.assert_array_equal(batch.state.tokens[k], raw.features[k].astype(np.float32))
    assert batch.success.tolist() == [batches.replay.segments[k].success for k in raw.segment]


def test_returns_are_those_of_a_loop_to_the_segments_end(batches):
    index = np.arange(len(batches.replay))
    returns, success, progress = batches.ends(index)
    raw = batches.replay.at(index)
    for k in index:
        segment, expected = batches.replay.segments[raw.segment[k]], 0.0
        for tick in range(raw.row[k], segment.stop):
            expected -= 0.98 ** (tick - raw.row[k]) * (0.02 + (tick == segment.stop - 1 and not segment.success))
        assert returns[k] == pytest.approx(expected, abs=1e-5)
        assert success[k] == segment.success
        assert progress[k] == raw.row[k] % made.LENGTH


def test_takeovers_are_the_first_chunks_of_a_person(batches, policy):
    taken = batches.takeovers(batches.source)
    assert taken is not None and taken.human.shape == taken.policy.shape == (2, H, made.RIG.action_dim)
    starts = np.flatnonzero(np.isin(batches.replay.rows, [30, 35]))
    torch.testing.assert_close(taken.human, batches.at(starts).actions)
    segments = batches.replay.segments
    segments[:] = [replace(s, end=AGAIN) if s.kind == HUMAN else s for s in segments]
    assert batches.takeovers(batches.source) is None, "what did not help is no example"


def test_what_follows_a_short_correction_is_not_taken_for_it(policy, tmp_path):
    batches = of_store(policy, tmp_path, human_from=30, human_to=36)
    by_human = np.flatnonzero(batches.replay.source_of == BY_HUMAN)
    torch.testing.assert_close(batches.takeovers(batches.source).human, batches.at(by_human).actions)
    assert np.isin(batches.replay.rows, np.arange(36, 40)).any()


@pytest.mark.parametrize(
    "made_so", [{"human_from": 0}, {"human_from": 30, "verdicts": ("failure", "success", "failure")}]
)
def test_neither_a_demonstration_by_hand_nor_a_takeover_that_failed_is_an_example(policy, tmp_path, made_so):
    batches = of_store(policy, tmp_path, **made_so)
    assert batches.takeovers(batches.source) is None


def test_every_verdict_is_held_out_and_learned_from():
    verdicts = {f"s{k}": "success" for k in range(20)} | {"f0": "failure", "f1": "failure", "t0": "timeout"}
    chosen = held_out(verdicts, 0.1, seed=0)
    assert sorted(name[0] for name in chosen) == ["f", "s", "s"]
    assert chosen == held_out(verdicts, 0.1, seed=0)


def test_the_matched_discount_reaches_the_episodes_length():
    for ticks, h in ((700, 25), (300, 5), (60, 1)):
        assert reach(matched_discount(ticks, h), h) == pytest.approx(ticks, rel=1e-3)
    assert matched_discount(10, 25) == 0.9 and reach(1.0, 25) == float("inf")


def test_data_without_ends_are_refused():
    segments = [SimpleNamespace(kind="human", terminal=False, success=False)] * 2
    with pytest.raises(ConfigError, match="no episode with a verdict"):
        check_outcomes(SimpleNamespace(segments=segments), "here")


def test_entries_are_spread_over_the_whole():
    assert spread(10, 4).tolist() == [0, 3, 6, 9] and len(spread(3, 100)) == 3
