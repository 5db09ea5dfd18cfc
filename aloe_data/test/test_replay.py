"""Store and replay: what was ingested comes back, once, whatever happened to the writer; verdicts count as of now."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.replay import Replay, ReplayConfig, Transitions
from aloe_data.rig_file import load_rig
from aloe_data.segments import SegmentConfig
from aloe_data.sources import AUTONOMOUS, BY_HUMAN, DEMO
from aloe_data.transitions import RewardConfig
from aloe_data.verdicts import GivenVerdict, give_verdict

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
SIZE, SHAPE = (24, 32), (2, 3)
H = 5
NONE = Words(("",), np.zeros((1, 1), np.int32))


def episode(length: int, number: int, verdict: str = "success", human_from: int | None = None) -> Episode:
    """Ticks whose numbers stand in every array, so that mixing them up shows."""
    ticks = np.arange(length)
    source = np.ones((length, len(RIG.arms)), np.uint8)
    if human_from is not None:
        source[human_from:, 0] = 2
    rows = np.tile(100.0 * number + ticks[:, None], (1, RIG.state_dim)).astype(np.float32)
    frames = {camera.name: np.zeros((length, 0, 0, 3), np.uint8) for camera in RIG.cameras}
    return Episode(
        facts=EpisodeFacts(f"ep_{number:04d}", "sort", number, verdict, ""),
        rig=RIG,
        stamps_ns=ticks * 20_000_000,
        ticks=ticks,
        state=rows,
        observed=np.ones(length, bool),
        frames=frames,
        frame_index=np.tile(ticks[:, None], (1, len(RIG.cameras))),
        requested=rows,
        executed=rows + 0.5,
        source=source,
        operator=NONE,
        reason=NONE,
        clip=NONE,
        chunk_id=ticks,
        step=ticks,
        policy_version=("abc",) * length,
    )


def features_of(e: Episode) -> np.ndarray:
    """Features that tell the episode, the camera and the tick."""
    count = len(e)
    values = np.concatenate([e.facts.seed * 100 + c * 1000 + np.arange(count) for c in range(len(RIG.cameras))])
    return np.broadcast_to(values[:, None, None], (len(values), *SHAPE)).astype(np.float16)


@pytest.fixture
def bags(tmp_path) -> Path:
    """A folder with empty bags, for verdicts to stand beside."""
    for number in range(4):
        (tmp_path / "bags" / f"ep_{number:04d}").mkdir(parents=True)
        (tmp_path / "bags" / f"ep_{number:04d}" / "0.mcap").touch()
    return tmp_path / "bags"


def filled(folder: Path, bags: Path, episodes: list[Episode]) -> tuple[EpisodeStore, FeatureStore]:
    store = EpisodeStore(folder, RIG, SIZE)
    features = FeatureStore(store, "hash", SHAPE)
    for e in episodes:
        features.write(store.append(e, str(bags / e.facts.episode_id), f"of {e.facts.episode_id}"), features_of(e))
    return store, features


def replay(store: EpisodeStore, features: FeatureStore, **config) -> Replay:
    config = {"n_action_steps": H, "stride": 1} | config
    return Replay(store, features, ReplayConfig(**config), RewardConfig(), SegmentConfig(blip_ticks=0))


def whole(r: Replay) -> Transitions:
    return r.at(np.arange(len(r)))


def test_every_chunk_holds_the_rows_of_its_own_episode_and_segment(tmp_path, bags):
    episodes = [episode(12, 1), episode(20, 2, human_from=8)]
    r = replay(*filled(tmp_path / "store", bags, episodes))
    batch = whole(r)
    assert len(r) == 32
    for k in range(len(r)):
        number, start = divmod(int(batch.state[k, 0]), 100)
        segment = r.segments[batch.segment[k]]
        first = r.episodes[batch.episode[k]].first_tick
        last = segment.stop - first - 1
        steps = np.minimum(start + np.arange(H), last)
        np.testing.assert_array_equal(batch.executed[k, :, 0], 100 * number + steps + 0.5)
        np.testing.assert_array_equal(batch.valid[k], start + np.arange(H) <= last)
        assert batch.next_state[k, 0] == 100 * number + min(start + H, last)
        for c in range(len(RIG.cameras)):
            assert batch.features[k, c, 0, 0] == np.float16(100 * number + 1000 * c + start)


def test_returns_over_several_chunks_end_in_the_same_segment_and_leave_the_chunk_as_it_is(tmp_path, bags):
    stored = filled(tmp_path / "store", bags, [episode(20, 1)])
    one, three = whole(replay(*stored)), whole(replay(*stored, n_step=3))
    start, gamma = np.arange(20), RewardConfig().discount
    np.testing.assert_array_equal(three.executed, one.executed)
    np.testing.assert_array_equal(three.next_state[:, 0], 100 + np.minimum(start + 3 * H, 19))
    np.testing.assert_array_equal(three.mask, start + 3 * H < 20)
    np.testing.assert_allclose(three.reward, gamma ** np.minimum(3 * H, 20 - start) - 1, rtol=1e-5)


def test_an_end_that_no_camera_saw_takes_no_chunk_away(tmp_path, bags):
    seen = episode(20, 1)
    blind = replace(seen, observed=np.arange(20) < 18)
    whole_one = whole(replay(*filled(tmp_path / "seen", bags, [seen])))
    batch = whole(replay(*filled(tmp_path / "blind", bags, [blind])))
    np.testing.assert_array_equal(batch.state[:, 0], 100 + np.arange(18))
    assert batch.reward[-1] == whole_one.reward[17] and batch.mask[-1] == whole_one.mask[17] == 0
    assert (batch.next_state[-H:, 0] == 117).all()


def test_the_policys_failing_part_is_masked_and_the_humans_part_is_another_segment(tmp_path, bags):
    r = replay(*filled(tmp_path / "store", bags, [episode(20, 2, human_from=8)]))
    batch = whole(r)
    policy = batch.source == 1
    np.testing.assert_array_equal(batch.mask[policy], [1, 1, 1, 0, 0, 0, 0, 0])
    assert batch.reward[policy][-1] < -0.9 and batch.reward[~policy][-1] > -0.1


def test_an_episode_that_is_all_by_hand_is_a_demonstration_and_no_correction(tmp_path, bags):
    by_hand, corrected = episode(20, 1, human_from=0), episode(20, 2, human_from=8)
    held = replace(by_hand, facts=replace(by_hand.facts, episode_id="ep_0003", seed=3))
    held.source[:3] = 0
    r = replay(*filled(tmp_path / "store", bags, [by_hand, corrected, held]))
    batch = whole(r)
    assert [set(batch.source[batch.episode == k].tolist()) for k in range(3)] == [
        {DEMO},
        {AUTONOMOUS, BY_HUMAN},
        {DEMO},
    ]


def test_shares_decide_how_much_of_a_batch_comes_from_people(tmp_path, bags):
    store = filled(tmp_path / "store", bags, [episode(90, 1), episode(20, 2, human_from=8)])
    batch = replay(*store, human_share=0.5).sample(2000)
    assert np.mean(batch.source == 2) == pytest.approx(0.5, abs=0.05)
    with pytest.raises(ConfigError, match=r"demo_share is 0\.5, but there are no such chunks"):
        replay(*store, demo_share=0.5)


def test_the_same_cursor_gives_the_same_batches(tmp_path, bags):
    store = filled(tmp_path / "store", bags, [episode(90, 1)])
    r = replay(*store)
    r.sample(7)
    cursor = json.loads(json.dumps(r.cursor()))
    expected = [r.sample(16).row for _ in range(3)]
    other = replay(*store, seed=5)
    other.restore(cursor)
    np.testing.assert_array_equal([other.sample(16).row for _ in range(3)], expected)


def test_a_verdict_that_changes_takes_effect_without_ingesting_again(tmp_path, bags):
    store = filled(tmp_path / "store", bags, [episode(20, 1)])
    assert whole(replay(*store)).reward.min() > -0.1
    give_verdict(bags, GivenVerdict("ep_0001", "failure", "operator", "it fell", 0))
    assert whole(replay(*store)).reward.min() < -0.9


def test_rows_that_no_line_names_are_written_over(tmp_path, bags):
    store, features = filled(tmp_path / "store", bags, [episode(12, 1)])
    with (tmp_path / "store" / "ticks" / "state.f4").open("ab") as file:
        file.write(b"half an episode")
    with (tmp_path / "store" / "episodes.jsonl").open("ab") as file:
        file.write(b'{"bag": "torn')
    store, features = filled(tmp_path / "store", bags, [episode(9, 2)])
    assert [e.ticks for e in store.episodes] == [12, 9]
    assert set(whole(replay(store, features)).state[:, 0] // 100) == {1, 2}


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        ("episodes.jsonl", lambda text: text.replace("}", ",}"), r"episodes\.jsonl:1: a comma before the closing"),
        ("episodes.jsonl", lambda text: text.replace('"ticks": 12', '"ticks": "12"'), "1: .* is no episode: ticks is"),
        ("episodes.jsonl", lambda text: text.replace('"prompt"', '"promt"'), "did you mean 'prompt'"),
        ("store.json", lambda text: text.replace('"', "'"), r"store\.json: cannot be read: line 1: single quotes"),
        ("store.json", lambda text: "[]", r"store\.json: is no mapping"),
        ("bags.json", lambda text: '{"gon": []}', r"bags\.json: unknown key 'gon'; did you mean 'gone'"),
        ("bags.json", lambda text: "[]", r"bags\.json: holds no mapping"),
    ],
)
def test_a_file_of_the_store_that_was_edited_into_nonsense_is_named_with_its_fault(tmp_path, bags, name, edit, said):
    store, _ = filled(tmp_path / "store", bags, [episode(12, 1)])
    store.follow(bags, {})
    file = tmp_path / "store" / name
    file.write_text(edit(file.read_text()))
    with pytest.raises(StoreError, match=said):
        EpisodeStore(tmp_path / "store", RIG, SIZE)


def test_files_of_the_store_may_come_back_from_an_editor_of_windows(tmp_path, bags):
    before = filled(tmp_path / "store", bags, [episode(12, 1), episode(8, 2)])[0]
    for file in (tmp_path / "store").rglob("*.json*"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    store, features = filled(tmp_path / "store", bags, [])
    assert store.episodes == before.episodes
    assert all(features.has(stored) for stored in store.episodes)


def test_a_bag_that_was_ingested_again_counts_once(tmp_path, bags):
    e = episode(12, 1)
    store = filled(tmp_path / "store", bags, [e, replace(e, facts=replace(e.facts, prompt="again"))])
    r = replay(*store)
    assert len(r) == 12 and r.episodes[0].prompt == "again"


def test_another_rig_or_a_foreign_folder_is_refused_by_name(tmp_path, bags):
    filled(tmp_path / "store", bags, [episode(12, 1)])
    with pytest.raises(StoreError, match="rig is 'sim_bimanual', not 'other'"):
        EpisodeStore(tmp_path / "store", replace(RIG, name="other"), SIZE)
    with pytest.raises(StoreError, match="no store of episodes"):
        EpisodeStore(bags, RIG, SIZE)


def test_a_store_that_is_opened_is_not_written_so_that_many_may_open_it_at_once(tmp_path, bags):
    filled(tmp_path / "store", bags, [episode(12, 1)])
    files = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (tmp_path / "store").rglob("*.json*")}
    FeatureStore(EpisodeStore(tmp_path / "store", RIG, SIZE), "hash", SHAPE)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files} == files


def test_episodes_without_features_are_left_out_and_none_at_all_is_an_error(tmp_path, bags):
    store, _ = filled(tmp_path / "store", bags, [episode(12, 1)])
    with pytest.raises(ConfigError, match="no chunk to learn from"):
        replay(store, FeatureStore(store, "other", SHAPE))
