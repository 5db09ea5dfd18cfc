"""In what the messages of a bag contradict each other: clocks that were set, and arms in two places at once."""

from typing import Any

from aloe_data.clock_steps import (
    SMALLEST_NS,
    RisingTime,
    StreamClock,
    describe_other_time,
    describe_steps,
    stream_clocks,
)
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.joint_track import JointTrack
from aloe_data.recording import EXECUTED
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import changed_types, read_messages
from aloe_data.ros.checks.findings import Findings, Subject
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.vocabulary import NS

_LEFT_OUT = "ticks that this spoils are left out of learning"


def check(bag: Subject, found: Findings) -> None:
    """Say which contradictions spoil ticks, which a sample does not tell: quick, nothing is looked at.

    Raises:
        RecordingError: the bag cannot be read.
    """
    if bag.quick:
        return
    for kind, difference in changed_types(bag.state).items():
        found.notes.append(f"{kind} has changed since, the bag's own definition is used: {difference}")
    streams = _Streams(bag.rig)
    time = RisingTime()
    for topic, message, received_ns in read_messages(bag.state, streams.topics, as_written=True):
        streams.take(topic, message, time.of(topic, received_ns))
    found.problems += streams.problems()
    if time.set_back_ns:
        found.notes.append(f"times of reception step {time.set_back_ns / NS:.2f} s back: the recorder's clock was set")
    if streams.late_ns > SMALLEST_NS:
        found.notes.append(
            f"messages are received {streams.late_ns / NS:.2f} s later from some time on: the recorder's clock was"
            " set, or it fell behind"
        )


class _Streams:
    """Clocks and joints of the streams of a rig; messages are not kept."""

    def __init__(self, rig: Rig) -> None:
        self._cameras = {camera.topic: camera for camera in rig.cameras}
        self._arms = rig.arms_by_topic
        self._clocks = stream_clocks(rig) | {EXECUTED: StreamClock(EXECUTED, rig.rate_hz)}
        self._tracks = {arm.name: JointTrack(arm, is_live=False) for arm in rig.arms}

    @property
    def topics(self) -> list[str]:
        """Whose messages it takes."""
        return [*self._cameras, *self._arms, EXECUTED]

    @property
    def late_ns(self) -> int:
        """By how much all messages came later from some time on than before [ns]."""
        return min(clock.late_ns for clock in self._clocks.values())

    def take(self, topic: str, message: Any, received_ns: int) -> None:
        """One message."""
        stamp_ns = stamp_to_ns(message.header.stamp)
        if topic not in self._arms:
            stream = self._cameras[topic].name if topic in self._cameras else topic
            self._clocks[stream].add(stamp_ns, received_ns)
            return
        for arm in self._arms[topic]:
            if is_foreign(message.name, arm):
                continue
            self._clocks[arm.name].add(stamp_ns, received_ns)
            try:
                positions = select_joints(message.name, message.position, arm)
            except CodecError:
                continue  # no state comes of it
            self._tracks[arm.name].push(stamp_ns, positions)

    def problems(self) -> list[str]:
        """What spoils ticks."""
        stepped = [clock for clock in self._clocks.values() if clock.step_ns]
        problems = [f"{describe_steps(stepped)}; {_LEFT_OUT}"] if stepped else []
        ticks = self._clocks[EXECUTED]
        problems += filter(None, (describe_other_time(ticks, clock) for clock in self._clocks.values()))
        for arm, track in self._tracks.items():
            # Messages from before and after a step contradict each other as well.
            if track.returns and not self._clocks[arm].step_ns:
                problems.append(f"{track.problem} ({track.returns} times); {_LEFT_OUT}")
        return problems
