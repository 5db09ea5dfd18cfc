"""Ingest: every bag once, features once per encoder, and a start that goes on where the last one stopped."""

import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")

from ingest_world import RIG, RIG_FILE, episode, names, save_encoder

from aloe_data import durable
from aloe_data.config import ConfigError
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import RecordingError
from aloe_policy.encoders.pixels import PixelEncoder
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.ros import bag_reading
from aloe_policy.ros import ingest as command

SIZE = (32, 48)


@pytest.fixture
def setting(tmp_path, monkeypatch):
    """Three bags, one of them unreadable, an encoder, and a count of how often each bag was read."""
    for number in range(3):
        bag = tmp_path / "bags" / f"ep_{number:04d}"
        bag.mkdir(parents=True)
        (bag / "0.mcap").write_bytes(b"x" * (number + 1))
    reads: list[str] = []

    def read(bag: Path, rig, image_size) -> Episode:
        reads.append(bag.name)
        if bag.name == "ep_0001":
            raise EpisodeError(f"{bag}: damaged")
        return episode(bag.name)

    monkeypatch.setattr(bag_reading, "read_episode", read)
    save_encoder(tmp_path / "encoder.safetensors", 0)
    config = command.IngestConfig(bags=tmp_path / "bags", rig=RIG_FILE, store=tmp_path / "store", processes=1)
    return config, reads


def encoders(config, *more: FrameEncoder) -> tuple[FrameEncoder, ...]:
    return load_encoder(config.bags.with_name("encoder.safetensors"), SIZE), *more


def ingest(config, *more: FrameEncoder):
    return command.ingest(config, encoders(config, *more))


def test_every_bag_is_read_once_and_what_is_left_out_is_named(setting, capsys):
    config, reads = setting
    ingest(config)
    assert "left out" in (out := capsys.readouterr().out) and "ep_0001: damaged" in out
    reads.clear()
    store, _ = ingest(config)
    assert reads == ["ep_0001"] and len(store.bags) == 2


def test_a_bag_is_the_same_however_its_folder_is_named(setting, monkeypatch):
    config, reads = setting
    ingest(config)
    reads.clear()
    monkeypatch.chdir(config.bags.parent)
    store, _ = ingest(replace(config, bags=Path("bags")))
    assert reads == ["ep_0001"] and len(store.bags) == 2
    assert all(Path(episode.bag).is_absolute() for episode in store.bags.values())


def test_two_commands_do_not_read_bags_into_one_store_at_the_same_time(setting, monkeypatch):
    config, reads = setting
    config.store.mkdir()
    said: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(durable, "print", lambda line, **_: said.put(line), raising=False)
    with ThreadPoolExecutor() as pool, durable.held(config.store):
        other = pool.submit(ingest, config)
        assert "another command reads bags into it" in said.get(timeout=30.0)
        assert not reads
    assert len(other.result()[0].bags) == 2


def test_features_are_those_of_the_frames_camera_by_camera(setting):
    config, _ = setting
    store, (features,) = ingest(config)
    (encoder,), rows = encoders(config), features.rows()
    for stored in store.episodes:
        for k, camera in enumerate(RIG.cameras):
            frames = episode(stored.episode_id).frames[camera.name]
            expected = encoder.encode(frames)
            first = stored.first_frame + k * len(frames)
            np.testing.assert_array_equal(rows[first : first + len(frames)], expected)


def test_a_bag_that_changed_is_read_again_and_another_encoder_reads_all(setting):
    config, reads = setting
    ingest(config)
    (config.bags / "ep_0000" / "0.mcap").write_bytes(b"more than before")
    reads.clear()
    ingest(config)
    assert reads == ["ep_0000", "ep_0001"]
    save_encoder(config.bags.with_name("encoder.safetensors"), 1)
    reads.clear()
    store, _ = ingest(config)
    assert reads == ["ep_0000", "ep_0001", "ep_0002"] and len(store.bags) == 2


def test_a_bag_that_was_removed_is_no_longer_learned_from_and_one_that_is_back_is_not_read_again(setting, capsys):
    config, reads = setting
    ingest(config)
    away, elsewhere = config.bags / "ep_0002", config.bags.parent / "ep_0002"
    away.rename(elsewhere)
    store, _ = ingest(config)
    assert names(store) == ["ep_0000"]
    assert f"left out: 1 episodes whose bags are gone ({away}" in capsys.readouterr().out
    kept, _ = ingest(replace(config, store=config.store.parent / "other"))
    assert len(kept.bags) == 1, "a store that never had it"
    elsewhere.rename(away)
    reads.clear()
    store, _ = ingest(config)
    assert reads == ["ep_0001"] and len(store.bags) == 2


def test_episodes_of_removed_bags_may_be_kept(setting):
    config, _ = setting
    ingest(config)
    (config.bags / "ep_0002" / "0.mcap").unlink()
    (config.bags / "ep_0002").rmdir()
    for keep_gone, episodes in ((True, 2), (False, 1), (True, 2)):
        store, _ = ingest(replace(config, keep_gone=keep_gone))
        assert len(store.bags) == episodes


def test_bags_of_other_folders_are_not_missed(setting):
    config, _ = setting
    ingest(config)
    others = config.bags.parent / "others" / "ep_0007"
    others.mkdir(parents=True)
    (others / "0.mcap").touch()
    store, _ = ingest(replace(config, bags=others.parent))
    assert len(store.bags) == 3


def test_a_folder_without_bags_is_said_before_anything_is_read(setting, tmp_path):
    config, _ = setting
    (tmp_path / "none").mkdir()
    with pytest.raises(RecordingError, match="no bags found"):
        ingest(command.IngestConfig(**{**config.__dict__, "bags": tmp_path / "none"}))


def test_several_encoders_take_one_pass_and_one_that_joins_later_is_all_that_is_made(setting):
    config, reads = setting
    store, (tokens, pixels) = ingest(config, PixelEncoder(SIZE))
    assert sorted(reads) == ["ep_0000", "ep_0001", "ep_0002"]
    assert all(made.has(stored) for stored in store.episodes for made in (tokens, pixels))
    first = store.episodes[0]
    grey = pixels.take(np.array([first.first_frame + first.frames - 1]))
    assert grey.dtype == np.uint8 and np.abs(grey.astype(int) - 80).max() <= 2, "of the third camera"
    reads.clear()
    ingest(config, PixelEncoder(SIZE))
    assert reads == ["ep_0001"], "the damaged one"


def test_encoders_of_different_sizes_do_not_share_a_store(setting):
    config, reads = setting
    with pytest.raises(ConfigError, match=r"one store holds views of one size, these read 'keypoints' 48x32 px, 'pix"):
        ingest(config, PixelEncoder((64, 64)))
    assert not reads
