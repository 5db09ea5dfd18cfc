"""What a node hears on topics and services where only this session may speak, and who else speaks there."""

import time
from typing import Any

from rclpy.node import Node

from aloe_data.ros.sealing import MessageChecker
from aloe_data.session import Session

_MOST = 5  # sentences about a topic at a time: who floods it may choose ever new names
_TOLD_S = 5.0  # for so long a stranger stands in the diagnostics after the last message


class SealedInputs:
    """Passes messages of this session and names who sends others.

    Args:
        node: Node that listens; refusals stand in its log, each once a second at most.
        session: Session of the launch that started the node.
    """

    def __init__(self, node: Node, session: Session) -> None:
        self._node = node
        self._checker = MessageChecker(session)
        self._refused: dict[str, float] = {}  # what was said, and when it last held (monotonic) [s]
        self._looked: dict[str, tuple[float, str]] = {}  # by topic: when its publishers were looked up, and their names
        self.refused_count = 0

    def refusal(self, topic: str, message: Any) -> str:
        """ "" where a message counts, else why it does not and who publishes there.

        Args:
            topic: Name of the topic or service that it came on.
            message: Message, request or goal with a field `seal`.
        """
        problem = self._checker.problem(topic, message)
        if not problem:
            return ""
        self.refused_count += 1
        said = f"{problem} refused; {self._publishers(topic)}"
        if self._is_due(topic, said):
            self._node.get_logger().error(said)
            self._refused[said] = time.monotonic()
        return said

    def _is_due(self, topic: str, said: str) -> bool:
        """Whether a sentence about a topic is to be told now: a flood must cost neither ticks nor memory."""
        if said in self._refused:
            return time.monotonic() - self._refused[said] > 1.0
        return sum(told.startswith(f"{topic}: ") for told in self.problems()) < _MOST

    def problems(self) -> list[str]:
        """What was refused in the last seconds, for diagnostics."""
        now_s = time.monotonic()
        self._refused = {said: at_s for said, at_s in self._refused.items() if now_s - at_s < _TOLD_S}
        return list(self._refused)

    def _publishers(self, topic: str) -> str:
        """Names of those who publish on a topic, looked up once a second: a flood must not cost ticks."""
        at_s, names = self._looked.get(topic, (-_TOLD_S, ""))
        if time.monotonic() - at_s > 1.0:
            infos = self._node.get_publishers_info_by_topic(topic)
            nodes = sorted({info.node_name for info in infos})
            names = f"publishers there: {', '.join(nodes)}" if nodes else "its sender is not known by name"
            self._looked[topic] = (time.monotonic(), names)
        return names
