"""Runs the control loop again on a bag: `ros2 run aloe_control reexecute BAG`.

Says whether the same commands come out as were recorded, and if not, from which tick on: for finding out whether a
change of the control loop changes what robots do, and for looking into a moment with a debugger.
"""

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from aloe_msgs.msg import Intervention
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from aloe_control.operator_requests import Request
from aloe_control.reexecution import TOLERANCE_RAD, Recording, ReexecutionError, difference_rad, reexecute
from aloe_control.ros.messages import human_command_from_message, request_from_message, result_from_message
from aloe_control.tick import ControlConfig, TickResult
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.recording import CHUNKS, EXECUTED, REQUESTS, RecordingError, human_command_topic
from aloe_data.rig import Arm, Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_messages, read_record
from aloe_data.ros.bag_survey import rig_inside
from aloe_data.ros.convert import chunk_from_message, stamp_to_ns

_STATE = "/intervention"
_ON_ITS_WAY_NS = 250_000_000  # longest time that a request takes to control_node


@dataclass(frozen=True)
class ReexecuteConfig(ControlConfig):
    """Which bag, which rig, and the parameters that control_node had."""

    bag: Path = parameter(positional=True, doc="folder of the bag")
    rig: Path | None = parameter(None, doc="rig file; default: the one inside the bag")


@dataclass(frozen=True)
class Comparison:
    """A recorded tick and what comes out now."""

    recorded: TickResult
    again: TickResult

    @property
    def difference_rad(self) -> float:
        """See `reexecution.difference_rad`."""
        return difference_rad(self.recorded, self.again)


def reexecute_bag(bag: Path, rig: Rig, config: ControlConfig | None = None) -> list[Comparison]:
    """Every tick of a bag with motion enabled, as it was and as it comes out now.

    Raises:
        RecordingError: no bag of the recorder, or a damaged one.
        ReexecutionError: it lacks ticks, or begins in full motion.
    """
    recording = read_recording(bag, rig)
    recorded = [tick for tick in recording.ticks if tick.armed]
    return [Comparison(*pair) for pair in zip(recorded, reexecute(rig, recording, config), strict=True)]


def read_recording(bag: Path, rig: Rig) -> Recording:
    """What went into control_node and what came out, from a bag.

    Raises:
        RecordingError: no bag of the recorder, or a damaged one.
    """
    arms = rig.arms_by_topic
    human_topics = {human_command_topic(arm.name) for arm in rig.arms}
    ticks = []
    chunks = []
    requests = []
    commands = []
    joints = []
    states = []
    for topic, message, received_ns in read_messages(bag, [EXECUTED, _STATE, CHUNKS, REQUESTS, *arms, *human_topics]):
        try:
            if topic == EXECUTED:
                ticks.append(result_from_message(message))
            elif topic == _STATE:
                states.append(message)
            elif topic == CHUNKS:
                chunks.append(chunk_from_message(message))
            elif topic == REQUESTS:
                requests.append((received_ns, request_from_message(message)))
            elif topic in human_topics:
                commands.append((received_ns, human_command_from_message(message)))
            else:
                joints += _joints_of(message, arms[topic])
        except CodecError:
            continue  # control_node refused it as well
    told = _times_of(requests, states, {tick.stamp_ns for tick in ticks})
    armed_ns = [stamp_to_ns(arm.since) for state in states if state.armed for arm in state.arms]
    return Recording(ticks, chunks, told, commands, joints, sorted(armed_ns))


def _joints_of(message: JointState, arms: Sequence[Arm]) -> list[tuple[int, str, NDArray[np.float64]]]:
    """Stamp [ns], name and positions [dof] of each arm whose joints a message holds."""
    found = []
    for arm in arms:
        if not is_foreign(message.name, arm):
            with suppress(CodecError):  # control_node refused it as well
                positions = select_joints(message.name, message.position, arm)
                found.append((stamp_to_ns(message.header.stamp), arm.name, positions))
    return found


def _times_of(
    requests: list[tuple[int, Request]], states: list[Intervention], ticks_ns: set[int]
) -> list[tuple[int, Request]]:
    """Requests with the time at which they changed something: control_node says so at once, between two ticks."""
    changes_ns = sorted({stamp_to_ns(state.header.stamp) for state in states} - ticks_ns)
    told = []
    for received_ns, request in requests:
        near = [at_ns for at_ns in changes_ns if 0 <= at_ns - request.stamp_ns < _ON_ITS_WAY_NS]
        told.append((near[0] if near else received_ns, request))
    return sorted(told, key=lambda row: row[0])


def summary(compared: list[Comparison]) -> str:
    """In words."""
    wrong = [c for c in compared if c.difference_rad > TOLERANCE_RAD]
    if not wrong:
        worst = max((c.difference_rad for c in compared), default=0.0)
        return f"{len(compared)} ticks come out as recorded (largest difference {worst:g} rad)"
    first = wrong[0]
    lines = [f"{len(wrong)} of {len(compared)} ticks come out otherwise, the first of them {first.recorded.tick}:"]
    pairs = zip(first.recorded.arms, first.again.arms, strict=True)
    return "\n".join([*lines, *(f"  was {was}\n  is  {now}" for was, now in pairs)])


def reexecute_and_compare(config: ReexecuteConfig) -> int:
    """Run the control loop on a bag and print what differs; returns the exit code, 1 where something does.

    Raises:
        RecordingError, ReexecutionError, RigError: See `reexecute_bag` and `load_rig`.
    """
    of_loop = ControlConfig(**{f.name: getattr(config, f.name) for f in fields(ControlConfig)})
    inside = nullcontext(load_rig(config.rig)) if config.rig else rig_inside(read_record(config.bag))
    with inside as rig:
        compared = reexecute_bag(config.bag, rig, of_loop)
    print(summary(compared))
    return 1 if any(c.difference_rad > TOLERANCE_RAD for c in compared) else 0


def main() -> None:
    """Entry point of `reexecute`."""
    refused = (RigError, RecordingError, ReexecutionError)
    run_command("reexecute", reexecute_and_compare, ReexecuteConfig, about=__doc__, refused=refused)


if __name__ == "__main__":
    main()
