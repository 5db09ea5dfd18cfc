"""The state value learns returns, and no episode is judged by what learned from it."""

import critic_store as made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_critic import state_value
from aloe_critic.batches import Batches
from aloe_critic.networks import NetworkConfig, Sizes
from aloe_critic.state_value import ValueConfig, crossfitted_values, folds_of
from aloe_data.episode_store import EpisodeStore, FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import load_policy

NETWORK = NetworkConfig(num_critics=1, width=16, heads=2, layers=1, bins=31, dropout=0.0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 5), st.integers(0, 3))
def test_no_episode_is_in_two_folds_and_folds_are_alike_in_size(episode, count, seed):
    episode = np.array(episode)
    if len(np.unique(episode)) < count:
        with pytest.raises(ValueError, match="take fewer --folds"):
            folds_of(episode, count, seed)
        return
    fold = folds_of(episode, count, seed)
    sizes = [len(np.unique(episode[fold == k])) for k in range(count)]
    assert sum(sizes) == len(np.unique(episode)) and max(sizes) - min(sizes) <= 1 and min(sizes) > 0


@pytest.fixture
def batches(tmp_path):
    policy = load_policy(made.write_policy(tmp_path / "policy"), made.RIG)
    made.write_store(tmp_path / "store", tmp_path / "bags", "hash")
    store = EpisodeStore(tmp_path / "store", made.RIG, made.SIZE)
    replay = Replay(store, FeatureStore(store, "hash", (2, 3)), ReplayConfig(n_action_steps=5), RewardConfig())
    return Batches(replay, policy, torch.device("cpu"))


def sizes(batches: Batches) -> Sizes:
    state_dim = batches.states(np.array([0])).state.shape[1]
    return Sizes(len(made.RIG.cameras), made.NAMES, state_dim, made.RIG.action_dim, 0)


def test_values_follow_returns_that_the_state_explains(batches):
    states = batches.states(np.arange(len(batches.replay))).state[:, 0].numpy().astype(float)
    returns = -0.5 + 0.4 * np.tanh(states)
    config = ValueConfig(folds=2, value_steps=50, value_batch_size=32, value_learning_rate=1e-2)
    found = crossfitted_values(batches, returns, sizes(batches), config, NETWORK)
    assert np.corrcoef(found, returns)[0, 1] > 0.3 and found.min() > -1.1 and found.max() < 0.1


def test_an_episode_is_judged_by_what_learned_from_others_that_have_an_end(batches, monkeypatch):
    returns = np.where(batches.replay.episode_of == 1, np.nan, -0.5)
    learned, judged = [], []
    monkeypatch.setattr(state_value, "_learn", lambda *a: learned.append(a[3]))
    monkeypatch.setattr(state_value, "_judge", lambda *a: judged.append(a[3]) or np.zeros(len(a[3])))
    crossfitted_values(batches, returns, sizes(batches), ValueConfig(folds=3), NETWORK)
    episode = batches.replay.episode_of
    for known, said in zip(learned, judged, strict=True):
        assert not set(episode[known]) & set(episode[said]) and 1 not in episode[known]
    assert sorted(np.concatenate(judged)) == [*range(len(batches.replay))]
    with pytest.raises(ValueError, match="too few episodes that end"):
        crossfitted_values(batches, returns * np.nan, sizes(batches), ValueConfig(), NETWORK)
