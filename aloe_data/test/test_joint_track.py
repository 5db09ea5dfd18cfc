"""Another publisher's joint states never count, whatever they say and when they come; an arm's own always do."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aloe_data.joint_track import JointTrack
from aloe_data.observation import ObservationAssembler, StaleInput
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
ARM = RIG.arm("left_arm")
HOME = np.array(ARM.home)
SPEED = np.array([joint.max_velocity for joint in ARM.all_joints])
MS = 1_000_000
PERIOD_MS = 20
FAR = 0.5  # at least one joint of a foreign message is that far away [rad]
Message = tuple[int, NDArray[np.float64], bool]  # stamp, positions, whether it is the arm's own


def motion(seed: int, count: int, jitter_ms: float = 0.0) -> list[Message]:
    """An arm that moves as quickly as it may, here and there, with noise, as its driver tells of it."""
    rng = np.random.default_rng(seed)
    steps = rng.uniform(-1, 1, (count, 1)) * SPEED * PERIOD_MS / 1000
    positions = HOME + np.cumsum(steps, axis=0) * rng.choice([0.2, 1.0]) + rng.normal(0, 0.002, (count, len(HOME)))
    stamps = (np.arange(count) * PERIOD_MS + rng.uniform(0, jitter_ms, count)) * MS
    return [(int(stamp), row, True) for stamp, row in zip(stamps, positions, strict=True)]


def pushed(messages: list[Message], is_live: bool) -> JointTrack:
    track = JointTrack(ARM, is_live)
    for stamp_ns, positions, _ in messages:
        track.push(stamp_ns, positions)
    return track


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0, 18), st.sets(st.integers(1, 59)))
def test_an_arm_that_moves_within_its_speed_always_counts(
    seed: int, count: int, jitter_ms: float, lost: set[int]
) -> None:
    messages = [row for number, row in enumerate(motion(seed, count, jitter_ms)) if number not in lost]
    for is_live in (False, True):
        track = JointTrack(ARM, is_live)
        for stamp_ns, positions, _ in messages:
            track.push(stamp_ns, positions)
            assert not track.is_spoilt(stamp_ns)
        assert not any(track.is_spoilt(stamp_ns) for stamp_ns, _, _ in messages)
        assert (track.returns, track.first) == (0, "")


@st.composite
def two_publishers(draw: st.DrawFn) -> list[Message]:
    """An arm's messages and those of another node: before, after or at the same stamps, or in their place."""
    own = motion(draw(st.integers(0, 1000)), draw(st.integers(20, 60)))
    place = HOME.copy()
    place[draw(st.integers(0, 5))] += draw(st.sampled_from([-1, 1])) * draw(st.floats(FAR, 1.5)) + 0.0
    if draw(st.booleans()):
        place = np.zeros(len(HOME))
    moves = draw(st.sampled_from([0.0, 0.002]))
    begins = draw(st.integers(0, len(own) - 1)) * PERIOD_MS
    if draw(st.booleans()):  # it takes the place of some of the arm's messages
        every = draw(st.integers(2, 30))
        return [
            (stamp, place + moves * number, False) if number % every == 1 and stamp >= begins * MS else (stamp, q, True)
            for number, (stamp, q, _) in enumerate(own)
        ]
    period = draw(st.sampled_from([2, 7, 20, 33, 100, 400]))
    shift = draw(st.integers(0, 19))
    stamps = range(begins + shift, own[-1][0] // MS, period)
    foreign = [(stamp * MS, place + moves * number, False) for number, stamp in enumerate(stamps)]
    own_first = draw(st.booleans())
    return sorted([*own, *foreign], key=lambda row: (row[0], row[2] != own_first))


def is_far(message: Message, others: list[Message]) -> bool:
    """Whether a foreign message is where the arm is not."""
    near = [q for stamp, q, own in others if own and abs(stamp - message[0]) <= 200 * MS]
    return all(np.abs(message[1][:6] - q[:6]).max() > FAR - 0.1 for q in near)


@settings(max_examples=300)
@given(two_publishers())
def test_of_two_publishers_on_a_topic_the_foreign_one_never_becomes_the_state(messages: list[Message]) -> None:
    foreign = {row[0] for row in messages if not row[2] and is_far(row, messages)}
    track = pushed(messages, is_live=False)
    newest = -1
    for stamp_ns, _, own in messages:
        if stamp_ns > newest:  # others are refused by their stamps
            newest = stamp_ns
            assert own or stamp_ns not in foreign or track.is_spoilt(stamp_ns)


@settings(max_examples=300)
@given(two_publishers())
def test_nor_does_it_live_when_the_arm_was_heard_before(messages: list[Message]) -> None:
    if not all(own for stamp, _, own in messages if stamp < 5 * PERIOD_MS * MS):
        return
    foreign = {row[0] for row in messages if not row[2] and is_far(row, messages)}
    track, newest = JointTrack(ARM, is_live=True), -1
    for stamp_ns, positions, own in messages:
        track.push(stamp_ns, positions)
        if stamp_ns > newest:
            newest = stamp_ns
            assert own or stamp_ns not in foreign or track.is_spoilt(stamp_ns)


def test_an_arm_that_is_elsewhere_from_one_message_on_counts_before_and_after() -> None:
    before = motion(0, 20)
    after = [(stamp + 400 * MS, q + 0.8, True) for stamp, q, _ in motion(1, 20)]
    recorded = pushed([*before, *after], is_live=False)
    assert not any(recorded.is_spoilt(stamp) for stamp, _, _ in [*before, *after])
    live = pushed([*before, *after[:2]], is_live=True)
    assert live.is_spoilt(after[1][0])
    assert "waiting for the next" in live.problem
    assert not pushed([*before, *after[:7]], is_live=True).is_spoilt(after[6][0])


def test_a_joint_that_turns_on_may_begin_anew_at_a_turn() -> None:
    turning = replace(ARM, joints=tuple(replace(joint, lower=-3.2, upper=3.2) for joint in ARM.joints))
    track = JointTrack(turning, is_live=True)
    for number, angle in enumerate((3.13, -3.13, 3.14, -3.14, 3.12)):
        track.push(number * PERIOD_MS * MS, np.full(7, angle))
        assert not track.is_spoilt(number * PERIOD_MS * MS)


@pytest.mark.parametrize("own_first", [True, False])
def test_two_messages_of_one_stamp_with_different_content_both_do_not_count(own_first: bool) -> None:
    rows = [row for stamp, q, _ in motion(0, 10) for row in ((stamp, q, own_first), (stamp, q * 0, not own_first))]
    rows = rows if own_first else [row for pair in zip(rows[1::2], rows[::2], strict=True) for row in pair]
    track = pushed(rows, is_live=False)
    assert all(track.is_spoilt(stamp) for stamp, _, _ in rows)


def test_an_observation_is_not_made_of_an_arm_in_two_places_and_says_so() -> None:
    assembler = ObservationAssembler(RIG)
    for number in range(10):
        stamp_ns = number * PERIOD_MS * MS
        for arm in RIG.arms:
            positions = [0.0] * arm.dof if arm is RIG.arms[0] and number % 2 else list(arm.home)
            assembler.push_joint_state(arm.name, stamp_ns, arm.joint_names, positions)
        for camera in RIG.cameras:
            assembler.push_image(camera.name, stamp_ns, np.zeros((camera.height, camera.width, 3), np.uint8))
        observation = assembler.assemble(stamp_ns, "sort")
        assert (number == 0) or isinstance(observation, StaleInput)
    assert isinstance(observation, StaleInput)
    places = r"(0.000 and .*|.* and 0.000)"
    expected = rf"left_arm \(/left_arm/joint_states\): joint \w+ is at {places} within 20 ms; stop the second node"
    assert re.search(expected, str(observation))


@given(st.integers(0, 1000), st.integers(0, 40), st.integers(1, 40), st.booleans(), st.sets(st.integers(0, 40)))
def test_zeros_of_a_driver_that_has_not_read_its_encoders_never_count_however_long_they_last(
    seed: int, first: int, count: int, is_live: bool, between: set[int]
) -> None:
    # Some of its messages are right in between, as from a connection that comes and goes.
    zeros = {first, *(first + number for number in range(count) if number not in between)}
    messages = [
        (stamp, np.zeros(len(HOME)) if number in zeros else positions, number not in zeros)
        for number, (stamp, positions, _) in enumerate(motion(seed, 90))
    ]
    track = JointTrack(ARM, is_live)
    for stamp_ns, positions, is_own in messages:
        track.push(stamp_ns, positions)
        # Before anything else was heard, nothing tells zeros of an arm that stands there.
        assert is_own or first == 0 or track.is_spoilt(stamp_ns)
    spoilt = [stamp_ns for stamp_ns, _, _ in messages if track.is_spoilt(stamp_ns)]
    foreign = [stamp_ns for stamp_ns, _, is_own in messages if not is_own]
    assert set(foreign) <= set(spoilt)
    assert track.returns > 0
    memory = 120 * MS
    assert all(foreign[0] - memory <= stamp_ns <= foreign[-1] + 2 * memory for stamp_ns in spoilt), "the rest counts"


def test_an_arm_that_is_referenced_at_zero_counts_from_there_on() -> None:
    track = JointTrack(ARM, is_live=False)
    steps = [*range(20), *[0] * 20, *range(1, 40)]
    for number, step in enumerate(steps):
        offset = 1.0 if number < 20 else 0.0
        track.push(number * PERIOD_MS * MS, np.full(len(HOME), offset + 0.01 * step))
    assert not any(track.is_spoilt(number * PERIOD_MS * MS) for number in range(20, len(steps)))
