"""A node that is not in any graph: its subscriptions hear what a test says."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class FakeNode:
    """What `LiveStreams` needs of a node.

    Attributes:
        publishers: By topic, name of a node and type of its messages.
    """

    def __init__(self) -> None:
        self.publishers: dict[str, tuple[str, str]] = {}
        self._callbacks: list[tuple[str, Callable[[Any], None]]] = []

    def create_subscription(self, kind: type, topic: str, callback: Callable[[Any], None], qos_profile: Any) -> None:
        self._callbacks.append((topic, callback))

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        if topic not in self.publishers:
            return []
        node, kind = self.publishers[topic]
        return [SimpleNamespace(node_name=node, topic_type=kind)]

    def get_clock(self) -> "FakeNode":
        return self

    def create_jump_callback(self, *_: Any, **__: Any) -> None:
        return None

    def hear(self, topic: str, message: Any) -> None:
        """A message on a topic."""
        for its_topic, callback in self._callbacks:
            if its_topic == topic:
                callback(message)
