"""Who else speaks and who listens on the topics that command the arms."""

from collections.abc import Iterable

from rclpy.node import Node

from aloe_data.rig import Rig

RECORDERS = ("recorder_node", "rosbag2_recorder")  # `ros2 bag record` is the latter
_COMMAND_LINE = "_ros2cli"  # what `ros2 topic echo` and its like call themselves, followed by a number


def rivals(node: Node, rig: Rig) -> list[str]:
    """One sentence per command topic that somebody beside this node publishes on."""
    return other_publishers(node, (arm.command_topic for arm in rig.arms), node.get_name())


def other_publishers(node: Node, topics: Iterable[str], owner: str) -> list[str]:
    """One sentence per topic that somebody beside its owner publishes on.

    Args:
        node: Node that looks.
        topics: Names of the topics.
        owner: Name of the node that may publish there, once.
    """
    found = []
    for topic in topics:
        # Every endpoint counts: a stranger may have taken the owner's name.
        others = [info.node_name for info in node.get_publishers_info_by_topic(topic)]
        if owner in others:
            others.remove(owner)  # once: a second control_node counts
        if others:
            found.append(f"{topic} is also published by {', '.join(others)}; stop it, or what replays a bag")
    return found


def deaf(node: Node, rig: Rig) -> list[str]:
    """One sentence per command topic that nobody listens to who does not merely record it."""
    return [
        f"nobody obeys {arm.command_topic}; start the driver of '{arm.name}'"
        for arm in rig.arms
        if not listeners(node, arm.command_topic)
    ]


def listeners(node: Node, topic: str) -> dict[bytes, tuple[str, str]]:
    """Who listens to a topic and neither records nor shows it: node's name and type of the messages, by endpoint."""
    return {
        bytes(info.endpoint_gid): (info.node_name, info.topic_type)
        for info in node.get_subscriptions_info_by_topic(topic)
        if info.node_name not in RECORDERS and not info.node_name.startswith(_COMMAND_LINE)
    }
