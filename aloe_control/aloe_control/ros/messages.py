"""Results of control ticks as messages, requests and commands of people from messages, and a checksum of images."""

import zlib
from array import array
from collections.abc import Mapping

import numpy as np
from aloe_msgs.msg import (
    ArmAction,
    ArmAuthority,
    ArmCommand,
    ChunkRefused,
    ExecutedAction,
    Intervention,
    InterventionRequest,
    TeleopCommand,
)

from aloe_control.authority import ArmStatus
from aloe_control.chunk_refusal import RefusedChunk
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ArmTick, TickResult
from aloe_data.codecs import CodecError
from aloe_data.rig import Rig
from aloe_data.ros.convert import ns_to_stamp, stamp_to_ns
from aloe_data.vocabulary import Authority, RequestKind

_AFTER_STAMP = 12  # bytes: CDR encapsulation, sec, nanosec


def image_checksum(serialised: bytes) -> int:
    """Checksum of all of a serialised image but its stamp."""
    return zlib.crc32(memoryview(serialised)[_AFTER_STAMP:])


def request_from_message(message: InterventionRequest) -> Request:
    """A person's request.

    Raises:
        CodecError: an unknown kind.
    """
    try:
        kind = RequestKind(message.request)
    except ValueError as error:
        known = ", ".join(f"{k.value} {k.name}" for k in RequestKind)
        raise CodecError(f"/intervention/request: unknown request {message.request}; one of {known}") from error
    stamp_ns = stamp_to_ns(message.header.stamp)
    return Request(
        kind=kind,
        arms=tuple(message.arms),
        stamp_ns=stamp_ns,
        operator=message.operator_id,
        device=message.device,
        reason=message.reason,
        sender=message.seal.sender,
    )


def human_command_from_message(message: TeleopCommand) -> HumanCommand:
    """A human's command for one arm."""
    return HumanCommand(
        arm=message.arm,
        stamp_ns=stamp_to_ns(message.header.stamp),
        sequence=message.sequence,
        operator=message.operator_id,
        mode=message.mode,
        relative=message.relative,
        deadman=message.deadman,
        data=np.array(message.data, float),
        frame=message.header.frame_id,
        sender=message.seal.sender,
    )


def arm_command_messages(result: TickResult) -> dict[str, ArmCommand]:
    """By arm: the command of a tick, not yet sealed; none while motion is not enabled."""
    stamp = ns_to_stamp(result.stamp_ns)
    messages = {}
    holds = {arm.arm: arm.hold for arm in result.arms}
    for arm, positions in result.commands.items():
        messages[arm] = ArmCommand(arm=arm, tick=result.tick, hold=holds[arm], positions=array("d", positions))
        messages[arm].header.stamp = stamp
    return messages


def executed_action_message(result: TickResult, lateness_s: float) -> ExecutedAction:
    """What every arm was asked and told in one tick."""
    message = ExecutedAction(
        tick=result.tick,
        armed=result.armed,
        chunk_id=result.chunk_id,
        step=result.step,
        policy_version=result.policy_version,
        lateness_s=lateness_s,
    )
    message.header.stamp = ns_to_stamp(result.stamp_ns)
    message.arms = [
        ArmAction(
            arm=arm.arm,
            source=int(arm.source),
            operator_id=arm.operator,
            reason=arm.reason,
            requested=array("d", arm.requested),
            executed=array("d", arm.executed),
            clip_reason=arm.clip_reason,
            hold=arm.hold,
        )
        for arm in result.arms
    ]
    return message


def result_from_message(message: ExecutedAction) -> TickResult:
    """The tick that a message tells of; what it does not tell, fault and commands, stays empty."""
    arms = tuple(
        ArmTick(
            arm=arm.arm,
            source=Authority(arm.source),
            requested=np.array(arm.requested),
            executed=np.array(arm.executed),
            clip_reason=arm.clip_reason,
            operator=arm.operator_id,
            reason=arm.reason,
            hold=arm.hold,
        )
        for arm in message.arms
    )
    stamp_ns = stamp_to_ns(message.header.stamp)
    version = message.policy_version
    return TickResult(message.tick, stamp_ns, message.armed, "", message.chunk_id, message.step, version, arms, {})


def chunk_refused_message(refused: RefusedChunk, stamp_ns: int) -> ChunkRefused:
    """What is told of a chunk that was refused at a time [ns]."""
    message = ChunkRefused(
        chunk_id=refused.chunk_id,
        policy_version=refused.policy_version,
        reason=int(refused.reason),
        text=refused.text,
        refused=refused.refused,
    )
    message.header.stamp = ns_to_stamp(stamp_ns)
    return message


def intervention_message(
    stamp_ns: int, armed: bool, estop: bool, fault: str, rig: Rig, statuses: Mapping[str, ArmStatus], stops: int = 0
) -> Intervention:
    """Who commands which arm; `stops` counts the emergency stops so far."""
    message = Intervention(armed=armed, estop=estop, fault=fault, stops=stops)
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.arms = [
        ArmAuthority(
            arm=arm.name,
            authority=int(statuses[arm.name].authority),
            since=ns_to_stamp(statuses[arm.name].since_ns),
            operator_id=statuses[arm.name].operator,
            reason=statuses[arm.name].reason,
        )
        for arm in rig.arms
    ]
    message.senders = [statuses[arm.name].sender for arm in rig.arms]
    return message
