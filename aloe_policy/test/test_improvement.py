"""What is learned from weights: chunks that weigh something, of episodes that do not measure; nothing foreign."""

import dataclasses

import critic_store as made
import numpy as np
import pytest
import torch

from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.sources import AUTONOMOUS, DEMO
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.backend import load_policy
from aloe_policy.improvement import check_origin, make_lesson
from aloe_policy.improvement_weights import Weights, normaliser_hash, store_mark

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return load_policy(made.write_policy(tmp_path_factory.mktemp("policy") / "p"), made.RIG)


@pytest.fixture
def stored(tmp_path):
    made.write_store(tmp_path / "store", tmp_path / "bags", "hash")
    store = EpisodeStore(tmp_path / "store", made.RIG, made.SIZE)
    return store, FeatureStore(store, "hash", (2, 3))


def weights(store, policy, **changes):
    """A chunk every 5 ticks; the first half of every episode weighs twice what the other does."""
    row = np.concatenate([e.first_tick + np.arange(0, e.ticks, 5) for e in store.episodes])
    within, verdicts = row % made.LENGTH, np.repeat([e.verdict for e in store.episodes], made.LENGTH // 5)
    encoder = policy.feature_spec.hash
    meta = {"policy": policy.version, "encoder": encoder, "store": store_mark(store.episodes)}
    return Weights(
        row=row, stop=row - within + made.LENGTH, weight=np.where(within < 30, 2.0, 1.0).astype(np.float32),
        advantage=np.zeros(len(row), np.float32), success=verdicts == "success", meta=meta,
        source=np.where(row < 3 * made.LENGTH, DEMO, AUTONOMOUS), **changes,
    )  # fmt: skip


def test_successful_demonstrations_measure_and_the_others_are_learned_from(stored, policy):
    given = weights(stored[0], policy)
    lesson = make_lesson(given, *stored, policy, 0, CPU)
    assert lesson.measured_on == "1 successful demonstrations"
    held_out = set(range(6)) - set(lesson.data.episode[lesson.entries])
    assert held_out < {0, 2} and len(lesson.entries) == 60 and len(lesson.held_out) == 12
    drawn = lesson.data.batch(lesson.entries, CPU)
    assert drawn.weight.mean().item() == pytest.approx(1.0)
    assert sorted(set(drawn.weight.tolist())) == pytest.approx([2 / 3, 4 / 3])
    assert lesson.data.normaliser is policy.normaliser


def test_where_nobody_demonstrated_successful_episodes_measure(stored, policy):
    given = weights(stored[0], policy)
    given.source[:] = AUTONOMOUS
    assert make_lesson(given, *stored, policy, 0, CPU).measured_on == "1 successful episodes"
    given.success[:] = False
    with pytest.raises(ConfigError, match=r"weights: 0 successful episode\(s\); record at least 2"):
        make_lesson(given, *stored, policy, 0, CPU)


def test_windows_end_at_the_segments_end_and_not_at_the_episodes(stored, policy):
    given = weights(stored[0], policy)
    given.stop[given.row % made.LENGTH < 30] -= 30
    lesson = make_lesson(given, *stored, policy, 0, CPU)
    batch = lesson.data.batch(np.arange(12), CPU)
    assert batch.valid.sum(1).tolist() == [20, 20, 20, 15, 10, 5] * 2


def test_a_policys_own_chunks_are_learned_and_executed_ones_measured(stored, policy):
    one = weights(stored[0], policy)
    arrays = {k: np.tile(v, 3) for k, v in vars(one).items() if isinstance(v, np.ndarray)}
    chunks = np.zeros((len(arrays["row"]), 20, made.RIG.action_dim), np.float16)
    lesson = make_lesson(dataclasses.replace(one, **arrays, chunks=chunks), *stored, policy, 0, CPU)
    assert len(lesson.entries) == 180 and len(lesson.held_out) == 12
    assert not lesson.data.batch(lesson.entries, CPU).chunks.any() and lesson.held_out.chunks.any()


def test_what_is_good_is_told_and_measured_is_what_is_asked_for(stored, policy):
    given = weights(stored[0], policy)
    told = dataclasses.replace(given, good=np.arange(len(given)) % 3 == 0)
    lesson = make_lesson(told, *stored, policy, 0, CPU)
    assert lesson.data.batch(np.array([3, 4, 7]), CPU).observations.good.tolist() == [True, False, False]
    assert lesson.held_out.observations.good.all()
    plain = make_lesson(given, *stored, policy, 0, CPU)
    assert plain.held_out.observations.good is None
    assert plain.data.batch(np.array([3]), CPU).observations.good is None


def test_a_policy_that_is_asked_for_what_is_good_learns_all_as_good_where_weights_do_not_tell(
    stored, policy, monkeypatch
):
    monkeypatch.setattr(policy, "advantage", AdvantageCondition())
    lesson = make_lesson(weights(stored[0], policy), *stored, policy, 0, CPU)
    assert lesson.data.batch(lesson.entries, CPU).observations.good.all() and lesson.held_out.observations.good.all()


def test_without_a_good_chunk_nothing_is_learned(stored, policy):
    given = weights(stored[0], policy)
    with pytest.raises(ConfigError, match="no chunk to learn from is good"):
        make_lesson(dataclasses.replace(given, good=np.zeros(len(given), bool)), *stored, policy, 0, CPU)


def test_chunks_that_weigh_nothing_are_never_drawn_and_one_must_be_left(stored, policy):
    given = weights(stored[0], policy)
    given.weight[given.row >= made.LENGTH] = 0
    with pytest.raises(ConfigError, match="no chunk left to learn from"):
        for seed in range(9):  # until the only episode that weighs something measures
            lesson = make_lesson(given, *stored, policy, seed, CPU)
            assert set(lesson.data.episode[lesson.entries]) == {0}


def test_rows_that_are_not_there_are_refused(stored, policy):
    given = weights(stored[0], policy)
    given.row[3] = 10_000
    with pytest.raises(StoreError, match="has no row 10000"):
        make_lesson(given, *stored, policy, 0, CPU)


def test_scenes_that_are_kept_for_measuring_are_refused(stored, policy, monkeypatch):
    monkeypatch.setattr("aloe_data.seeds.HELD_OUT", range(3, 5))
    with pytest.raises(ConfigError, match="scene seed 3 is held out of training"):
        make_lesson(weights(stored[0], policy), *stored, policy, 0, CPU)


def test_weights_of_another_store_encoder_or_policy_are_refused(stored, policy, tmp_path):
    (store, features), given = stored, weights(stored[0], policy)
    check_origin(tmp_path, given, store, policy, False)
    made.store_episode(store, features, tmp_path / "bags" / "more", 9, "success")
    check_origin(tmp_path, given, store, policy, False)  # stores may grow
    fewer = EpisodeStore(tmp_path / "fewer", made.RIG, made.SIZE)
    with pytest.raises(ConfigError, match=r"another store than .* \(of 6 episodes, this one has 0"):
        check_origin(tmp_path, given, fewer, policy, False)
    blind = weights(store, policy)
    blind.meta["encoder"] = "other"
    with pytest.raises(ConfigError, match="made with the encoder other, the policy's is"):
        check_origin(tmp_path, blind, store, policy, False)
    foreign = weights(store, policy, chunks=None)
    foreign.meta["policy"] = "0" * 64
    with pytest.raises(ConfigError, match=r"made for the policy 000000000000, .* allow it with --other-policy"):
        check_origin(tmp_path, foreign, store, policy, False)
    check_origin(tmp_path, foreign, store, policy, True)
    chunks = weights(store, policy, chunks=np.zeros((84, 20, 20), np.float16))
    chunks.meta["normaliser"] = "0" * 64
    with pytest.raises(ConfigError, match="in other units than those of this policy"):
        check_origin(tmp_path, chunks, store, policy, True)
    chunks.meta["normaliser"] = normaliser_hash(policy.normaliser)
    check_origin(tmp_path, chunks, store, policy, False)
