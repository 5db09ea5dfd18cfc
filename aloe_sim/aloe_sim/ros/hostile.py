"""A broken node's messages: action chunks and human commands that nobody should follow, though its seal is good."""

import numpy as np
from aloe_msgs.msg import ActionChunk, TeleopCommand
from rclpy.duration import Duration
from rclpy.node import Node

from aloe_control.human_commands import HumanCommand
from aloe_control.ros.messages import human_command_from_message
from aloe_data.chunk import Chunk
from aloe_data.recording import CHUNKS, human_command_topic
from aloe_data.rig import Rig
from aloe_data.ros.convert import chunk_from_message, chunk_to_message, ns_to_stamp
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_sim.faults.hostile import Echoes, spoilt_chunk, spoilt_command
from aloe_sim.faults.kinds import Fault


class HostileMessages:
    """Publishes beside the policy and the human devices; what it sends is made from what it last heard of them.

    Args:
        node: Node that publishes and listens.
        rig: Description of the arms; messages are made from it where nothing was heard yet.
    """

    def __init__(self, node: Node, rig: Rig) -> None:
        self._node = node
        self._rig = rig
        self._sealer = MessageSealer(open_session(), node.get_name())
        self._echoes = Echoes()
        self._sent: set[tuple[str, int, int]] = set()
        self._chunk = Chunk(0, 0, np.zeros((10, rig.action_dim), np.float32), "", 0, rig.rate_hz)
        self._chunks = node.create_publisher(ActionChunk, CHUNKS, 5)
        node.create_subscription(ActionChunk, CHUNKS, self._on_chunk, 5)
        self._commands = {
            arm.name: HumanCommand(arm.name, 0, 0, "stranger", 0, False, True, np.array(arm.home)) for arm in rig.arms
        }
        self._publishers = {
            arm.name: node.create_publisher(TeleopCommand, human_command_topic(arm.name), 10) for arm in rig.arms
        }
        for arm in rig.arms:
            node.create_subscription(TeleopCommand, human_command_topic(arm.name), self._on_command, 10)

    def listened_to(self, fault: Fault) -> bool:
        """Whether any other node is found that would hear of the fault."""
        publisher = self._publishers[fault.target] if fault.target else self._chunks
        return publisher.get_subscription_count() > 1  # this node hears itself

    def begin(self, fault: Fault) -> None:
        """Send what the fault asks for; a lasting one goes on until its end."""
        now_ns = self._node.get_clock().now().nanoseconds
        if fault.lasting:
            self._echoes.begin(fault)
        elif fault.target:
            self._send(spoilt_command(fault, self._commands[fault.target], now_ns))
        else:
            message = chunk_to_message(spoilt_chunk(fault, self._chunk, now_ns), self._rig.action_space)
            self._chunks.publish(self._sealer.seal(CHUNKS, message))

    def end(self, fault: Fault) -> None:
        """End a lasting fault."""
        self._echoes.end(fault)

    def flush(self) -> None:
        """Wait until what was sent has arrived, in bounded time."""
        for publisher in (self._chunks, *self._publishers.values()):
            publisher.wait_for_all_acked(Duration(seconds=1.0))

    def _on_chunk(self, message: ActionChunk) -> None:
        if np.isfinite(message.data).all():
            self._chunk = chunk_from_message(message)

    def _on_command(self, message: TeleopCommand) -> None:
        command = human_command_from_message(message)
        if command.arm in self._commands and _key(command) not in self._sent:
            self._commands[command.arm] = command
            for answer in self._echoes.answers(command):
                self._send(answer)

    def _send(self, command: HumanCommand) -> None:
        self._sent.add(_key(command))  # it will be heard here too
        message = TeleopCommand(
            arm=command.arm,
            operator_id=command.operator,
            mode=command.mode,
            relative=command.relative,
            deadman=command.deadman,
            sequence=command.sequence,
            data=command.data.tolist(),
        )
        message.header.stamp = ns_to_stamp(command.stamp_ns)
        message.header.frame_id = command.frame
        self._publishers[command.arm].publish(self._sealer.seal(human_command_topic(command.arm), message))


def _key(command: HumanCommand) -> tuple[str, int, int]:
    return command.arm, command.sequence, command.stamp_ns
