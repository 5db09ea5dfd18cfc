"""Every command has one opinion of a bag: whether it is whole, which verdict it has, what is in it."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rosbag2_py
import yaml
from episode_bag import RIG_FILE, write_episode

from aloe_data.bag_state import bag_state
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.rig_file import load_rig
from aloe_data.ros import list_bags, verify_bags
from aloe_data.ros import repair as repairing
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_reader import read_messages, read_own_record, read_record
from aloe_data.ros.repair import repair
from aloe_data.ros.verify_bags import verify

QUICK = [False, True]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_episode(tmp_path_factory.mktemp("bags") / "ep_0000")


@pytest.fixture
def bag(written: Path, tmp_path: Path) -> Path:
    """A sound bag of an episode that succeeded."""
    return Path(shutil.copytree(written, tmp_path / "ep_0000"))


def reindex(bag: Path) -> None:
    rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(bag), "mcap"))


def change(bag: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    """Edit the bag's metadata.yaml as a person or another version would leave it."""
    file = bag / "metadata.yaml"
    tree = yaml.load(file.read_text(), yaml.BaseLoader)
    edit(tree["rosbag2_bagfile_information"])
    file.write_text(yaml.safe_dump(tree))


def said_by(module: Any, bag: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sys, "argv", ["command", str(bag)])
    with contextlib.suppress(SystemExit):
        module.main()
    return capsys.readouterr().out


def without_record(metadata: dict[str, Any]) -> None:
    metadata["custom_data"] = {}


def former(version: int) -> Callable[[dict[str, Any]], None]:
    """As rosbag2 wrote it up to a version: no keys that came later, policies as numbers in a text."""

    def edit(metadata: dict[str, Any]) -> None:
        metadata["version"] = version
        for since, key in ((5, "files"), (6, "custom_data"), (8, "ros_distro")):
            if version < since:
                del metadata[key]
        for topic in metadata["topics_with_message_count"]:
            told = topic["topic_metadata"]
            if version < 9:
                numbers = [{**qos, **dict.fromkeys(("history", "reliability", "durability"), 1), "liveliness": 1}
                           for qos in told["offered_qos_profiles"]]  # fmt: skip
                told["offered_qos_profiles"] = yaml.safe_dump(numbers)
            if version < 7:
                del told["type_description_hash"]

    return edit


def quality(profiles: object) -> Callable[[dict[str, Any]], None]:
    def edit(metadata: dict[str, Any]) -> None:
        for topic in metadata["topics_with_message_count"]:
            topic["topic_metadata"]["offered_qos_profiles"] = profiles

    return edit


METADATA = {
    **{f"version {version}": former(version) for version in range(4, 10)},
    "version 10": lambda metadata: metadata.update(version=10, something_new={"a": [1]}),
    "no storage": lambda metadata: metadata.update(storage_identifier=""),
    "NONE": lambda metadata: metadata.update(compression_mode="NONE"),
    "none": lambda metadata: metadata.update(compression_mode="none"),
    "no compression": lambda metadata: [metadata.pop(key) for key in ("compression_mode", "compression_format")],
    "no custom data": lambda metadata: metadata.pop("custom_data"),
    "empty custom data": without_record,
    "no distribution": lambda metadata: metadata.pop("ros_distro"),
    "no qos": quality(""),
    "qos as a list": quality([]),
    "qos unheard of": quality([{"history": "keep_most", "depth": "many"}]),
    "moved files": lambda metadata: metadata.update(relative_file_paths=["/else/where/ep_0000/ep_0000_0.mcap"]),
}


@pytest.mark.parametrize("name", METADATA)
def test_a_bag_is_read_alike_whichever_version_of_rosbag2_wrote_its_metadata(bag: Path, name: str) -> None:
    before = list(read_messages(bag))
    record, entry = read_record(bag), str(list_bags.read_entry(bag))
    change(bag, METADATA[name])
    assert list(read_messages(bag)) == before
    assert read_record(bag) == record
    assert str(list_bags.read_entry(bag)) == entry
    assert verify(bag).problems == verify(bag, quick=True).problems == []
    assert repair(bag) == []


@pytest.mark.parametrize("how", ["removed", "reindexed", "spoilt"])
def test_what_a_bag_says_of_its_episode_survives_the_loss_of_its_metadata(
    bag: Path, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_record(bag)
    (bag / "metadata.yaml").unlink()
    if how == "reindexed":
        reindex(bag)
    if how == "spoilt":
        (bag / "metadata.yaml").write_text("rosbag2_bagfile_information: [")
    assert read_own_record(bag) == read_record(bag) == before
    listed = said_by(list_bags, bag, capsys, monkeypatch)
    assert re.search(r"success +sort the cubes", listed) and "1 episodes" in listed
    assert read_episode(bag, load_rig(RIG_FILE)).facts.verdict == "success"
    index = [] if how == "reindexed" else [bag_state(bag).index_fault, "ros2 run aloe_data repair makes it anew"]
    assert verify(bag).problems == verify(bag, quick=True).problems == index
    assert ("repair" in listed) == bool(index)
    file = (bag / "ep_0000_0.mcap").stat()
    assert bool(repair(bag)) == bool(index)
    assert (bag / "ep_0000_0.mcap").stat() == file, "a sound file is not touched"
    assert verify(bag).problems == repair(bag) == []
    assert read_record(bag) == before


def test_without_any_record_the_events_tell_of_episode_prompt_and_verdict(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aloe_data import bag_state as states

    change(bag, without_record)
    monkeypatch.setattr(states, "embedded_custom_data", lambda file: {})  # a bag that another tool has written anew
    assert read_record(bag) == EpisodeRecord("ep_0000", "sort the cubes", 7, "SUCCESS", "sorted")


def test_a_record_as_it_was_at_the_start_gets_its_verdict_from_the_last_record_or_the_events(
    bag: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aloe_data import bag_state as states

    whole = read_record(bag)
    begun = replace(whole, verdict="NONE", reason="")
    change(bag, lambda metadata: metadata.update(custom_data=begun.to_custom_data()))
    assert read_record(bag) == whole
    monkeypatch.setattr(states, "embedded_custom_data", lambda file: begun.to_custom_data())
    assert read_record(bag) == whole


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("verdict", "SUCESS", "did you mean 'SUCCESS'"), ("seed", "many", "seed is no JSON"), ("lost", "[]", "no dict")],
)
def test_a_record_that_was_edited_into_nonsense_is_named_with_its_key(
    bag: Path, key: str, value: str, said: str
) -> None:
    change(bag, lambda metadata: metadata["custom_data"].update({key: value}))
    with pytest.raises(RecordingError, match=f"ep_0000: .*{said}"):
        read_record(bag)


def cut_off(bag: Path) -> str:
    file = bag / "ep_0000_0.mcap"
    file.write_bytes(file.read_bytes()[:-500])
    return "ep_0000_0.mcap was not finished"


def without_its_second_file(bag: Path) -> str:
    shutil.rmtree(bag)
    write_episode(bag, split_bytes=60_000)
    (bag / "ep_0000_1.mcap").unlink()
    return "ep_0000_1.mcap is not there"


def another_count(bag: Path) -> str:
    def edit(metadata: dict[str, Any]) -> None:
        topic = metadata["topics_with_message_count"][0]
        topic["message_count"] = int(topic["message_count"]) + 1

    change(bag, edit)
    return "34 messages, its metadata tells of 35"


@pytest.mark.parametrize("spoil", [cut_off, without_its_second_file, another_count])
def test_all_commands_say_that_a_bag_is_not_whole_and_none_after_its_repair(
    bag: Path, spoil: Callable[[Path], str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = spoil(bag)
    assert any(fault in problem for problem in verify(bag).problems)
    assert any(fault in problem for problem in verify(bag, quick=True).problems)
    assert fault in said_by(list_bags, bag, capsys, monkeypatch)
    with pytest.raises(RecordingError, match=f"{re.escape(fault)}.*repair"):
        list(read_messages(bag))
    with pytest.raises(Exception, match=re.escape(fault)):
        read_episode(bag, load_rig(RIG_FILE))
    assert "1 repaired" in said_by(repairing, bag, capsys, monkeypatch)
    assert not bag_state(bag).faults
    assert repair(bag) == []
    assert "1 episodes" in said_by(list_bags, bag, capsys, monkeypatch)
    assert (bag / "metadata.yaml.damaged").exists(), "what it said before is kept"


def test_a_bag_of_compressed_messages_is_named_with_a_remedy_and_not_touched(
    bag: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(bag, lambda metadata: metadata.update(compression_mode="MESSAGE", compression_format="zstd"))
    files = {path.name: path.read_bytes() for path in bag.iterdir()}
    with pytest.raises(RecordingError, match=r"compressed one by one.*ros2 bag convert"):
        list(read_messages(bag))
    for command in (list_bags, verify_bags, repairing):
        assert "ros2 bag convert" in said_by(command, bag, capsys, monkeypatch)
    assert {path.name: path.read_bytes() for path in bag.iterdir()} == files


def test_a_file_of_macos_is_no_part_of_a_bag(bag: Path) -> None:
    double = bag / "._ep_0000_0.mcap"
    double.write_bytes(b"\x00\x05\x16\x07" + bytes(4092))
    files = {path.name: path.read_bytes() for path in bag.iterdir()}
    assert verify(bag).problems == verify(bag, quick=True).problems == []
    assert repair(bag) == []
    metadata = files.pop("metadata.yaml")
    (bag / "metadata.yaml").unlink()
    repair(bag)
    assert (bag / "metadata.yaml").stat().st_size > len(metadata) // 2
    assert {path.name: path.read_bytes() for path in bag.iterdir() if path.name != "metadata.yaml"} == files


def test_a_file_that_the_metadata_does_not_name_is_said_and_not_read(bag: Path) -> None:
    before = list(read_messages(bag))
    shutil.copy(bag / "ep_0000_0.mcap", bag / "ep_0000_7.mcap")
    found = verify(bag)
    assert found.problems == []
    assert "ep_0000_7.mcap does not belong to it by its metadata.yaml, and is not read" in found.notes
    assert list(read_messages(bag)) == before


def test_a_repair_that_cannot_be_finished_leaves_the_bag_as_it_was(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off(bag)
    before = {path.name: path.read_bytes() for path in bag.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mcap.writer.Writer.finish", full)
        with pytest.raises(OSError, match="No space"):
            repair(bag)
    assert {path.name: path.read_bytes() for path in bag.iterdir()} == before
    with monkeypatch.context() as patch:
        patch.setattr(repairing, "_write_metadata", full)
        with pytest.raises(OSError, match="No space"):
            repair(bag)
    assert (bag / "ep_0000_0.mcap.damaged").read_bytes() == before["ep_0000_0.mcap"], "until the bag is whole"


def unusable_images(topic: str, message: Any) -> Any:
    if topic.startswith("/cameras/head"):
        message.data = bytes(message.data)[:-100]
    return message


def unusable_states(topic: str, message: Any) -> Any:
    if topic == "/left_arm/joint_states":
        message.name = [f"other_{name}" for name in message.name]
    return message


@pytest.mark.parametrize("quick", QUICK)
@pytest.mark.parametrize(
    ("spoil", "topic"),
    [(unusable_images, "/cameras/head/image_raw/compressed"), (unusable_states, "/left_arm/joint_states")],
)
def test_verify_says_when_no_message_of_a_stream_could_be_used(
    tmp_path: Path, spoil: Callable[[str, Any], Any], topic: str, quick: bool
) -> None:
    found = verify(write_episode(tmp_path / "ep_0000", change=spoil), quick)
    assert len(found.problems) == 1
    assert re.match(rf"{topic}: (\d+) of \1 messages that were tried cannot be used: ", found.problems[0])


def test_verify_notes_how_many_messages_of_a_stream_could_not_be_used(tmp_path: Path) -> None:
    taken = []

    def every_fifth(topic: str, message: Any) -> Any:
        if topic.startswith("/cameras/head"):
            taken.append(topic)
            return unusable_images(topic, message) if len(taken) % 5 == 0 else message
        return message

    found = verify(write_episode(tmp_path / "ep_0000", change=every_fifth))
    assert found.problems == []
    assert any("head/image_raw/compressed: 6 of 34 messages that were tried" in note for note in found.notes)


@pytest.mark.parametrize("quick", QUICK)
def test_verify_names_silence_losses_and_a_missing_stop(tmp_path: Path, quick: bool) -> None:
    silent = write_episode(tmp_path / "ep_0000", ("/left_arm/joint_states", range(1000)))
    assert verify(silent, quick).problems == ["/left_arm/joint_states: no messages"]
    lossy = write_episode(tmp_path / "ep_0001", lost={"/executed_action": 3})
    assert "/executed_action: 3 messages lost" in verify(lossy, quick).problems
    torn = write_episode(tmp_path / "ep_0002", ("/episode/events", range(500, 1000)))
    assert "1 START and 0 STOP events instead of one each" in verify(torn, quick).problems


def test_verify_quick_finds_a_chunk_that_is_not_where_it_should_be(bag: Path) -> None:
    file = bag / "ep_0000_0.mcap"
    summary = bag_state(bag).summaries[0]
    assert summary is not None
    data = bytearray(file.read_bytes())
    data[summary.chunks[1].chunk_start_offset] ^= 1
    file.write_bytes(data)
    assert "ep_0000_0.mcap: 1 chunks are not where its end says" in verify(bag, quick=True).problems


def test_the_command_has_an_option_for_the_quick_check(bag: Path) -> None:
    command = [sys.executable, "-m", "aloe_data.ros.verify_bags", str(bag), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, f"{bag}: ok\n1 bags: 1 sound, 0 with problems\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 6252429\n", "git lfs pull"),
        (b"", "ep_0000_0.mcap is empty"),
        (bytes(5000), "does not begin as an MCAP file does"),
    ],
    ids=["a pointer", "nothing", "zeros"],
)
def test_what_stands_in_the_place_of_a_file_is_named(bag: Path, content: bytes, says: str) -> None:
    (bag / "ep_0000_0.mcap").write_bytes(content)
    assert any(says in problem for problem in verify(bag).problems)
    with pytest.raises(RecordingError, match=says):
        list_bags.read_entry(bag)


@pytest.mark.parametrize("content", [bytes(300), b"prompt: fa\xe7ade\n", b"a: [\n", b""])
def test_metadata_that_cannot_be_read_is_told_in_one_line(bag: Path, content: bytes) -> None:
    (bag / "metadata.yaml").write_bytes(content)
    fault = bag_state(bag).index_fault
    assert fault.startswith("metadata.yaml cannot be read: ")
    assert "\n" not in fault
    assert read_record(bag).verdict == "SUCCESS"


@pytest.mark.parametrize(
    "edit",
    [
        lambda tree: tree.update(relative_file_paths=[]),
        lambda tree: tree.update(relative_file_paths=[["a"]]),
        lambda tree: tree.update(relative_file_paths="ep_0000_0.mcap"),
        lambda tree: tree["topics_with_message_count"][0]["topic_metadata"].update(name=["a"]),
    ],
)
def test_metadata_that_names_files_or_topics_wrongly_is_made_anew(bag: Path, edit: Callable[[Any], Any]) -> None:
    change(bag, edit)
    assert bag_state(bag).index_fault.startswith("metadata.yaml cannot be read: ")
    assert read_record(bag).verdict == "SUCCESS"
    repair(bag)
    assert verify(bag).problems == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("urdfs", {"a.urdf": None}),
        ("lost", {"/a": "b"}),
        ("streams", {"/a": 3}),
        ("strangers", {"/a": None}),
        ("versions", {"policy": []}),
    ],
)
def test_a_record_with_a_value_of_another_type_is_named_with_key_and_remedy(bag: Path, key: str, value: object) -> None:
    change(bag, lambda tree: tree["custom_data"].update({key: json.dumps(value)}))
    (problem,) = verify(bag).problems
    assert f"custom_data: {key} has " in problem
    assert "ros2 run aloe_data repair" in problem


def test_a_date_that_no_calendar_has_is_listed_as_it_is(bag: Path) -> None:
    change(bag, lambda tree: tree["starting_time"].update(nanoseconds_since_epoch=10**26))
    assert " 1e+17 s " in str(list_bags.read_entry(bag))
