"""The topic that says how the simulated task really stands."""

from aloe_msgs.msg import TaskState
from rclpy.node import Node

from aloe_data.ros.convert import ns_to_stamp
from aloe_sim.rig.real_time import Metronome, RealTimeSim
from aloe_sim.rollout.task_monitor import assess
from aloe_sim.tasks.registry import make_expert

RATE_HZ = 10.0


class TaskStream:
    """Publishes `/sim/task_state`.

    Args:
        node: Node that publishes it.
        sim: Simulation that is monitored; its task must be one that an expert knows.
    """

    def __init__(self, node: Node, sim: RealTimeSim) -> None:
        self._sim = sim.sim
        self._expert = make_expert(sim.sim)
        self._beat = Metronome(RATE_HZ)
        self._publisher = node.create_publisher(TaskState, "/sim/task_state", 10)

    def publish_if_due(self, stamp_ns: int) -> None:
        """Publish how the task stands at exactly this time."""
        if not self._beat.due(stamp_ns):
            return
        situation = assess(self._sim, self._expert)
        message = TaskState(
            task=self._sim.task.name,
            progress=situation.progress,
            success=situation.success,
            failure=situation.failure,
            trouble=situation.trouble,
            arms=list(situation.arms),
        )
        message.header.stamp = ns_to_stamp(stamp_ns)
        self._publisher.publish(message)
