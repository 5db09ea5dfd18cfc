"""A pass over all chunks says what asking for each alone would say, and knows how each chunk's segment ended."""

import critic_made as made
import critic_store as stored
import numpy as np
import pytest
import torch

from aloe_critic.batches import Batches
from aloe_critic.bootstrap import BootstrapActions, Drawn
from aloe_critic.proposer import StoredObservations, StoredProposer
from aloe_critic.weighing import advantages, labels_of, proposals, seen_advantages, stops_of
from aloe_critic.weights import WeightConfig, by_softmax
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.sources import BY_HUMAN
from aloe_data.transitions import RewardConfig


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    scorer = made.scorer(tmp_path_factory.mktemp("weighing"))
    torch.nn.init.normal_(scorer.policy.model.action_out.weight)  # untrained, it proposes the same whatever the noise
    return scorer


@pytest.fixture
def stores(tmp_path):
    return stores_of(tmp_path, ("success", "failure", "timeout"), human_from=30)


def stores_of(folder, verdicts, **human):
    stored.write_store(folder / "store", folder / "bags", "hash", verdicts, **human)
    store = EpisodeStore(folder / "store", stored.RIG, stored.SIZE)
    return store, FeatureStore(store, "hash", (2, 3))


@pytest.fixture
def batches(scorer, stores):
    return of_chunks(scorer, stores, stride=5)


def of_chunks(scorer, stores, **sampling):
    replay = Replay(*stores, ReplayConfig(n_action_steps=made.STEPS, **sampling), RewardConfig())
    batches = Batches(replay, scorer.critic.transform)
    batches.source = StoredProposer(scorer.proposer, StoredObservations(*stores, torch.device("cpu")))
    return batches


def estimate(scorer, batches, batch):
    return scorer.estimate(batch.state, batch.actions, batches.source.propose(batch.row.numpy()))


def test_labels_are_those_of_each_chunks_segment(batches):
    replay = batches.replay
    labels, stops, index = labels_of(replay), stops_of(replay), replay.at(np.arange(len(replay))).segment
    for k, segment in enumerate(replay.segments[n] for n in index):
        assert stops[k] == segment.stop
        assert (labels.success[k], labels.failure[k]) == (segment.success, segment.terminal and not segment.success)
    assert {(bool(s), bool(f)) for s, f in zip(labels.success, labels.failure, strict=True)} == {
        (True, False), (False, True), (False, False)
    }  # fmt: skip


@pytest.mark.parametrize("verdict", ["success", "failure"])
def test_a_correction_that_was_handed_back_succeeds_with_its_episode(scorer, tmp_path, verdict):
    stores = stores_of(tmp_path, (verdict, "success"), human_from=20, human_to=40)
    replay = of_chunks(scorer, stores).replay
    labels, human = labels_of(replay), replay.source_of == BY_HUMAN
    assert human.any() and (labels.success[human] == (verdict == "success")).all()
    assert not labels.failure[human].any()
    assert not labels.success[replay.rows < 20].any() and labels.failure[replay.rows < 20].all()


def test_advantages_are_those_of_each_chunk_alone(scorer, batches, monkeypatch):
    monkeypatch.setattr("aloe_critic.weighing.PART", 7)
    done = []
    found = advantages(scorer, batches, batches.source, progress=done.append)
    assert sum(done) == len(found) == len(batches.replay) and len(done) > 2
    for k in (0, 8, len(found) - 1):
        alone = batches.at(np.array([k]))
        assert found[k] == pytest.approx(estimate(scorer, batches, alone).advantage[0], abs=1e-5)


def test_what_a_critics_training_drew_serves_again_in_the_states_that_it_was_drawn_for(scorer, batches):
    replay, sizes = batches.replay, scorer.critic.network.sizes
    bootstrap = BootstrapActions(batches.source, sizes, replay.rows, samples=4, refresh=0)
    some = np.arange(0, len(replay), 2)
    batch = batches.at(some)
    pick = torch.zeros(len(some), dtype=torch.long)
    bootstrap.at(batch.row, batch.next_row, 0, pick, torch.device("cpu"))
    calls, real = [], scorer.policy.sample
    scorer.policy.sample = lambda condition, *a: calls.append(len(condition)) or real(condition, *a)
    try:
        found = advantages(scorer, batches, batches.source, Drawn.of(bootstrap.state_dict(), n_step=1))
    finally:
        del scorer.policy.sample
    starts = np.array([segment.start for segment in replay.segments])[replay.segment_of]
    drawn_at = set(replay.rows[some] + made.STEPS)
    served = np.array([r in drawn_at and r - made.STEPS >= s for r, s in zip(replay.rows, starts, strict=True)])
    assert sum(calls) == (~served).sum() and 5 < served.sum() < len(replay) - 5
    entry = int(np.flatnonzero(served)[3])
    chunks = bootstrap.state_dict()["chunks"][np.flatnonzero(replay.rows == replay.rows[entry] - made.STEPS)]
    alone, q = batches.at(np.array([entry])), []
    for chunk in chunks[0].float():
        q.append(float(scorer.judge(alone.state, chunk[None, None])))
    expected = estimate(scorer, batches, alone).aggregated[0] - np.mean(q)
    assert found[entry] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("n_step", [1, 2])
def test_what_came_of_a_chunk_is_its_rewards_and_what_the_state_after_them_is_worth(
    scorer, stores, n_step, monkeypatch
):
    monkeypatch.setattr("aloe_critic.weighing.PART", 7)
    batches = of_chunks(scorer, stores, n_step=n_step, stride=4)  # a chunk begins after 20 steps, not after 10
    replay, gamma = batches.replay, RewardConfig().discount
    found = seen_advantages(scorer, batches, batches.source)
    kinds = set()
    for k in range(len(replay)):
        alone, segment = batches.at(np.array([k])), replay.segments[replay.segment_of[k]]
        steps = min(n_step * made.STEPS, segment.stop - replay.rows[k])
        ended = segment.terminal and steps == segment.stop - replay.rows[k]
        kinds.add((ended, segment.success))
        expected = gamma**steps - 1.0
        if ended and not segment.success:
            expected -= gamma ** (steps - 1)
        if not ended:
            expected += (
                gamma**steps * scorer.values(alone.next_state, batches.source.propose(alone.next_row.numpy()))[0]
            )
        value = scorer.values(alone.state, batches.source.propose(alone.row.numpy()))[0]
        assert found[k] == pytest.approx(expected - value, abs=1e-5)
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}


def test_the_policys_own_chunks_are_weighted_within_their_states(scorer, batches, monkeypatch):
    monkeypatch.setattr("aloe_critic.weighing.PART", 7)
    found, n = proposals(scorer, batches, batches.source, 3, WeightConfig()), len(batches.replay)
    assert found.chunks.shape == (3 * n, 20, stored.RIG.action_dim) and found.chunks.dtype == np.float16
    assert found.index.tolist() == [*range(n)] * 3
    np.testing.assert_allclose(found.weight.reshape(3, n).mean(0), 1.0)
    everything = batches.at(np.arange(n))
    q = []
    for chunks in torch.from_numpy(found.chunks.astype(np.float32)).view(3, n, 20, -1):
        q.append(scorer.judge(everything.state, chunks[None, :, : made.STEPS])[0].numpy())
    q = np.stack(q).astype(float)
    np.testing.assert_allclose(found.advantage.reshape(3, n), q - q.mean(0), atol=2e-3)
    assert np.corrcoef(found.weight, by_softmax(q, WeightConfig()).ravel())[0, 1] > 0.99
