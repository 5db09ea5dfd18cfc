"""Who publishes what motion depends on: a second publisher of images or joint states deceives whoever looks at them."""

from rclpy.node import Node

from aloe_data.rig import Rig
from aloe_data.ros.camera_publishers import transport_problems


class SensorPublishers:
    """Knows the publishers of cameras and joint states by their endpoints' ids.

    Several nodes may share a topic of joint states, each for its own joints; so what counts is who is new there while
    the arms move. Of a camera there is one.

    Args:
        node: Node that looks at the graph.
        rig: Rig whose cameras and arms are meant.
    """

    def __init__(self, node: Node, rig: Rig) -> None:
        self._node = node
        self._rig = rig
        self._cameras = [camera.topic for camera in rig.cameras]
        self._topics = [*self._cameras, *rig.arms_by_topic]
        self._known: dict[str, set[bytes]] = {}

    def remember(self) -> None:
        """Motion is enabled: whoever publishes now is whom the operator started."""
        self._known = {topic: set(self._publishers(topic)) for topic in self._topics}

    def rivals(self) -> list[str]:
        """One sentence per camera that several nodes publish."""
        found = []
        for topic in self._cameras:
            names = self._publishers(topic).values()
            if len(names) > 1:
                found.append(f"{topic} is published by {', '.join(sorted(names))}; stop all but the camera's driver")
        return found

    def of_other_transport(self) -> list[str]:
        """One sentence per camera that publishes raw images instead of compressed ones, or the reverse."""
        return transport_problems(self._node, self._rig.cameras)

    def newcomers(self) -> list[str]:
        """One sentence per topic on which somebody publishes who did not when motion was enabled."""
        found = []
        for topic, known in self._known.items():
            names = [name for endpoint, name in self._publishers(topic).items() if endpoint not in known]
            if names:
                found.append(f"{', '.join(sorted(names))} began to publish {topic} during motion; stop it")
        return found

    def _publishers(self, topic: str) -> dict[bytes, str]:
        """Names of the nodes that publish on a topic, by the ids of their endpoints."""
        infos = self._node.get_publishers_info_by_topic(topic)
        return {bytes(info.endpoint_gid): info.node_name for info in infos}
