"""A node without which motion must not go on says that it works: five times a second, on /heartbeat."""

import time

from aloe_msgs.msg import Heartbeat
from rclpy.node import Node

from aloe_data.recording import HEARTBEATS
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import Session

PERIOD_S = 0.2
_DUE_S = 0.9 * PERIOD_S  # a timer of this period that comes a little early must not wait for its next turn


class Heart:
    """Publishes a node's heartbeat. It owns no timer: whoever proves to be at work calls it, from his own thread.

    Args:
        node: Node that says it.
        session: Session of the launch that started the node.
    """

    def __init__(self, node: Node, session: Session) -> None:
        self._node = node
        self._sealer = MessageSealer(session, node.get_name())
        self._publisher = node.create_publisher(Heartbeat, HEARTBEATS, 10)
        self._next_s = 0.0
        self._said = ("", "")

    def beat(self, state: str, problem: str = "") -> None:
        """Say it where that is due, or where it is new.

        Args:
            state: What the node does, for people to read.
            problem: "" or why motion must end.
        """
        now_s = time.monotonic()
        if now_s < self._next_s and (state, problem) == self._said:
            return
        self._next_s = now_s + _DUE_S
        self._said = (state, problem)
        message = Heartbeat(node=self._node.get_name(), state=state, problem=problem)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(self._sealer.seal(HEARTBEATS, message))
