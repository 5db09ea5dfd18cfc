"""Who else speaks and who listens on the topics that command the arms."""

from rclpy.node import Node

from aloe_data.rig import Rig

RECORDERS = ("recorder_node", "rosbag2_recorder")  # `ros2 bag record` is the latter


def rivals(node: Node, rig: Rig) -> list[str]:
    """One sentence per command topic that somebody beside this node publishes on."""
    found = []
    for topic in (arm.command_topic for arm in rig.arms):
        others = [info.node_name for info in node.get_publishers_info_by_topic(topic)]
        if node.get_name() in others:
            others.remove(node.get_name())  # once: a second control_node counts
        if others:
            found.append(f"{topic} is also published by {', '.join(others)}; stop it, or what replays a bag")
    return found


def deaf(node: Node, rig: Rig) -> list[str]:
    """One sentence per command topic that nobody listens to who does not merely record it."""
    return [
        f"nobody obeys {arm.command_topic}; start the driver of '{arm.name}'"
        for arm in rig.arms
        if all(info.node_name in RECORDERS for info in node.get_subscriptions_info_by_topic(arm.command_topic))
    ]
