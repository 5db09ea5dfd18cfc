"""Training rows: the chunk that followed an observation, padded and marked past the end that it is given."""

import critic_store as made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_policy.actions import ActionSpace
from aloe_policy.dataset import build, chunk_windows

SPACE, LENGTH, CPU = ActionSpace(made.RIG), made.LENGTH, torch.device("cpu")


@given(st.integers(1, 30), st.integers(1, 12), st.data())
def test_chunks_are_the_next_rows_as_a_plain_loop_says(length: int, horizon: int, data: st.DataObject) -> None:
    rows = np.arange(length, dtype=np.float32)[:, None]
    ticks = np.array(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=5)))
    stop = np.array([data.draw(st.integers(int(tick) + 1, length)) for tick in ticks])
    for ends in (None, stop):
        chunks, valid = chunk_windows(rows, ticks, horizon, ends)
        for n, tick in enumerate(ticks):
            end = length if ends is None else ends[n]
            for k in range(horizon):
                assert valid[n, k] == (tick + k < end)
                assert chunks[n, k, 0] == min(tick + k, end - 1)


@pytest.fixture
def stored(tmp_path):
    made.write_store(tmp_path / "store", tmp_path / "bags", "hash", ("success", "success"))
    store = EpisodeStore(tmp_path / "store", made.RIG, made.SIZE)
    return store, FeatureStore(store, "hash", (2, 3))


def test_batches_are_what_the_policy_sees_at_rows_of_a_store(stored) -> None:
    store, features = stored
    row, stop = np.array([3, 55, LENGTH + 10]), np.array([30, LENGTH, 2 * LENGTH])
    data = build(store, features, SPACE, row, stop, 20, np.array([1, 2, 3], np.float32))
    assert data.episode.tolist() == [0, 0, 1]
    batch, index = data.batch(np.array([2, 0, 1]), CPU), np.array([2, 0, 1])
    seen = batch.observations
    assert batch.valid.sum(1).tolist() == [20, 20, 5] and batch.weight.tolist() == [3, 1, 2]
    for n, k in enumerate(index):
        joints = store.column("state")[row[k]]
        window = np.minimum(row[k] + np.arange(20), stop[k] - 1)
        rows = SPACE.from_joints(np.array(store.column("executed")[window]))
        expected = data.normaliser.chunk(SPACE.relative(rows, joints))
        np.testing.assert_allclose(batch.chunks[n], expected, atol=1e-5)
        np.testing.assert_array_equal(seen.joints[n], joints)
        np.testing.assert_array_equal(seen.features[n], features.rows()[store.column("frame")[row[k]]])
        assert seen.prompts[seen.prompt_index[n]] == store.episodes[0].prompt


def test_other_chunks_take_the_place_of_the_executed_ones(stored) -> None:
    chunks = np.arange(40, dtype=np.float16).reshape(2, 20, 1) * np.ones((1, 1, made.RIG.action_dim), np.float16)
    data = build(*stored, SPACE, np.array([3, 3]), np.array([4, 4]), 20, chunks=chunks)
    batch = data.batch(np.array([1]), CPU)
    np.testing.assert_array_equal(batch.chunks[0], chunks[1].astype(np.float32))
    assert batch.valid.all()


def test_rows_that_are_not_there_are_named(stored) -> None:
    store, features = stored
    for row in (-1, 2 * LENGTH):
        with pytest.raises(StoreError, match=f"has no row {row}; give the store that the rows were taken from"):
            build(store, features, SPACE, np.array([5, row]), np.array([6, row + 1]), 20)
    other = FeatureStore(store, "other", (2, 3))
    with pytest.raises(StoreError, match=r"no features of .*ep_0000"):
        build(store, other, SPACE, np.array([5]), np.array([6]), 20)
    with pytest.raises(StoreError, match="the chunk at row 50 does not end in the episode it begins in"):
        build(store, features, SPACE, np.array([5, 50]), np.array([6, LENGTH + 1]), 20)
