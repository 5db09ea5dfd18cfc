"""The state value learns returns, and no episode is judged by what learned from it."""

import critic_store as made
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_critic import state_value
from aloe_critic.batches import Batches
from aloe_critic.critic_state import Sizes
from aloe_critic.networks import NetworkConfig
from aloe_critic.state_value import ValueConfig, crossfitted_values, folds_of
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import load_policy

NETWORK = NetworkConfig(num_critics=1, width=16, heads=2, layers=1, bins=31, dropout=0.0)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(2, 5), st.integers(0, 3))
def test_no_episode_is_in_two_folds_and_folds_are_alike_in_size(episode, count, seed):
    episode = np.array(episode)
    if len(np.unique(episode)) < count:
        with pytest.raises(ValueError, match="learnt from at least"):
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
    return Batches(replay, made.transform(policy, 5))


def sizes(batches: Batches) -> Sizes:
    state_dim = batches.states(np.array([0])).state.shape[1]
    return Sizes(len(made.RIG.cameras), 2, 3, made.NAMES, state_dim, made.RIG.action_dim, 0)


def test_values_follow_returns_that_the_state_explains(batches):
    states = batches.states(np.arange(len(batches.replay))).state[:, 0].numpy().astype(float)
    returns = -0.5 + 0.4 * np.tanh(states)
    config = ValueConfig(folds=2, value_steps=50, value_batch_size=32, value_learning_rate=1e-2)
    found, _ = crossfitted_values(batches, returns, sizes(batches), config, NETWORK)
    assert np.corrcoef(found, returns)[0, 1] > 0.3 and found.min() > -1.1 and found.max() < 0.1


def test_an_episode_is_judged_by_what_learned_from_others_that_have_an_end(batches, monkeypatch):
    returns = np.where(batches.replay.episode_of == 1, np.nan, -0.5)
    learned, judged = [], []
    monkeypatch.setattr(state_value, "_learn", lambda *a: learned.append(a[3]))
    monkeypatch.setattr(state_value, "_judge", lambda *a: judged.append(a[3]) or np.zeros((2, len(a[3]))))
    crossfitted_values(batches, returns, sizes(batches), ValueConfig(folds=3), NETWORK)
    episode = batches.replay.episode_of
    for known, said in zip(learned, judged, strict=True):
        assert not set(episode[known]) & set(episode[said]) and 1 not in episode[known]
    assert sorted(np.concatenate(judged)) == [*range(len(batches.replay))]
    with pytest.raises(ValueError, match="too few episodes that end"):
        crossfitted_values(batches, returns * np.nan, sizes(batches), ValueConfig(), NETWORK)


class Clock(torch.nn.Module):
    """Says of every state what its first joint says: here minus the ticks of its episode so far, in hundredths."""

    def __init__(self, *_) -> None:
        super().__init__()

    def forward(self, state, _):
        return state.state[None, :, :1]


# Half of what is left is lost in each tick, as gamma = 1/2; episodes have 60 ticks, N = 4.
WORTH = (
    # episode, tick, R_4 + gamma^4 m V(s_{t+4})
    ("success", 0, -15 / 16 + 1 / 16 * -0.04),
    ("success", 50, -15 / 16 + 1 / 16 * -0.54),
    ("success", 55, -15 / 16 + 1 / 16 * -0.59),
    ("success", 56, -15 / 16),  # the last tick lies inside: the return, and nothing after it
    ("success", 58, -3 / 4),
    ("failure", 55, -15 / 16 + 1 / 16 * -0.59),
    ("failure", 58, -3 / 4 - 1 / 2),
    ("failure", 59, -1 / 2 - 1),
    ("timeout", 50, -15 / 16 + 1 / 16 * -0.54),
    ("timeout", 58, -3 / 4 + 1 / 4 * -0.59),  # no end: the last state that was seen counts
    ("taken over", 25, -15 / 16 + 1 / 16 * -0.29),
    ("taken over", 28, -3 / 4 - 1 / 2),  # a takeover at tick 30 is a failure of the policy,
    ("taken over", 30, -15 / 16 + 1 / 16 * -0.34),  # and what the person made of it is not the policy's
    ("taken over", 58, -3 / 4),
)


def test_the_value_over_n_steps_is_that_of_a_hand(tmp_path, monkeypatch):
    def ticking(number, verdict, **human):
        made_up = episode(number, verdict, **human)
        made_up.state[:, 0] = -np.arange(made.LENGTH) / 100
        return made_up

    episode = made.episode
    monkeypatch.setattr(made, "episode", ticking)
    names = ("taken over", "success", "failure", "timeout")
    made.write_store(tmp_path / "s", tmp_path / "bags", "hash", ("success", *names[1:]), human_from=30)
    policy = load_policy(made.write_policy(tmp_path / "policy"), made.RIG)
    policy.normaliser.state_mean[:], policy.normaliser.state_std[:] = 0.0, 1.0
    store = EpisodeStore(tmp_path / "s", made.RIG, made.SIZE)
    sampling = ReplayConfig(n_action_steps=2, n_step=2, stride=1)
    replay = Replay(store, FeatureStore(store, "hash", (2, 3)), sampling, RewardConfig(discount=0.5))
    batches = Batches(replay, made.transform(policy, 2))
    returns, _, _ = batches.ends(np.arange(len(replay)))
    for name, stand_in in (("CriticNetwork", Clock), ("_learn", lambda *_: None)):
        monkeypatch.setattr(state_value, name, stand_in)
    network = NetworkConfig(num_critics=1, bins=1)
    value, ahead = crossfitted_values(batches, returns, sizes(batches), ValueConfig(), network)
    for name, tick, expected in WORTH:
        entry = np.flatnonzero(replay.rows == names.index(name) * made.LENGTH + tick).item()
        assert value[entry] == pytest.approx(-tick / 100) and ahead[entry] == pytest.approx(expected), (name, tick)
