"""Official behaviour of rosbag2_py that the stand-in follows, and that other readers open its bags."""

from pathlib import Path

import pytest
import yaml

rosbag2_py = pytest.importorskip("rosbag2_py")
pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from sensor_msgs.msg import JointState  # noqa: E402
from std_msgs.msg import String  # noqa: E402

START_NS = 1_700_000_000_000_000_000
QOS_YAML = """
- history: keep_last
  depth: 1
  reliability: reliable
  durability: transient_local
  deadline: {sec: 9223372036, nsec: 854775807}
  lifespan: {sec: 9223372036, nsec: 854775807}
  liveliness: automatic
  liveliness_lease_duration: {sec: 9223372036, nsec: 854775807}
  avoid_ros_namespace_conventions: false
"""
NUMBERED_QOS = """
- {history: 1, depth: 5, reliability: 2, durability: 1, deadline: {sec: 0, nsec: 0}, lifespan: {sec: 0, nsec: 0},
   liveliness: 1, liveliness_lease_duration: {sec: 0, nsec: 0}, avoid_ros_namespace_conventions: false}
"""


is_stand_in = pytest.mark.skipif("underlay" not in rosbag2_py.__file__, reason="the official package has other words")


def open_writer(folder: Path, **options: object) -> "rosbag2_py.SequentialWriter":
    writer = rosbag2_py.SequentialWriter()
    converter = rosbag2_py.ConverterOptions("cdr", "cdr")
    writer.open(rosbag2_py.StorageOptions(uri=str(folder), storage_id="mcap", **options), converter)
    qos = rosbag2_py.to_rclcpp_qos_vector(QOS_YAML, 9)
    writer.create_topic(rosbag2_py.TopicMetadata(0, "/words", "std_msgs/msg/String", "cdr", qos))
    writer.create_topic(rosbag2_py.TopicMetadata(0, "/joints", "sensor_msgs/msg/JointState", "cdr"))
    return writer


def write_some(writer: "rosbag2_py.SequentialWriter", count: int = 10) -> None:
    for i in range(count):
        writer.write("/words", serialize_message(String(data=f"word {i}")), START_NS + i * 1000)
    writer.write(
        "/joints",
        serialize_message(JointState(name=["waist"], position=[0.5], velocity=[0.0], effort=[0.0])),
        START_NS + 500,
    )


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    writer = open_writer(tmp_path / "ep_0001", custom_data={"prompt": "sort the räd cube", "rig": "a: 1\nb: [2, 3]\n"})
    write_some(writer)
    writer.close()
    return tmp_path / "ep_0001"


def read_all(bag: Path, storage_filter: "rosbag2_py.StorageFilter | None" = None) -> list[tuple[str, bytes, int]]:
    reader = rosbag2_py.SequentialReader()
    reader.open(rosbag2_py.StorageOptions(str(bag), "mcap"), rosbag2_py.ConverterOptions("", ""))
    if storage_filter is not None:
        reader.set_filter(storage_filter)
    rows = []
    while reader.has_next():
        rows.append(reader.read_next())
    return rows


def test_messages_come_back_in_the_order_of_reception(bag: Path) -> None:
    rows = read_all(bag)
    assert [stamp for _, _, stamp in rows] == sorted(stamp for _, _, stamp in rows)
    assert rows[1][0] == "/joints"
    assert deserialize_message(rows[2][1], String).data == "word 1"


def test_metadata_holds_counts_times_types_and_custom_data(bag: Path) -> None:
    metadata = rosbag2_py.Info().read_metadata(str(bag), "mcap")
    assert (metadata.version, metadata.storage_identifier, metadata.message_count) == (9, "mcap", 11)
    assert metadata.starting_time.nanoseconds == START_NS
    assert metadata.duration.nanoseconds == 9000
    assert metadata.relative_file_paths == ["ep_0001_0.mcap"]
    assert metadata.custom_data == {"prompt": "sort the räd cube", "rig": "a: 1\nb: [2, 3]\n"}
    topics = {info.topic_metadata.name: info for info in metadata.topics_with_message_count}
    assert topics["/words"].message_count == 10
    assert topics["/words"].topic_metadata.type_description_hash == "", "it is what create_topic was given"
    profile = rosbag2_py.convert_rclcpp_qos_to_rclpy_qos(topics["/words"].topic_metadata.offered_qos_profiles[0])
    assert profile.durability.name == "TRANSIENT_LOCAL"


def test_rosbags_opens_the_bag_and_decodes_from_the_embedded_definitions(bag: Path) -> None:
    highlevel = pytest.importorskip("rosbags.highlevel")
    with highlevel.AnyReader([bag]) as reader:
        assert {c.topic: c.msgcount for c in reader.connections} == {"/words": 10, "/joints": 1}
        decoded = {c.topic: reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages()}
    assert decoded["/words"].data == "word 9"
    assert list(decoded["/joints"].name) == ["waist"]


def test_mcap_finds_the_ros2_profile_and_full_message_definitions(bag: Path) -> None:
    from mcap.reader import make_reader

    with (bag / "ep_0001_0.mcap").open("rb") as stream:
        reader = make_reader(stream)
        assert reader.get_header().profile == "ros2"
        schemas = {schema.name: schema for schema in reader.get_summary().schemas.values()}
    joint_state = schemas["sensor_msgs/msg/JointState"]
    assert joint_state.encoding == "ros2msg"
    separator = "=" * 80
    assert f"\n{separator}\nMSG: std_msgs/Header\n" in joint_state.data.decode()
    assert f"\n{separator}\nMSG: builtin_interfaces/Time\n" in joint_state.data.decode()


def test_a_filter_chooses_topics_by_name_and_by_regular_expression(bag: Path) -> None:
    assert {row[0] for row in read_all(bag, rosbag2_py.StorageFilter(topics=["/joints"]))} == {"/joints"}
    assert {row[0] for row in read_all(bag, rosbag2_py.StorageFilter(regex="/wo.*"))} == {"/words"}
    assert {row[0] for row in read_all(bag, rosbag2_py.StorageFilter(exclude_topics=["/words"]))} == {"/joints"}
    assert read_all(bag, rosbag2_py.StorageFilter(topics=["/nowhere"])) == []


def test_seek_goes_to_the_first_message_at_or_after_a_time(bag: Path) -> None:
    reader = rosbag2_py.SequentialReader()
    reader.open_uri(str(bag))
    reader.seek(START_NS + 8500)
    assert reader.read_next()[2] == START_NS + 9000
    assert not reader.has_next()
    with pytest.raises(RuntimeError, match="No next message"):
        reader.read_next()


def test_zstd_chunks_are_read_like_plain_ones(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "small", storage_preset_profile="zstd_fast")
    write_some(writer, 2000)
    writer.close()
    assert len(read_all(tmp_path / "small")) == 2001


def test_reindexing_finishes_a_file_that_a_killed_writer_left(bag: Path) -> None:
    whole = (bag / "ep_0001_0.mcap").read_bytes()
    custom_data = rosbag2_py.Info().read_metadata(str(bag), "mcap").custom_data
    (bag / "ep_0001_0.mcap").write_bytes(whole[: whole.rindex(b"\x0f" + (4).to_bytes(8, "little"))])  # its end is gone
    (bag / "metadata.yaml").unlink()
    with pytest.raises(RuntimeError):
        read_all(bag)
    rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(bag), "mcap"))
    assert len(read_all(bag)) == 11
    assert rosbag2_py.Info().read_metadata(str(bag), "mcap").custom_data == custom_data
    assert sorted(p.name for p in bag.iterdir()) == ["ep_0001_0.mcap", "metadata.yaml"]


def test_a_bag_is_completed_when_its_writer_dies(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "bag")
    write_some(writer)
    del writer
    assert len(read_all(tmp_path / "bag")) == 11


def test_an_existing_folder_is_not_overwritten(bag: Path) -> None:
    with pytest.raises(RuntimeError, match="already exists"):
        open_writer(bag)


def test_an_undeclared_topic_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"/other.*create_topic"):
        open_writer(tmp_path / "bag").write("/other", b"", 0)


def test_a_folder_that_is_no_bag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        read_all(tmp_path)
    (tmp_path / "metadata.yaml").write_text("hello: [")
    with pytest.raises(RuntimeError):
        read_all(tmp_path)
    (tmp_path / "x.mcap").write_bytes(b"not an mcap file at all" * 10)
    with pytest.raises(RuntimeError):
        read_all(tmp_path / "x.mcap")


@is_stand_in
def test_errors_name_the_file_and_the_remedy(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"metadata\.yaml"):
        read_all(tmp_path)
    (bag / "metadata.yaml").write_text("hello: [")
    with pytest.raises(RuntimeError, match="parsing"):
        read_all(bag)
    (bag / "metadata.yaml").unlink()
    with pytest.raises(RuntimeError, match="ros2 bag reindex"):
        read_all(bag)
    (tmp_path / "x.mcap").write_bytes(b"not an mcap file at all" * 10)
    with pytest.raises(RuntimeError, match="not an MCAP"):
        read_all(tmp_path / "x.mcap")


@is_stand_in
@pytest.mark.parametrize(
    "options",
    [
        {"max_bagfile_duration": 1},
        {"max_bagfile_size": 1 << 20},
        {"storage_config_uri": "mcap.yaml"},
        {"snapshot_mode": True},
        {"storage_preset_profile": "zstd_small"},
    ],
)
def test_what_only_the_official_package_does_is_refused_by_name(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(NotImplementedError, match="ros-jazzy-rosbag2-py"):
        open_writer(tmp_path / "bag", **options)
    with pytest.raises(NotImplementedError, match="sqlite3"):
        rosbag2_py.SequentialReader().open(rosbag2_py.StorageOptions("x", "sqlite3"), rosbag2_py.ConverterOptions())
    with pytest.raises(ImportError, match="ros-jazzy-rosbag2-py"):
        _ = rosbag2_py.Recorder


@pytest.mark.parametrize("text", ["no", "1e3", "007", "12:30", "2026-11-30", "0x1F", "1_000", "fold: it # now"])
def test_custom_data_is_text_letter_by_letter_however_it_stands_in_the_file(bag: Path, text: str) -> None:
    file = bag / "metadata.yaml"
    tree = yaml.safe_load(file.read_text())
    tree["rosbag2_bagfile_information"]["custom_data"] = {"prompt": "TEXT"}
    quoted = f'"{text}"' if "#" in text else text  # yaml-cpp writes the others without quotes
    file.write_text(yaml.safe_dump(tree).replace("TEXT", quoted))
    assert rosbag2_py.Info().read_metadata(str(bag), "mcap").custom_data == {"prompt": text}
    rosbag2_py.MetadataIo().write_metadata(str(bag), rosbag2_py.MetadataIo().read_metadata(str(bag)))
    assert rosbag2_py.MetadataIo().read_metadata(str(bag)).custom_data == {"prompt": text}


@pytest.mark.parametrize(
    "changes",
    [
        {"storage_identifier": ""},
        {"compression_mode": "NONE"},
        {"compression_mode": "none"},
        {"custom_data": None},
        {"version": 4, "files": None, "custom_data": None, "ros_distro": None},
    ],
)
def test_metadata_of_other_versions_is_read_like_this_one(bag: Path, changes: dict[str, object]) -> None:
    before = read_all(bag)
    file = bag / "metadata.yaml"
    tree = yaml.safe_load(file.read_text())
    root = tree["rosbag2_bagfile_information"]
    root |= changes
    if root["version"] < 9:
        for topic in root["topics_with_message_count"]:
            topic["topic_metadata"]["offered_qos_profiles"] = NUMBERED_QOS
    file.write_text(yaml.safe_dump(tree))
    assert read_all(bag) == before
