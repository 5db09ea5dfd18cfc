"""Bags of the suite's own writer as rosbag2_py reads them."""

from pathlib import Path
from typing import Any

import pytest
import rosbag2_py
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String

from aloe_data.recording import EpisodeRecord, RecordedTopic, RecordingError
from aloe_data.ros.bag_reader import read_own_record
from aloe_data.ros.bag_writer import complete_record, open_bag

WORDS = RecordedTopic("/words", "std_msgs/msg/String")
JOINTS = RecordedTopic("/joints", "sensor_msgs/msg/JointState")
STRANGE = RecordedTopic("/strange", "nobody_msgs/msg/Strange")
BEGAN_NS = 1_700_000_000_000_000_000


def make(bag: Path, prompt: str = "sort", count: int = 30, **options: Any) -> Path:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    writer = open_bag(bag, EpisodeRecord(bag.name, prompt), {WORDS: latched, JOINTS: None, STRANGE: None}, **options)
    for number in range(count):
        writer.write("/words", serialize_message(String(data=f"{number} " + "x" * 10_000)), BEGAN_NS + number)
        writer.sync()
    writer.close(EpisodeRecord(bag.name, prompt, verdict="SUCCESS").to_custom_data())
    return bag


def read(bag: Path) -> list[int]:
    """Numbers of the words, by rosbag2's reader; checks that their times rise with them."""
    reader = rosbag2_py.SequentialReader()
    reader.open(rosbag2_py.StorageOptions(str(bag), "mcap"), rosbag2_py.ConverterOptions("cdr", "cdr"))
    numbers = []
    while reader.has_next():
        topic, data, stamp_ns = reader.read_next()
        assert topic == "/words"
        numbers.append(int(deserialize_message(data, String).data.split()[0]))
        assert stamp_ns == BEGAN_NS + numbers[-1]
    return numbers


@pytest.mark.parametrize("split_bytes", [0, 50_000])
def test_rosbag2_reads_counts_times_and_messages_also_over_many_files(tmp_path: Path, split_bytes: int) -> None:
    bag = make(tmp_path / "ep_0000", split_bytes=split_bytes)
    assert read(bag) == list(range(30))
    metadata = rosbag2_py.Info().read_metadata(str(bag), "mcap")
    assert (metadata.version, metadata.storage_identifier, metadata.ros_distro) == (9, "mcap", "jazzy")
    assert (metadata.message_count, metadata.duration.nanoseconds) == (30, 29)
    assert metadata.starting_time.nanoseconds == BEGAN_NS
    assert len(metadata.relative_file_paths) == (6 if split_bytes else 1)
    assert sum(file.message_count for file in metadata.files) == 30
    topics = {info.topic_metadata.name: info.topic_metadata for info in metadata.topics_with_message_count}
    assert topics["/words"].type_description_hash.startswith("RIHS01_")
    assert topics["/strange"].type_description_hash == ""
    profile = rosbag2_py.convert_rclcpp_qos_to_rclpy_qos(topics["/words"].offered_qos_profiles[0])
    assert (profile.durability, profile.depth) == (DurabilityPolicy.TRANSIENT_LOCAL, 1)


@pytest.mark.parametrize("split_bytes", [0, 50_000])
def test_reindexing_gives_the_same_bag_with_its_verdict(tmp_path: Path, split_bytes: int) -> None:
    bag = make(tmp_path / "ep_0000", prompt="no", split_bytes=split_bytes)
    (bag / "metadata.yaml").unlink()
    rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(bag), "mcap"))
    assert read(bag) == list(range(30))
    record = read_own_record(bag)
    assert (record.prompt, record.verdict) == ("no", "SUCCESS")
    assert rosbag2_py.Info().read_metadata(str(bag), "mcap").starting_time.nanoseconds == BEGAN_NS


def test_an_empty_bag_has_no_absurd_time(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000", count=0)
    assert read(bag) == []
    metadata = rosbag2_py.Info().read_metadata(str(bag), "mcap")
    assert (metadata.starting_time.nanoseconds, metadata.duration.nanoseconds) == (0, 0)


def test_definitions_are_whole_and_read_by_others(tmp_path: Path) -> None:
    bag = make(tmp_path / "ep_0000")
    reader = rosbag2_py.SequentialReader()
    reader.open(rosbag2_py.StorageOptions(str(bag), "mcap"), rosbag2_py.ConverterOptions("cdr", "cdr"))
    texts = {d.topic_type: (d.encoding, d.encoded_message_definition) for d in reader.get_all_message_definitions()}
    encoding, joint_state = texts["sensor_msgs/msg/JointState"]
    assert encoding == "ros2msg"
    for name in ("std_msgs/Header", "builtin_interfaces/Time"):
        assert f"\n{'=' * 80}\nMSG: {name}\n" in joint_state
    assert texts["nobody_msgs/msg/Strange"] == ("", "")
    with pytest.importorskip("rosbags.highlevel").AnyReader([bag]) as other:
        words = [other.deserialize(data, connection.msgtype).data for connection, _, data in other.messages()]
    assert [int(word.split()[0]) for word in words] == list(range(30))


@settings(max_examples=20, deadline=None)
@given(prompt=st.text(), reason=st.text())
@example(prompt="no", reason="1e3")
@example(prompt="123E5", reason=' a: "b" # c\n- d\n')
@example(prompt="~", reason="\x85\xa0\u2028\x00")
def test_a_prompt_comes_back_letter_by_letter_also_when_the_record_is_completed_later(
    prompt: str, reason: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bag = make(tmp_path_factory.mktemp("odd") / "ep_0000", prompt, count=1)
    assert read_own_record(bag).prompt == prompt
    complete_record(bag, EpisodeRecord("ep_0000", prompt, verdict="FAILURE", reason=reason))
    record = read_own_record(bag)
    assert (record.prompt, record.verdict, record.reason) == (prompt, "FAILURE", reason)
    assert read(bag) == [0]


def test_completing_what_is_no_bag_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("hello: [")
    with pytest.raises(RecordingError, match="ros2 bag reindex"):
        complete_record(tmp_path, EpisodeRecord("ep_0000"))
