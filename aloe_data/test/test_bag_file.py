"""Writing bags: what is in the file when, in how many files, and what a full disk or a killed process leaves."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import make_reader
from mcap.records import Message, Metadata

from aloe_data import reserved_file
from aloe_data.bag_file import COMPRESSIONS, BagWriter
from aloe_data.bag_metadata import ROOT, BagTopic
from aloe_data.mcap_recovery import recover
from aloe_data.recording import RecordingError

QOS = {"history": "keep_last", "depth": 1, "avoid_ros_namespace_conventions": False}
WORDS = BagTopic("/words", "std_msgs/msg/String", "string data\n", "ros2msg", "RIHS01_00", QOS)
NUMBERS = BagTopic("/numbers", "nobody_msgs/msg/Number")


def open_bag(folder: Path, **options: Any) -> BagWriter:
    return BagWriter(folder, [WORDS, NUMBERS], {"prompt": "no"}, **options)


def files_of(bag: Path) -> list[Path]:
    return sorted(bag.glob("*.mcap"), key=lambda path: int(path.stem.rpartition("_")[2]))


def stamps_in(bag: Path) -> list[int]:
    return [record.log_time for file in files_of(bag) for record in recover(file) if isinstance(record, Message)]


def records_in(file: Path) -> list[dict[str, Any]]:
    """The bag's metadata as the file itself holds them, from its start and its end."""
    found = [record for record in recover(file) if isinstance(record, Metadata)]
    assert {record.name for record in found} == {"rosbag2"}
    return [yaml.safe_load(record.metadata["serialized_metadata"]) for record in found]


def told(bag: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((bag / "metadata.yaml").read_text())[ROOT])


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_bag_is_an_mcap_file_of_the_ros2_profile_with_definitions_and_qos(tmp_path: Path, compression: str) -> None:
    writer = open_bag(tmp_path / "bag", compression=compression)
    for number in range(2000):
        writer.write("/words", b"0123456789" * 40, number)
    writer.close()
    with (tmp_path / "bag" / "bag_0.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        assert len(list(reader.iter_messages())) == 2000
        summary = reader.get_summary()
        assert summary is not None
    assert {chunk.compression for chunk in summary.chunk_indexes} == {compression.replace("none", "")}
    assert len(summary.chunk_indexes) > 2
    assert [(s.name, s.encoding, s.data) for s in summary.schemas.values()] == [
        ("std_msgs/msg/String", "ros2msg", b"string data\n"),
        ("nobody_msgs/msg/Number", "", b""),
    ]
    words = summary.channels[1]
    assert (words.topic, words.message_encoding) == ("/words", "cdr")
    assert words.metadata["topic_type_hash"] == "RIHS01_00"
    assert yaml.safe_load(words.metadata["offered_qos_profiles"]) == [QOS]
    assert told(tmp_path / "bag")["topics_with_message_count"][0]["topic_metadata"]["offered_qos_profiles"] == [QOS]


@settings(max_examples=15)
@given(
    sizes=st.lists(st.integers(0, 200_000), min_size=1, max_size=30),
    split=st.integers(1, 600_000),
    compression=st.sampled_from(sorted(COMPRESSIONS)),
)
def test_a_bag_of_any_number_of_files_holds_every_message_and_each_file_tells_of_itself(
    sizes: list[int], split: int, compression: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bag = tmp_path_factory.mktemp("split") / "ep_0000"
    writer = open_bag(bag, split_bytes=split, compression=compression)
    for number, size in enumerate(sizes):
        writer.write("/words", os.urandom(size), 1000 + number)
        if number % 3 == 0:
            writer.sync()
    writer.close({"prompt": "no", "verdict": "SUCCESS"})
    assert stamps_in(bag) == list(range(1000, 1000 + len(sizes)))
    files = files_of(bag)
    whole = told(bag)
    assert whole["relative_file_paths"] == [file.name for file in files]
    assert (whole["message_count"], whole["duration"]["nanoseconds"]) == (len(sizes), len(sizes) - 1)
    assert sum(file["message_count"] for file in whole["files"]) == len(sizes)
    assert whole["custom_data"] == {"prompt": "no", "verdict": "SUCCESS"}
    for file, facts in zip(files, whole["files"], strict=True):
        assert file.stat().st_size < split + (1 << 20)
        first, last = records_in(file)
        assert (first["message_count"], first["custom_data"]) == (0, {"prompt": "no"})
        assert last["files"] == [facts]
    assert records_in(files[-1])[1]["custom_data"] == whole["custom_data"], "the verdict is in the file, too"


def test_custom_data_are_in_the_file_from_the_first_moment_and_slow_streams_after_every_sync(tmp_path: Path) -> None:
    writer = open_bag(tmp_path / "bag")
    assert records_in(tmp_path / "bag" / "bag_0.mcap")[0]["custom_data"] == {"prompt": "no"}
    writer.write("/words", b"small", 5)
    assert stamps_in(tmp_path / "bag") == []
    writer.sync()
    assert stamps_in(tmp_path / "bag") == [5]
    writer.close()


def test_a_killed_process_loses_no_more_than_the_chunk_that_it_had_begun(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from aloe_data.bag_file import BagWriter
        from aloe_data.bag_metadata import BagTopic
        writer = BagWriter(Path(sys.argv[1]), [BagTopic("/words", "std_msgs/msg/String")], {"prompt": "fold"})
        for number in range(200):
            writer.write("/words", bytes(20_000), number)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    bag = tmp_path / "bag"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(bag)], check=False)
    assert done.returncode == -signal.SIGKILL
    kept = stamps_in(bag)
    assert kept == list(range(len(kept)))
    assert 200 - len(kept) <= 256 * 1024 / 20_000 + 1
    assert [path.name for path in bag.iterdir()] == ["bag_0.mcap"], "the reserve is gone with the process"


def test_a_full_disk_ends_the_bag_in_order_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 1_000_000
    reserve_held = True
    release = reserved_file.ReservedFile._release

    def fake_write(file: int, data: memoryview, write: Any = os.write) -> int:
        nonlocal room
        if reserve_held and len(data) > room:
            raise OSError(errno.ENOSPC, "No space left on device")
        room -= len(data)
        return int(write(file, data))

    def fake_release(file: reserved_file.ReservedFile) -> bool:
        nonlocal reserve_held
        reserve_held = False
        return release(file)

    monkeypatch.setattr(reserved_file.os, "write", fake_write)
    monkeypatch.setattr(reserved_file.ReservedFile, "_release", fake_release)
    writer = open_bag(tmp_path / "bag")
    written = 0
    with pytest.raises(RecordingError, match=r"No space left on device; make room there .*record:=FOLDER"):
        for _ in range(1000):
            writer.write("/words", bytes(10_000), written)
            written += 1
    writer.close({"prompt": "no", "verdict": "ABORT"})
    assert stamps_in(tmp_path / "bag") == list(range(written))
    assert told(tmp_path / "bag")["message_count"] == written
    assert told(tmp_path / "bag")["custom_data"]["verdict"] == "ABORT"


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    writer = open_bag(tmp_path / "bag")
    with pytest.raises(RecordingError, match=r"bag: topic /other was not declared"):
        writer.write("/other", b"", 0)
    with pytest.raises(RecordingError, match="bag: File exists"):
        open_bag(tmp_path / "bag")
    writer.close()
    writer.close()
    with pytest.raises(RecordingError, match="is closed"):
        writer.write("/words", b"", 0)
    assert told(tmp_path / "bag")["starting_time"] == {"nanoseconds_since_epoch": 0}, "an empty bag has no time"
