"""Two arms on one topic of joint states: each picks its joints by name, live and from bags, whoever else is there."""

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction
from fake_node import FakeNode
from sensor_msgs.msg import JointState
from shared_topic import TOPIC, write_shared_rig

from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import EpisodeRecord, read_rig_files
from aloe_data.rig import Arm, Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_survey import survey
from aloe_data.ros.bag_writer import complete_record
from aloe_data.ros.convert import (
    compressed_to_message,
    joint_state_messages,
    joint_state_to_message,
    ns_to_stamp,
)
from aloe_data.ros.live_streams import LiveStreams
from aloe_data.ros.verify_bags import verify

MS = 1_000_000
TICKS = 20
TORSO = ("torso", "left_finger_mimic", "left_finger_mimic")  # of no arm, one of them given twice


@pytest.fixture
def rig_file(tmp_path: Path) -> Path:
    return write_shared_rig(tmp_path)


@pytest.fixture
def rig(rig_file: Path) -> Rig:
    return load_rig(rig_file)


def position(arm: Arm, stamp_ms: int) -> float:
    """Where all joints of an arm are: the arms differ, and so do moments."""
    return stamp_ms / 10_000 + (0.01 if arm.name == "left_arm" else 0.02)


def together(rig: Rig, stamp_ms: int) -> list[JointState]:
    """One message of all, joints of others first, in reverse order."""
    positions = {arm.name: [position(arm, stamp_ms)] * arm.dof for arm in rig.arms}
    message = joint_state_messages(rig.arms, positions, stamp_ms * MS)[TOPIC]
    message.name = [*TORSO, *reversed(message.name)]
    message.position = array("d", [9.0, float("nan"), 0.0, *reversed(message.position)])
    return [message]


def in_turns(rig: Rig, stamp_ms: int) -> list[JointState]:
    """A message of each arm with the same stamp, and one of somebody else without positions."""
    messages = [joint_state_to_message(arm, [position(arm, stamp_ms)] * arm.dof, stamp_ms * MS) for arm in rig.arms]
    torso = JointState(name=["torso"], velocity=array("d", [1.0]))
    torso.header.stamp = ns_to_stamp(stamp_ms * MS)
    return [torso, *messages]


def rows(rig: Rig, states: Callable[[Rig, int], list[JointState]]) -> list[tuple[int, str, Any]]:
    """An episode of control ticks that follow the measurements."""
    jpeg = encode_jpeg(np.zeros((rig.cameras[0].height, rig.cameras[0].width, 3), np.uint8))
    found: list[tuple[int, str, Any]] = []
    for kind, stamp_ms in ((EpisodeEvent.START, 1000), (EpisodeEvent.STOP, 1000 + 20 * TICKS)):
        event = EpisodeEvent(kind=kind, episode_id="ep_0004", prompt="sort", verdict=EpisodeEvent.SUCCESS)
        event.header.stamp = ns_to_stamp(stamp_ms * MS)
        found.append((stamp_ms, "/episode/events", event))
    for tick in range(TICKS):
        stamp_ms = 1000 + 20 * tick
        found += [(stamp_ms, c.topic, compressed_to_message(jpeg, stamp_ms * MS, c.name)) for c in rig.cameras]
        found += [(stamp_ms, TOPIC, message) for message in states(rig, stamp_ms)]
        executed = ExecutedAction(tick=tick, armed=True)
        executed.header.stamp = ns_to_stamp(stamp_ms * MS)
        for arm in rig.arms:
            home = array("d", arm.home)
            executed.arms.append(ArmAction(arm=arm.name, source=1, requested=home, executed=home))
        found.append((stamp_ms + 1, "/executed_action", executed))
    return sorted(found, key=lambda row: row[0])


@pytest.mark.parametrize("states", [together, in_turns])
def test_a_bag_is_read_verified_and_counted_arm_by_arm(
    states: Callable[[Rig, int], list[JointState]], rig: Rig, rig_file: Path, write: Callable[..., Path]
) -> None:
    bag = write(rows(rig, states))
    text, urdfs = read_rig_files(rig_file, rig)
    complete_record(bag, EpisodeRecord("ep_0004", "sort", rig=text, urdfs=urdfs, verdict="SUCCESS"))
    episode: Episode = read_episode(bag, rig)
    assert episode.observed.all() and not episode.refused
    for arm in rig.arms:
        measured = episode.state[:, rig.state_slice(arm.name)]
        expected = [position(arm, 1000 + 20 * tick) for tick in range(TICKS)]
        np.testing.assert_allclose(measured, np.repeat(np.array(expected)[:, None], arm.dof, axis=1), atol=1e-6)
    assert verify(bag).problems == []
    counts = survey(bag, rig).counts.counts
    for arm in rig.arms:
        count = counts[f"{TOPIC} ({arm.name})"]
        assert (count.received, count.expected_hz, count.backwards, count.late) == (TICKS, 50.0, 0, 0)


def test_an_arm_that_falls_silent_is_named_though_the_topic_goes_on(rig: Rig, write: Callable[..., Path]) -> None:
    def left_only(rig: Rig, stamp_ms: int) -> list[JointState]:
        return [message for message in in_turns(rig, stamp_ms) if stamp_ms < 1100 or "right_roll" not in message.name]

    bag = write(rows(rig, left_only))
    counts = survey(bag, rig).counts.counts
    assert counts[f"{TOPIC} (left_arm)"].received == TICKS
    assert counts[f"{TOPIC} (right_arm)"].received == 5


def test_joints_that_never_came_are_named_with_the_nearest_that_did(rig: Rig, write: Callable[..., Path]) -> None:
    def without_right(rig: Rig, stamp_ms: int) -> list[JointState]:
        return in_turns(rig, stamp_ms)[1:2]

    with pytest.raises(
        EpisodeError, match=r"right_arm \(/joint_states\): no position of right_waist.*it has left_waist"
    ):
        read_episode(write(rows(rig, without_right)), rig)


@pytest.mark.parametrize("states", [together, in_turns])
def test_live_nodes_take_the_same(states: Callable[[Rig, int], list[JointState]], rig: Rig) -> None:
    node = FakeNode()
    live = LiveStreams(node, rig, lambda: None, lambda: None)  # type: ignore[arg-type]
    for stamp_ms in (1000, 1020):
        for message in states(rig, stamp_ms):
            node.hear(TOPIC, message)
    stale = [item for item in live.assembler.stale(1020 * MS) if item.stream.endswith("_arm")]
    assert not stale
    samples = {arm.name: live.assembler._buffers[arm.name].latest_at(1020 * MS) for arm in rig.arms}
    for arm in rig.arms:
        sample = samples[arm.name]
        assert sample is not None and sample.stamp_ns == 1020 * MS
        np.testing.assert_allclose(sample.value, position(arm, 1020))


def test_a_live_node_names_the_joints_of_an_arm_that_never_came(rig: Rig) -> None:
    node = FakeNode()
    live = LiveStreams(node, rig, lambda: None, lambda: None)  # type: ignore[arg-type]
    node.hear(TOPIC, in_turns(rig, 1000)[1])
    problems = live.problems(live.assembler.stale(1000 * MS))
    assert "right_arm (/joint_states): no position of right_waist" in problems and "left_arm" not in problems
