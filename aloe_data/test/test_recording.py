import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest

from aloe_data import recording
from aloe_data.recording import (
    EpisodeRecord,
    RecordingError,
    check_folder,
    check_room,
    next_episode_id,
    read_rig_files,
    recorded_topics,
)
from aloe_data.rig_file import load_rig

RIG_FILE = Path(__file__).parents[2] / "config" / "rig_sim.yaml"


def test_topics_follow_from_the_rig() -> None:
    rig = load_rig(RIG_FILE)
    topics = {topic.name: topic for topic in recorded_topics(rig, use_sim_time=False)}
    assert topics["/cameras/head/image_raw/compressed"].type == "sensor_msgs/msg/CompressedImage"
    assert topics["/left_arm/joint_states"].type == "sensor_msgs/msg/JointState"
    assert topics["/replay/right_arm/command"].type == "aloe_msgs/msg/ArmCommand"
    assert topics["/replay/right_arm/command"].source == "/right_arm/command"
    assert not {arm.command_topic for arm in rig.arms} & topics.keys(), "a played bag would command an arm"
    assert topics["/teleop/left_arm/command"].type == "aloe_msgs/msg/TeleopCommand"
    assert topics["/intervention"].latched
    assert {topic.rate_hz for topic in topics.values() if topic.continuous} == {30.0, 50.0}
    assert topics["/intervention/request"].type == "aloe_msgs/msg/InterventionRequest"
    assert topics["/executed_action"].sequenced
    assert "/clock" not in topics
    assert "/clock" in {topic.name for topic in recorded_topics(rig, use_sim_time=True)}
    real = {topic.name for topic in recorded_topics(replace(rig, simulated=False), use_sim_time=False)}
    assert topics.keys() - real == {"/sim/task_state"}


def test_numbering_continues_after_the_highest_episode() -> None:
    assert next_episode_id([]) == "ep_0000"
    assert next_episode_id(["ep_0003", "ep_0011", "notes.txt", "ep_x", "ep_12"]) == "ep_0012"
    assert next_episode_id(["ep_9999"]) == "ep_10000"
    assert next_episode_id(["ep_10000"]) == "ep_10001"


def test_a_folder_that_cannot_be_made_is_refused_with_its_name_and_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"file/bags.*record:=FOLDER"):
        check_folder(tmp_path / "file" / "bags", 0.0)


def test_a_disk_without_room_is_refused_with_its_name_and_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100 << 30, 99 << 30, 1 << 29))
    with pytest.raises(RecordingError, match=r"0\.50 GiB free.*min_free_gib 1.*delete old bags"):
        check_folder(tmp_path, 1.0)
    check_room(tmp_path, 0.5)


def test_the_record_of_an_episode_survives_the_metadata() -> None:
    rig, urdfs = read_rig_files(RIG_FILE, load_rig(RIG_FILE))
    record = EpisodeRecord(
        "ep_0001",
        "sort",
        7,
        "SUCCESS",
        "done",
        rig,
        urdfs,
        {"aloe_data": "1"},
        {"/t": 2},
        {"/t": {"rate_hz": 2.5}},
        {"/t": ["x"]},
    )
    data = record.to_custom_data()
    assert all(isinstance(value, str) for value in data.values())
    assert EpisodeRecord.from_custom_data(data) == record
    assert recording.EpisodeRecord.from_custom_data({"episode_id": "x"}).seed == 0


def test_a_bag_of_others_is_refused() -> None:
    with pytest.raises(RecordingError, match="not recorded by recorder_node"):
        EpisodeRecord.from_custom_data({})
