"""Which cameras publish by another transport than the rig file says, as the graph tells."""

from collections.abc import Iterable
from functools import partial

from rclpy.node import Node

from aloe_data.camera_transport import Publisher, wrong_transport
from aloe_data.rig import Camera


def transport_problems(node: Node, cameras: Iterable[Camera]) -> list[str]:
    """One sentence per camera whose images do not come by its transport, with the remedy.

    Args:
        node: Node that looks at the graph.
        cameras: Cameras as the rig file describes them.
    """
    found = []
    for camera in cameras:
        problem = wrong_transport(camera, partial(_publishers, node))
        if problem is not None:
            found.append(str(problem))
    return found


def _publishers(node: Node, topic: str) -> list[Publisher]:
    infos = node.get_publishers_info_by_topic(topic)
    return [Publisher(info.node_name, info.topic_type) for info in infos]
