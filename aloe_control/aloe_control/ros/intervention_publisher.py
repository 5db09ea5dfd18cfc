"""Who commands which arm, on /intervention: latched, and published at every change."""

from aloe_msgs.msg import Intervention
from rclpy.duration import Duration
from rclpy.node import Node

from aloe_control.control_loop import ControlLoop
from aloe_control.ros.messages import intervention_message
from aloe_data.rig import Rig
from aloe_data.ros.qos import LATCHED


class InterventionPublisher:
    """Publishes what the control loop says of its arms.

    Args:
        node: Node that publishes, and in whose log faults stand.
        rig: Rig whose arms are told of.
        loop: Control loop that commands them.
    """

    def __init__(self, node: Node, rig: Rig, loop: ControlLoop) -> None:
        self._log = node.get_logger()
        self._rig = rig
        self._loop = loop
        self._publisher = node.create_publisher(Intervention, "/intervention", LATCHED)
        self._published: tuple[object, ...] | None = None
        self._fault = ""  # that was logged last

    def publish(self, now_ns: int) -> None:
        """Say who commands which arm, if that changed."""
        loop = self._loop
        statuses = {arm.name: loop.authority(arm.name) for arm in self._rig.arms}
        estop = bool(loop.estop)
        state = (loop.armed, loop.fault, estop, loop.stops, *statuses.values())
        if state == self._published:
            return
        self._published = state
        if loop.fault and loop.fault != self._fault:
            self._log.error(f"fault, the arms hold: {loop.fault}")
        self._fault = loop.fault
        message = intervention_message(now_ns, loop.armed, estop, loop.fault, self._rig, statuses, loop.stops)
        self._publisher.publish(message)

    def wait_until_heard(self, timeout_s: float) -> None:
        """Wait until all subscribers have what was said, but not longer than this [s]."""
        self._publisher.wait_for_all_acked(Duration(seconds=timeout_s))
