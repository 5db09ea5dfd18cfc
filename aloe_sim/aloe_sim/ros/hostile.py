"""A hostile node's messages: action chunks and human commands that nobody should follow."""

from collections import deque
from copy import deepcopy

from aloe_msgs.msg import ActionChunk, TeleopCommand
from rclpy.node import Node

from aloe_data.rig import Rig
from aloe_data.ros.convert import ns_to_stamp
from aloe_sim.faults import Fault

NS = 1_000_000_000
LEAP = 2.0  # rad, m, or m/s: out of reach in any of them
KEPT = 5  # human commands that are remembered, for those that come again


class HostileMessages:
    """Publishes beside the policy and the human devices; what it sends is made from what it last heard of them.

    Args:
        node: publishes and listens.
        rig: for its arms, and for messages where nothing was heard yet.
    """

    def __init__(self, node: Node, rig: Rig) -> None:
        self._node, self._rig = node, rig
        self._echoes: set[tuple[str, str]] = set()  # (kind, arm) of what answers to every command
        self._sent: set[tuple[str, int, int]] = set()
        self._chunk = _home_chunk(rig)
        self._chunks = node.create_publisher(ActionChunk, "/policy/action_chunk", 5)
        node.create_subscription(ActionChunk, "/policy/action_chunk", self._on_chunk, 5)
        self._commands = {arm.name: deque([_home_command(rig, arm.name)], KEPT) for arm in rig.arms}
        self._publishers = {
            arm.name: node.create_publisher(TeleopCommand, f"/teleop/{arm.name}/command", 10) for arm in rig.arms
        }
        for arm in rig.arms:
            node.create_subscription(TeleopCommand, f"/teleop/{arm.name}/command", self._on_command, 10)

    def begin(self, fault: Fault) -> None:
        """Send what the fault asks for; a lasting one goes on until its end."""
        if fault.lasting:
            self._echoes.add((fault.kind, fault.target))
        elif fault.target:
            self._send(self._spoilt_command(fault))
        else:
            self._chunks.publish(self._spoilt_chunk(fault))

    def end(self, fault: Fault) -> None:
        """End a lasting fault."""
        self._echoes.discard((fault.kind, fault.target))

    def _on_chunk(self, message: ActionChunk) -> None:
        self._chunk = message

    def _on_command(self, message: TeleopCommand) -> None:
        if message.arm not in self._commands or _key(message) in self._sent:
            return
        earlier = self._commands[message.arm]
        if ("duplicate_commands", message.arm) in self._echoes:
            self._send(message)
        if ("shuffled_commands", message.arm) in self._echoes:
            self._send(earlier[0])
        earlier.append(message)

    def _send(self, message: TeleopCommand) -> None:
        self._sent.add(_key(message))  # it will be heard here too
        self._publishers[message.arm].publish(message)

    def _spoilt_chunk(self, fault: Fault) -> ActionChunk:
        message, now_ns = deepcopy(self._chunk), self._now_ns()
        if fault.kind == "late_chunk":
            now_ns -= round(fault.value * NS)
        elif fault.kind == "nan_chunk":
            message.data[0] = float("nan")
        else:
            middle = len(message.data) // 2
            message.data = [*message.data[:middle], *(value + LEAP for value in message.data[middle:])]
        message.header.stamp = ns_to_stamp(max(0, now_ns))
        return message

    def _spoilt_command(self, fault: Fault) -> TeleopCommand:
        message, now_ns = deepcopy(self._commands[fault.target][-1]), self._now_ns()
        message.sequence += 1
        if fault.kind == "late_command":
            now_ns -= round(fault.value * NS)
        else:
            message.data[0] = float("nan") if fault.kind == "nan_command" else message.data[0] + LEAP
        message.header.stamp = ns_to_stamp(max(0, now_ns))
        return message

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds


def _key(message: TeleopCommand) -> tuple[str, int, int]:
    return message.arm, message.sequence, message.header.stamp.sec * NS + message.header.stamp.nanosec


def _home_chunk(rig: Rig) -> ActionChunk:
    """A chunk that says nothing, for want of one of the policy's."""
    size = rig.action_dim
    message = ActionChunk(action_space=rig.action_space, rate_hz=rig.rate_hz, horizon=10, action_dim=size)
    message.data = [0.0] * (10 * size)
    return message


def _home_command(rig: Rig, arm: str) -> TeleopCommand:
    """A stranger's command to go home, for want of one of a device's."""
    message = TeleopCommand(arm=arm, operator_id="stranger", mode=TeleopCommand.JOINT_POSITION, deadman=True)
    message.header.frame_id, message.data = "rig", list(rig.arm(arm).home)
    return message
