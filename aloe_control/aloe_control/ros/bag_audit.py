"""Audits what a bag holds: were all ticks safe, by what was offered at that time?

When control_node heard of something is not recorded, and a recorder under load falls behind. So everything is taken to
be heard as it is stamped, within limits, and the auditor is given some slack. A delay alone is thus not seen here, but
in trials in one process. That somebody asked for arming is believed, and so is what seals say of their senders: the key
that could prove it is not recorded. What an older bag does not hold is not judged; `not_judged` says what that is.
"""

import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from aloe_msgs.msg import ActionChunk, ExecutedAction, Heartbeat, InterventionRequest, TeleopCommand
from sensor_msgs.msg import JointState

from aloe_control.audit import Audit
from aloe_control.audit_findings import AuditRules
from aloe_control.ros.messages import human_command_from_message, request_from_message, result_from_message
from aloe_control.ros.sent_commands import SentCommands
from aloe_data.codecs import CodecError, is_foreign, select_joints
from aloe_data.recording import CHUNKS, EXECUTED, HEARTBEATS, REQUESTS, human_command_topic, recorded_commands
from aloe_data.rig import Arm, Rig
from aloe_data.ros.convert import chunk_from_message, stamp_to_ns
from aloe_data.vocabulary import NS, RequestKind

SLACK_S = 0.1  # in which control_node may have heard something earlier or later
_LATE_NS = 500_000_000
_BEHIND_NS = 10_000_000_000  # by which a recorder may be behind on a machine under load
_BETWEEN_NS = 20_000_000  # ticks are sorted by that much later: behind what they depend on
_WHOLE = ActionChunk | ExecutedAction | Heartbeat | InterventionRequest | TeleopCommand | JointState
_STATE = "/intervention"
_STOPS = (RequestKind.ESTOP, RequestKind.HOLD)  # what counts of anybody
_BEFORE_THE_BAG = "whether somebody who tried the emergency stop said before arming that all is ready"
_NOT_IN_OLD_BAGS = (
    "whose requests, commands and chunks were obeyed: there are no seals",
    "whether the arms stayed clear of boxes and each other: the rig file demanded nothing",
)
_NO_HEARTBEATS = "whether episode_node and recorder_node were alive: there are no heartbeats"


def audited_topics(rig: Rig) -> list[str]:
    """The topics of a bag that an audit needs."""
    devices = [camera.topic for camera in rig.cameras] + list(rig.arms_by_topic)
    arms = [*recorded_commands(rig), *(human_command_topic(arm.name) for arm in rig.arms)]
    return [*devices, *arms, EXECUTED, _STATE, CHUNKS, REQUESTS, HEARTBEATS]


class BagAudit(Audit):
    """An audit, with what could not be judged.

    Attributes:
        not_judged: Questions that the bag does not answer, for people to read.
    """

    not_judged: tuple[str, ...] = ()


def audit_messages(rig: Rig, messages: Iterable[tuple[str, Any, int]]) -> BagAudit:
    """Audit recorded messages.

    Args:
        rig: Rig that was controlled.
        messages: (topic, message, time of reception [ns]) of `audited_topics`, in any order.
    """
    sent = SentCommands(rig)
    timed: list[tuple[tuple[int, bool], str, Any]] = []
    beating: set[str] = set()
    for topic, message, time_ns in messages:
        if sent.take(topic, message, time_ns):
            continue
        if topic == HEARTBEATS:
            beating.add(message.node)
        timed.append((_when(topic, message, time_ns), topic, _light(message)))
    timed.sort(key=lambda item: item[0])
    told = _Told(rig, sent, tuple(sorted(beating)))
    ticks_ns = {stamp_to_ns(message.header.stamp) for _, topic, message in timed if topic == EXECUTED}
    end_ns = max(ticks_ns, default=0) - _LATE_NS  # what belongs to later ticks may not have been received
    for (time_ns, _), topic, message in timed:
        if time_ns <= end_ns:
            told.tell(topic, message, time_ns)
    told.audit.unsafe += sent.strangers(ticks_ns)
    return told.audit


class _Told:
    """Tells an auditor what a bag holds, in the order of its time.

    Args:
        rig: What was controlled.
        sent: The commands of all ticks.
        bonds: Nodes whose heartbeats were recorded.
    """

    def __init__(self, rig: Rig, sent: SentCommands, bonds: tuple[str, ...]) -> None:
        self._rig = rig
        self._sent = sent
        self.audit = BagAudit(rig, AuditRules(bonds=bonds, slack_s=SLACK_S, world=bool(sent.session)))
        old = () if sent.session else _NOT_IN_OLD_BAGS
        self.audit.not_judged = (_BEFORE_THE_BAG, *old, *(() if bonds else (_NO_HEARTBEATS,)))
        self._cameras = {camera.topic: camera.name for camera in rig.cameras}
        self._arms = rig.arms_by_topic
        self._fault = ""
        self._tick = 0
        self._armed = False

    def tell(self, topic: str, message: Any, time_ns: int) -> None:
        """One message, at the time at which it was heard."""
        if topic == EXECUTED:
            self._take_tick(message)
        elif topic == _STATE:
            self._fault = message.fault
        elif topic in self._cameras:
            self.audit.image(self._cameras[topic], *message)
        elif topic in self._arms:
            for arm in self._arms[topic]:
                self._take_joints(arm, message)
        elif topic == REQUESTS:
            request = request_from_message(message)
            if request.kind in _STOPS or self._is_ours(message):
                self.audit.request(request, time_ns)
        elif self._is_ours(message):
            self._take_sealed(topic, message, time_ns)

    def _is_ours(self, message: Any) -> bool:
        """Whether a message is of the session that commanded the arms; older bags know of none."""
        return bool(message.seal.session == self._sent.session)

    def _take_sealed(self, topic: str, message: Any, time_ns: int) -> None:
        if topic == CHUNKS:
            self._take_chunk(message)
        elif topic == HEARTBEATS:
            self.audit.heartbeat(message.node, time_ns, message.problem)
        else:
            self.audit.command(human_command_from_message(message), time_ns)

    def _take_joints(self, arm: Arm, message: JointState) -> None:
        if is_foreign(message.name, arm):
            return
        try:
            positions = select_joints(message.name, message.position, arm)
        except CodecError:
            positions = np.full(arm.dof, np.nan)
        self.audit.joint_state(arm.name, stamp_to_ns(message.header.stamp), np.array(positions, float))

    def _take_chunk(self, message: ActionChunk) -> None:
        try:
            self.audit.chunk(chunk_from_message(message), message.seal.sender)
        except CodecError:  # nobody can follow it; if somebody says so, the auditor knows of no such chunk
            return

    def _take_tick(self, message: ExecutedAction) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if message.armed and not self._armed:
            self.audit.arm(stamp_ns - round(NS / self._rig.rate_hz))
        if self._tick and message.tick != self._tick + 1:
            self.audit.skip()
        self._armed = message.armed
        self._tick = message.tick
        self.audit.tick(self._sent.complete(replace(result_from_message(message), fault=self._fault)))


def _when(topic: str, message: Any, time_ns: int) -> tuple[int, bool]:
    """What a message is sorted by: ticks behind all that may have come before them, and behind their own state."""
    stamp_ns = stamp_to_ns(message.header.stamp)
    if topic in (EXECUTED, _STATE):
        return stamp_ns + _BETWEEN_NS, topic == EXECUTED
    return max(min(stamp_ns, time_ns), time_ns - _BEHIND_NS), False


def _light(message: Any) -> Any:
    """Of an image, stamp and checksum are enough."""
    if isinstance(message, _WHOLE):
        return message
    return (stamp_to_ns(message.header.stamp), zlib.crc32(message.data)) if hasattr(message, "data") else message
