"""Repair of bags after a crash: everything readable is kept, what is missing is said, whole bags stay as they are."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aloe_msgs.msg import EpisodeEvent, ExecutedAction
from aloe_msgs.srv import StartEpisode, StopEpisode

from aloe_data.bag_state import is_whole
from aloe_data.durable import InUseError, held
from aloe_data.recording import EpisodeRecord, RecordedTopic, RecordingError, next_episode_id
from aloe_data.ros.bag_reader import read_messages, read_record
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.repair import repair

DOMAIN = 66
Until = Callable[..., bool]
TICKS = RecordedTopic("/executed_action", "aloe_msgs/msg/ExecutedAction", sequenced=True)
EVENTS = RecordedTopic("/episode/events", "aloe_msgs/msg/EpisodeEvent")


def make(bag: Path, verdict: int | None = EpisodeEvent.SUCCESS, ticks: range = range(2000), **options: Any) -> Path:
    """A closed bag of numbered ticks, with a STOP event at its end."""
    from rclpy.serialization import serialize_message

    record = EpisodeRecord(bag.name, "sort", 3)
    writer = open_bag(bag, record, {TICKS: None, EVENTS: None}, **options)
    for number in ticks:
        message = ExecutedAction(tick=number, policy_version="v" * 200)
        writer.write(TICKS.name, serialize_message(message), number * 20_000_000)
    if verdict is not None:
        stop = EpisodeEvent(kind=EpisodeEvent.STOP, verdict=verdict, reason="sorted")
        writer.write(EVENTS.name, serialize_message(stop), ticks.stop * 20_000_000)
    writer.close(EpisodeRecord(bag.name, "sort", 3, "SUCCESS", "sorted").to_custom_data())
    return bag


def file_of(bag: Path) -> Path:
    return next(bag.glob("*.mcap"))


def ticks_in(bag: Path) -> list[int]:
    return [message.tick for _, message, _ in read_messages(bag, [TICKS.name])]


def test_a_whole_bag_is_left_alone(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000")
    before = file_of(bag).read_bytes()
    assert is_whole(bag)
    assert repair(bag) == []
    assert file_of(bag).read_bytes() == before


def test_a_bag_without_end_and_metadata_gets_both_and_its_verdict_from_its_events(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000")
    data = file_of(bag).read_bytes()
    file_of(bag).write_bytes(data[: data.rindex(b"\x0f" + (4).to_bytes(8, "little"))])  # as if killed before the end
    (bag / "metadata.yaml").unlink()
    said = repair(bag)
    assert said[0] == "kept 2001 messages of 2 topics, 40.00 s"
    assert said[1:] == [
        "ep_0000_0.mcap: the file was not finished",
        "verdict success: sorted",
    ]
    assert ticks_in(bag) == list(range(2000))
    assert is_whole(bag)
    assert read_record(bag).verdict == "SUCCESS"


def test_a_torn_bag_keeps_what_is_before_the_cut_and_has_no_verdict(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000")
    os.truncate(file_of(bag), file_of(bag).stat().st_size // 2)
    said = repair(bag)
    kept = len(ticks_in(bag))
    assert 800 < kept < 1200
    assert f"/executed_action: {2000 - kept} messages less than its metadata told" in said
    assert "verdict none: the recording was cut short" in said
    assert any("no whole record" in line for line in said)
    assert read_record(bag).prompt == "sort"


def test_damage_in_the_midst_costs_a_chunk_is_counted_and_the_file_is_kept_aside(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000", ticks=range(3000))
    data = bytearray(file_of(bag).read_bytes())
    data[len(data) // 2] ^= 1
    file_of(bag).write_bytes(data)
    assert is_whole(bag), "by what its summary says"
    said = repair(bag)
    lost = 3000 - len(ticks_in(bag))
    assert 0 < lost < 1000
    assert f"/executed_action: {lost} messages missing by their numbers" in said
    assert any("checksum does not fit" in line for line in said)
    assert (bag / "ep_0000_0.mcap.damaged").read_bytes() == bytes(data)
    assert read_record(bag).lost == {"/executed_action": lost}


def test_all_files_of_a_split_bag_are_repaired(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000", split_bytes=200_000, compression="zstd", ticks=range(10_000))
    files = sorted(bag.glob("*.mcap"))
    assert len(files) > 1
    os.truncate(files[-1], files[-1].stat().st_size - 5000)
    (bag / "metadata.yaml").unlink()
    repair(bag)
    numbers = ticks_in(bag)
    assert numbers == list(range(len(numbers)))
    assert is_whole(bag)


def test_a_bag_that_is_being_recorded_is_not_touched(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000")
    with held(bag), pytest.raises(InUseError, match="is being written"):
        repair(bag)


@pytest.mark.parametrize("data", [b"hello", bytes(5000), b"\x89MCAP0\r\n" + b"\x06" * 3000])
def test_what_is_no_bag_stays_as_it_is_and_is_named_by_the_command(tmp_path: Path, data: bytes) -> None:
    bag = tmp_path / "ep_0000"
    bag.mkdir()
    (bag / "ep_0000_0.mcap").write_bytes(data)
    with pytest.raises(RecordingError, match="nothing readable"):
        repair(bag)
    make(tmp_path / "ep_0001")
    done = run("repair", tmp_path)
    assert done.returncode == 1
    assert f"{bag}: not repaired: it holds nothing readable" in done.stdout
    assert "2 bags: 1 whole, 0 repaired, 1 not repaired" in done.stdout
    assert [path.read_bytes() for path in bag.iterdir()] == [data]


@pytest.mark.parametrize("split_bytes", [0, 200_000])
def test_what_metadata_tells_of_a_bag_whose_files_a_copy_left_empty_stays(tmp_path: Path, split_bytes: int) -> None:
    bag = make(tmp_path / "ep_0000", split_bytes=split_bytes, ticks=range(10_000) if split_bytes else range(5))
    metadata = (bag / "metadata.yaml").read_bytes()
    for file in bag.glob("*.mcap"):
        os.truncate(file, 0)
    with pytest.raises(RecordingError, match="its files are empty, and it stays as it is; copy it once more"):
        repair(bag)
    assert (bag / "metadata.yaml").read_bytes() == metadata
    assert not list(bag.glob("*.damaged"))


def run(module: str, *arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", f"aloe_data.ros.{module}", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_recorder_killed_before_the_first_message_leaves_the_episode_id_and_prompt(
    peer: Any, rig_file: Path, tmp_path: Path
) -> None:
    recorder = peer.start(
        "aloe_data.ros.recorder_node", rig=rig_file, record=tmp_path, min_free_gib=0.001, hearing_s=0.0
    )
    bag = Path(peer.call(StartEpisode, "/recorder/start", prompt="no", seed=7).bag)
    recorder.kill()
    recorder.wait()
    assert "kept 0 messages of 0 topics, 0.00 s" in repair(bag)
    record = read_record(bag)
    assert (record.episode_id, record.prompt, record.seed) == ("ep_0000", "no", 7)
    assert record.reason == "the recording was cut short"
    assert repair(bag) == []


def test_kill_9_costs_at_most_a_second_of_the_open_episode_and_collection_goes_on_with_the_next_number(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path
) -> None:
    recorder = peer.start(
        "aloe_data.ros.recorder_node", rig=rig_file, record=tmp_path, min_free_gib=0.001, hearing_s=0.0
    )
    publisher = peer.node.create_publisher(ExecutedAction, "/executed_action", 50)
    assert until(publisher.get_subscription_count)
    closed = Path(peer.call(StartEpisode, "/recorder/start", prompt="sort").bag)
    publisher.publish(ExecutedAction(tick=1))
    assert publisher.wait_for_all_acked()
    assert peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.SUCCESS).success
    whole = file_of(closed).read_bytes()
    opened = Path(peer.call(StartEpisode, "/recorder/start", prompt="sort").bag)
    sent: list[float] = []  # when each tick was sent: slow and small, as a stream that fills no chunk
    timer = peer.node.create_timer(
        0.02, lambda: (publisher.publish(ExecutedAction(tick=len(sent))), sent.append(time.monotonic()))
    )
    assert until(lambda: len(sent) > 100)
    recorder.send_signal(signal.SIGKILL)
    killed_s = time.monotonic()
    recorder.wait()
    timer.cancel()
    assert repair(closed) == []
    assert file_of(closed).read_bytes() == whole
    assert "verdict none: the recording was cut short" in repair(opened)
    kept = ticks_in(opened)
    assert kept == list(range(kept[0], kept[0] + len(kept)))
    assert killed_s - sent[kept[-1]] <= 1.0
    assert next_episode_id(path.name for path in tmp_path.iterdir()) == "ep_0002"
