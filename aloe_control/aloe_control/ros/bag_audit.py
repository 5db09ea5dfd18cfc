"""Audits what a bag holds: were all ticks safe, by what was offered at that time?

When control_node heard of something is not recorded, and a recorder under load falls behind. So everything is taken to
be heard as it is stamped, within limits, and the auditor is given some slack. A delay alone is thus not seen here, but
in trials in one process. That somebody asked for arming is believed.
"""

import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from aloe_msgs.msg import ActionChunk, ArmCommand, ExecutedAction, InterventionRequest, TeleopCommand
from sensor_msgs.msg import JointState

from aloe_control.audit import Audit, Kind, Unsafe
from aloe_control.ros.messages import human_command_from_message, request_from_message, result_from_message
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.recording import CHUNKS, EXECUTED, recorded_commands
from aloe_data.rig import Arm, Rig
from aloe_data.ros.convert import chunk_from_message, stamp_to_ns

SLACK_S = 0.1  # in which control_node may have heard something earlier or later
NS = 1_000_000_000
_LATE_NS = 500_000_000
_BEHIND_NS = 10_000_000_000  # by which a recorder may be behind on a machine under load
_BETWEEN_NS = 20_000_000  # ticks are sorted by that much later: behind what they depend on
_STATE = "/intervention"
_REQUESTS = "/intervention/request"


def audited_topics(rig: Rig) -> list[str]:
    """The topics of a bag that an audit needs."""
    devices = [camera.topic for camera in rig.cameras] + list(rig.arms_by_topic)
    arms = [*recorded_commands(rig), *(f"/teleop/{arm.name}/command" for arm in rig.arms)]
    return [*devices, *arms, EXECUTED, _STATE, CHUNKS, _REQUESTS]


def audit_messages(rig: Rig, messages: Iterable[tuple[str, Any, int]]) -> Audit:
    """Audit recorded messages.

    Args:
        rig: what was controlled.
        messages: (topic, message, time of reception [ns]) of `audited_topics`, in any order.
    """
    return _BagAudit(rig).run(messages)


class _BagAudit:
    def __init__(self, rig: Rig) -> None:
        self._rig, self._audit = rig, Audit(rig, slack_s=SLACK_S)
        self._cameras = {camera.topic: camera.name for camera in rig.cameras}
        self._arms = rig.arms_by_topic
        self._commands = recorded_commands(rig)
        self._sent: dict[tuple[str, int], list[np.ndarray]] = {}  # (arm, stamp) -> commands
        self._fault, self._tick, self._armed = "", 0, False

    def run(self, messages: Iterable[tuple[str, Any, int]]) -> Audit:
        timed: list[tuple[tuple[int, bool], str, Any]] = []
        ticks_ns: set[int] = set()
        for topic, message, time_ns in messages:
            if topic in self._commands:
                self._keep_command(topic, message)
                continue
            timed.append((_when(topic, message, time_ns), topic, _light(message)))
            if topic == EXECUTED:
                ticks_ns.add(stamp_to_ns(message.header.stamp))
        end_ns = max(ticks_ns, default=0) - _LATE_NS  # what belongs to later ticks may not have been received
        for (time_ns, _), topic, message in sorted(timed, key=lambda item: item[0]):
            if time_ns <= end_ns:
                self._tell(topic, message, time_ns)
        self._strangers(ticks_ns)
        return self._audit

    def _keep_command(self, topic: str, message: Any) -> None:
        arm = self._commands[topic]
        if isinstance(message, ArmCommand):
            values = np.array(message.positions, float)
        elif isinstance(message, JointState):  # of a bag from before commands were sealed
            values = np.array(select_joints(message.name, message.position, arm), float)
        else:
            return  # the third type had no stamp to find its tick by
        self._sent.setdefault((arm.name, stamp_to_ns(message.header.stamp)), []).append(values)

    def _tell(self, topic: str, message: Any, time_ns: int) -> None:
        if topic == EXECUTED:
            self._take_tick(message)
        elif topic == _STATE:
            self._fault = message.fault
        elif topic in self._cameras:
            self._audit.image(self._cameras[topic], *message)
        elif topic in self._arms:
            for arm in self._arms[topic]:
                self._take_joints(arm, message)
        elif topic == CHUNKS:
            self._take_chunk(message)
        elif topic == _REQUESTS:
            self._audit.request(request_from_message(message), time_ns)
        else:
            self._audit.command(human_command_from_message(message), time_ns)

    def _take_joints(self, arm: Arm, message: JointState) -> None:
        if is_foreign(message.name, arm):
            return
        try:
            positions = select_joints(message.name, message.position, arm)
        except CodecError:
            positions = np.full(arm.dof, np.nan)
        self._audit.joint_state(arm.name, stamp_to_ns(message.header.stamp), np.array(positions, float))

    def _take_chunk(self, message: ActionChunk) -> None:
        try:
            self._audit.chunk(chunk_from_message(message))
        except CodecError:  # nobody can follow it; if somebody says so, the auditor knows of no such chunk
            return

    def _take_tick(self, message: ExecutedAction) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if message.armed and not self._armed:
            self._audit.arm(stamp_ns - round(NS / self._rig.rate_hz))
        if self._tick and message.tick != self._tick + 1:
            self._audit.skip()
        self._armed, self._tick = message.armed, message.tick
        result = result_from_message(message)
        arms = result.arms if result.armed else ()
        sent = {arm.arm: self._sent.get((arm.arm, stamp_ns), [arm.executed])[-1] for arm in arms}
        self._audit.tick(replace(result, fault=self._fault, commands=sent))

    def _strangers(self, known: set[int]) -> None:
        """Commands that belong to no tick, or that are two for one: somebody else published them."""
        for (arm, stamp_ns), values in self._sent.items():
            inside = min(known, default=0) < stamp_ns < max(known, default=0)
            if len(values) > 1 or (inside and stamp_ns not in known):
                self._audit.unsafe.append(
                    Unsafe(-1, stamp_ns, Kind.SOURCE, f"somebody else than control_node commands '{arm}'")
                )


def _when(topic: str, message: Any, time_ns: int) -> tuple[int, bool]:
    """What a message is sorted by: ticks behind all that may have come before them, and behind their own state."""
    stamp_ns = stamp_to_ns(message.header.stamp)
    if topic in (EXECUTED, _STATE):
        return stamp_ns + _BETWEEN_NS, topic == EXECUTED
    return max(min(stamp_ns, time_ns), time_ns - _BEHIND_NS), False


def _light(message: Any) -> Any:
    """Of an image, stamp and checksum are enough."""
    if isinstance(message, ActionChunk | ExecutedAction | InterventionRequest | TeleopCommand | JointState):
        return message
    return (stamp_to_ns(message.header.stamp), zlib.crc32(message.data)) if hasattr(message, "data") else message
