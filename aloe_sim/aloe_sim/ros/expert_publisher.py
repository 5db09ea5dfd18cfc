"""The scripted expert as a stream of chunks, made from the true state of the simulator."""

from aloe_msgs.msg import ActionChunk, EpisodeState
from rclpy.node import Node

from aloe_data.chunk import Chunk
from aloe_data.ros.convert import chunk_to_message
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_sim.rig.real_time import Metronome, RealTimeSim, SnapshotWorker
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert

HORIZON = 50
VERSION = "expert"


class ExpertPublisher:
    """Publishes action chunks while an episode is prepared or runs, from a thread and a copy of the scene of its own.

    Args:
        node: Node that publishes the chunks.
        sim: Simulation to act in; its task must be one that an expert knows.
        topic: Name of the topic of the chunks.
        rate_hz: Number of chunks per second.

    Raises:
        ValueError: The expert cannot speak the rig's action space or do its task.
    """

    def __init__(self, node: Node, sim: RealTimeSim, topic: str, rate_hz: float) -> None:
        rig = sim.sim.rig
        self._sim = sim
        self._control_hz = rig.rate_hz
        self._log = node.get_logger()
        self._topic = topic
        self._sealer = MessageSealer(open_session(), node.get_name())
        self._publisher = node.create_publisher(ActionChunk, topic, 10)
        self._mirror = SimRig(rig, sim.sim.task)
        self._expert = make_expert(self._mirror)
        self._beat = Metronome(rate_hz)
        self._steps = round(rig.rate_hz / rate_hz)
        self._sent = 0
        self.worker = SnapshotWorker("expert", self._copy, lambda: self._publish)

    def offer_if_due(self, stamp_ns: int, episode_state: int) -> None:
        """Ask for a chunk from the present state if it is time for one."""
        if self._beat.due(stamp_ns) and episode_state in (EpisodeState.PREPARING, EpisodeState.RUNNING):
            self.worker.offer(None)

    def _copy(self) -> int:
        for arm in self._mirror.rig.arms:
            self._mirror.set_command(arm.name, self._sim.sim.command(arm.name))
        return self._sim.copy_state(self._mirror.data)

    def _publish(self, stamp_ns: int, _: None) -> None:
        try:
            data = self._expert.chunk(HORIZON, executed=self._steps)
        except CannotHelpError as error:
            self._log.warning(f"the expert is silent: {error}", throttle_duration_sec=5.0)
            return
        self._sent += 1
        chunk = Chunk(stamp_ns, self._sent, data, VERSION, self._sent, self._control_hz)
        self._publisher.publish(self._sealer.seal(self._topic, chunk_to_message(chunk, "ee_pose")))
