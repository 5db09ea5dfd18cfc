"""Other nodes that publish on topics of a recording, by name."""

from collections.abc import Iterable, Mapping, Sequence

from rclpy.node import Node

from aloe_data.owners import Owners
from aloe_data.recording import RecordedTopic

_UNKNOWN = "_NODE_NAME_UNKNOWN_"  # rmw's word for a node whose endpoints were found before itself


class Strangers:
    """Looks who publishes on the topics of a recording, and warns of nodes that should not.

    Args:
        node: Node that looks, and in whose log the warnings stand.
        topics: Topics of the recording.
    """

    def __init__(self, node: Node, topics: Iterable[RecordedTopic]) -> None:
        self._node = node
        self._topics = [topic for topic in topics if not topic.shared]
        self._owners = Owners()

    @property
    def names(self) -> Mapping[str, Sequence[str]]:
        """Names of the strangers of this recording, by topic."""
        return self._owners.strangers

    def begin(self) -> None:
        """A recording begins: strangers that are gone are forgotten."""
        self._owners.begin()

    def look(self) -> None:
        """Look at every topic, and warn of strangers that are new."""
        for topic in self._topics:
            infos = self._node.get_publishers_info_by_topic(topic.source)
            names = {bytes(i.endpoint_gid): i.node_name.replace(_UNKNOWN, "") for i in infos}
            for name in self._owners.look(topic.name, names):
                remedy = "what it says is in the bag, too: stop it (is a bag being played?)"
                self._node.get_logger().warning(f"{topic.source} is published by {name} as well; {remedy}")
