"""The topic that says how the simulated task really stands."""

from aloe_msgs.msg import TaskState
from rclpy.node import Node

from aloe_data.ros.convert import ns_to_stamp
from aloe_sim.rig.real_time import Metronome, RealTimeSim
from aloe_sim.rollout.task_monitor import look
from aloe_sim.tasks.registry import make_expert

RATE_HZ = 10.0


class TaskStream:
    """Publishes `/sim/task_state`.

    Args:
        node: publishes it.
        sim: its task must be one that an expert knows.
    """

    def __init__(self, node: Node, sim: RealTimeSim) -> None:
        self._sim, self._expert, self._beat = sim.sim, make_expert(sim.sim), Metronome(RATE_HZ)
        self._publisher = node.create_publisher(TaskState, "/sim/task_state", 10)

    def publish_if_due(self, stamp_ns: int) -> None:
        """Publish how the task stands at exactly this time."""
        if not self._beat.due(stamp_ns):
            return
        seen = look(self._sim, self._expert)
        message = TaskState(task=self._sim.task.name, progress=seen.progress, success=seen.success)
        message.failure, message.trouble, message.arms = seen.failure, seen.trouble, list(seen.arms)
        message.header.stamp = ns_to_stamp(stamp_ns)
        self._publisher.publish(message)
