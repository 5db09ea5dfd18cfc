"""Bags whose clocks were set, and bags with a second publisher on an arm's topic: said, and no state comes of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction

from aloe_data.bag_state import bag_state
from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode, EpisodeError
from aloe_data.recording import EpisodeRecord
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.checks import contradictions
from aloe_data.ros.checks.findings import Findings, Subject
from aloe_data.ros.convert import compressed_to_message, joint_state_to_message, ns_to_stamp, stamp_to_ns

MS = 1_000_000
FIRST_MS, LAST_MS = 100_000, 102_000
MIDDLE_MS = 101_000
Rows = list[tuple[int, str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def rig(rig_file: Path) -> Rig:
    rig = load_rig(rig_file)
    return replace(rig, cameras=rig.cameras[:1], arms=tuple(replace(arm, max_age_s=0.3) for arm in rig.arms))


def joints(rig: Rig, stamp_ms: int) -> list[float]:
    """Where an arm is: it moves steadily, so that another time is another place."""
    return [value + (stamp_ms - FIRST_MS) / 1000 for value in rig.arms[0].home]


def story(rig: Rig) -> Rows:
    """Two seconds of an episode; the number of a tick tells when it really was."""
    rows: Rows = []
    for kind, stamp_ms in ((EpisodeEvent.START, FIRST_MS + 100), (EpisodeEvent.STOP, LAST_MS - 50)):
        event = EpisodeEvent(kind=kind, episode_id="ep_0004", verdict=EpisodeEvent.SUCCESS, prompt="sort")
        rows.append((stamp_ms, "/episode/events", event))
    image = encode_jpeg(np.zeros((240, 320, 3), np.uint8))
    for stamp_ms in range(FIRST_MS, LAST_MS, 20):
        arms = [ArmAction(arm=a.name, source=1, requested=a.home, executed=a.home) for a in rig.arms]
        rows += [(stamp_ms, c.topic, compressed_to_message(image, 0, "")) for c in rig.cameras]
        rows += [(stamp_ms, a.joint_state_topic, joint_state_to_message(a, joints(rig, stamp_ms), 0)) for a in rig.arms]
        rows.append((stamp_ms + 1, "/executed_action", ExecutedAction(tick=stamp_ms, armed=True, arms=arms)))
    for stamp_ms, _, message in rows:
        message.header.stamp = ns_to_stamp(stamp_ms * MS)
    return sorted(rows, key=lambda row: row[0])


def stepped(rows: Rows, step_ms: int, topics: str = "", stamps: bool = True, reception: bool = False) -> Rows:
    """The same with a clock that was set in the middle, of all topics or of those whose name has `topics` in it."""
    done: Rows = []
    for received_ms, topic, message in rows:
        if received_ms >= MIDDLE_MS and topics in topic:
            if stamps:
                message.header.stamp = ns_to_stamp(stamp_to_ns(message.header.stamp) + step_ms * MS)
            received_ms += step_ms if reception else 0
        done.append((received_ms, topic, message))
    return done


def wrong_rad(rig: Rig, episode: Episode) -> float:
    """By how much states are not what they were when the tick really was."""
    true = np.array([[*joints(rig, tick), *joints(rig, tick)] for tick in episode.ticks])
    return float(np.abs(episode.state - true)[episode.observed].max(initial=0.0))


def verified(bag: Path, rig: Rig) -> Findings:
    found = Findings()
    contradictions.check(Subject(bag_state(bag), EpisodeRecord("ep_0004"), rig, quick=False), found)
    return found


def test_an_honest_bag_has_every_tick_and_no_contradiction(rig: Rig, write: Write) -> None:
    bag = write(story(rig))
    episode = read_episode(bag, rig)
    assert (episode.observed.all(), episode.left_out, wrong_rad(rig, episode) < 0.01) == (True, [], True)
    assert verified(bag, rig) == Findings()


@pytest.mark.parametrize("step_ms", [-400, 400, -2000, 3_600_000])
@pytest.mark.parametrize("topics", ["", "left_arm", "camera", "executed"])
def test_a_step_of_stamps_is_said_and_no_tick_has_a_state_of_another_time(
    step_ms: int, topics: str, rig: Rig, write: Write
) -> None:
    bag = write(stepped(story(rig), step_ms, topics))
    episode = read_episode(bag, rig)
    assert wrong_rad(rig, episode) < 0.01
    before = episode.ticks < min(MIDDLE_MS, MIDDLE_MS + step_ms)
    assert episode.observed[before].all()
    if topics or step_ms < 0:  # where all goes ahead together, nothing is spoilt
        (said,) = episode.left_out
        assert "step" in said
        assert "a clock was set" in said
    (problem,) = verified(bag, rig).problems
    assert f"{abs(step_ms) / 1000:.2f} s {'ahead' if step_ms > 0 else 'back'}" in problem
    assert "ticks that this spoils are left out" in problem


@pytest.mark.parametrize("step_ms", [-400, 2000])
def test_a_step_of_the_recorders_clock_alone_is_said_and_costs_nothing(step_ms: int, rig: Rig, write: Write) -> None:
    bag = write(stepped(story(rig), step_ms, stamps=False, reception=True))
    episode = read_episode(bag, rig)
    assert (episode.observed.all(), list(np.diff(episode.ticks) > 0)) == (True, [True] * (len(episode) - 1))
    found = verified(bag, rig)
    assert (found.problems, len(found.notes)) == ([], 1)
    assert "the recorder's clock was set" in found.notes[0]


def test_a_computer_whose_clock_is_set_back_spoils_the_time_that_comes_twice(rig: Rig, write: Write) -> None:
    bag = write(stepped(story(rig), -400, reception=True))
    episode = read_episode(bag, rig)
    assert wrong_rad(rig, episode) < 0.01
    assert 0.6 < episode.observed.mean() < 0.9
    assert (np.diff(episode.ticks) > 0).all()


def foreign(rig: Rig, row: tuple[int, str, Any], value: float | None, shift_ms: int = 0) -> tuple[int, str, Any]:
    """What another node says beside a joint state; None: joints in another order, at other places."""
    stamp_ms = row[0] + shift_ms
    arm = rig.arms[0]
    names = arm.joint_names if value is not None else arm.joint_names[::-1]
    positions = [value] * arm.dof if value is not None else list(np.linspace(-1, 1, arm.dof))
    message = joint_state_to_message(arm, positions, stamp_ms * MS)
    message.name = list(names)
    return row[0], row[1], message


@pytest.mark.parametrize("value", [0.0, 0.7, None])
@pytest.mark.parametrize("kind", ["instead", "before", "after", "a little later"])
def test_a_second_publisher_on_an_arms_topic_is_said_and_never_becomes_the_state(
    kind: str, value: float | None, rig: Rig, write: Write
) -> None:
    rows: Rows = []
    for row in story(rig):
        other = foreign(rig, row, value, shift_ms=5 if kind == "a little later" else 0)
        mixed = {"instead": [other], "before": [other, row]}.get(kind, [row, other])
        is_second = "left_arm" in row[1] and row[0] >= MIDDLE_MS and row[0] // 20 % 2
        rows += mixed if is_second else [row]
    bag = write(rows)
    episode = read_episode(bag, rig)
    assert wrong_rad(rig, episode) < 0.01
    assert episode.observed[episode.ticks < MIDDLE_MS - 50].all()
    assert "stop the second node that publishes it" in episode.left_out[0]
    (problem,) = verified(bag, rig).problems
    assert problem.startswith("left_arm (/left_arm/joint_states): joint")


@pytest.mark.parametrize("span_ms", [(0, 400), (600, 1400), (1500, 2000), (700, 740)])
def test_zeros_of_a_driver_that_lost_its_encoders_are_said_and_never_become_the_state(
    span_ms: tuple[int, int], rig: Rig, write: Write
) -> None:
    begin_ms = FIRST_MS + span_ms[0]
    end_ms = FIRST_MS + span_ms[1]
    rows = [
        foreign(rig, row, 0.0) if "left_arm" in row[1] and begin_ms <= row[0] < end_ms else row for row in story(rig)
    ]
    bag = write(rows)
    episode = read_episode(bag, rig)
    assert wrong_rad(rig, episode) < 0.01
    assert episode.observed[(episode.ticks < begin_ms - 120) | (episode.ticks > end_ms + 120)].all()
    (problem,) = verified(bag, rig).problems
    assert problem.startswith("left_arm (/left_arm/joint_states): joint")


@pytest.mark.parametrize(("shift_s", "where"), [(1_700_000_000, "ahead of"), (-90, "behind")])
@pytest.mark.parametrize("topic", ["left_arm", "camera"])
def test_a_stream_whose_stamps_are_of_another_time_is_said(
    shift_s: int, where: str, topic: str, rig: Rig, write: Write
) -> None:
    rows = story(rig)
    for _, name, message in rows:
        if topic in name:
            message.header.stamp = ns_to_stamp(stamp_to_ns(message.header.stamp) + shift_s * 1000 * MS)
    (problem,) = verified(write(rows), rig).problems
    assert topic in problem.partition(":")[0]
    assert f"s {where} all of /executed_action" in problem
    assert "use_sim_time" in problem


def test_an_episode_that_is_spoilt_from_end_to_end_says_why(rig: Rig, write: Write) -> None:
    rows = [foreign(rig, row, 0.0) if "left_arm" in row[1] and row[0] // 20 % 2 else row for row in story(rig)]
    with pytest.raises(EpisodeError, match=r"no tick with a complete observation: left_arm .*stop the second node"):
        read_episode(write(rows), rig)


def test_ticks_of_two_control_nodes_are_refused(rig: Rig, write: Write) -> None:
    rows = story(rig)
    for stamp_ms, topic, message in rows:
        if topic == "/executed_action" and stamp_ms // 20 % 2:
            message.tick += 1_000_000
    with pytest.raises(EpisodeError, match="the ticks on /executed_action are mixed: two nodes published them"):
        read_episode(write(rows), rig)
