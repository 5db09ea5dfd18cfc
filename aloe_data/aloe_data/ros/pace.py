"""What a node keeps its rhythm by."""

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


def pace_of(node: Node) -> Clock:
    """The node's clock where time is simulated; else one that only rises.

    Timers of a system clock that is set back do not fire until it has caught up (rclpy issue 1490): commands would end
    in mid-motion, and nobody would notice. With this one they go on, and what looks at the time can tell.
    """
    if node.get_parameter("use_sim_time").value:
        return node.get_clock()
    return Clock(clock_type=ClockType.STEADY_TIME)
