"""The simulated rig as a node: cameras, joint states and scene resets out, joint commands in."""

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from aloe_msgs.msg import EpisodeEvent, EpisodeState
from aloe_msgs.srv import ResetScene
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String

from aloe_data.config import parameter
from aloe_data.recording import CHUNKS
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import ns_to_stamp
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.realtime import lock_memory, raise_priority
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.session import open_session
from aloe_sim.faults.injector import FaultInjector
from aloe_sim.rig.real_time import Metronome, RealTimeSim, Timing
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig, UnstablePhysicsError
from aloe_sim.rollout.judge import JUDGE_HZ, Judge
from aloe_sim.ros.expert_publisher import ExpertPublisher
from aloe_sim.ros.streams import CameraStreams, CommandStream, JointStream
from aloe_sim.ros.task_stream import TaskStream
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS

RESET_S = 10.0  # limit for a scene that is set anew to be seen at rest; simulated time may be slow
POLICY_HZ = 5.0  # chunks per second of an expert in the policy's place
HUMAN_HZ = 10.0  # and of one that a scripted operator follows


@dataclass(frozen=True)
class SimConfig:
    """Parameters of sim_node."""

    rig: Path = parameter(doc="rig file; it must describe a simulated rig")
    task: str = parameter("", doc="task; empty: the one that the rig file names")
    variation: str = parameter("none", choices=tuple(VARIATIONS), doc="how much scenes differ, and what disturbs them")
    seed: int = parameter(0, low=0, doc="scene seed at start")
    headless: bool = parameter(True, doc="false opens MuJoCo's viewer")
    real_time_factor: float = parameter(1.0, low=0.05, high=20.0, doc="simulated seconds per second")
    expert: bool = parameter(False, doc="publish the scripted expert's chunks on /policy/action_chunk")
    human: bool = parameter(False, doc="publish them on /sim/expert_chunk, for a scripted human")
    noise: float = parameter(0.0, unit="rad", low=0.0, high=0.2, doc="std of a wandering offset on the joints")
    jpeg_quality: int = parameter(85, low=10, high=100, doc="of the camera images")
    shadows: bool = parameter(False, doc="render shadows: prettier, three times slower in software")


class SimNode(Node):
    """Steps physics by the wall clock in one thread and renders in another, so that images never delay joint states."""

    def __init__(self) -> None:
        super().__init__("sim_node")
        self.error: Exception | None = None
        self.config = declare_parameters(self, SimConfig)
        self.rig = load_simulated(self.config.rig)
        simulated_time = self.get_parameter("use_sim_time").value
        timing = Timing(self.config.real_time_factor, follow_wall=not simulated_time)
        task = make_task(self.config.task) if self.config.task else None
        sim = SimRig(self.rig, task, ActuatorNoise(self.config.noise), VARIATIONS[self.config.variation])
        sim.reset(self.config.seed)
        self.sim = RealTimeSim(sim, timing, time.time_ns(), self._on_slice)
        self.judge = Judge(sim.task)
        self._judge_beat = Metronome(JUDGE_HZ)
        self._episode_state = EpisodeState.IDLE
        self._clock_publisher = self.create_publisher(Clock, "/clock", 10) if simulated_time else None
        self._verdict = self.create_publisher(EpisodeEvent, "/episode/verdict", 10)
        self._faults = FaultInjector(self.rig)
        self.create_subscription(String, "/sim/faults", self._on_fault, 10)
        self._joints = [JointStream(self, self.sim, topic, self._faults) for topic in self.rig.arms_by_topic]
        inputs = SealedInputs(self, open_session())
        self._commands = [CommandStream(self, self.sim, arm, inputs, self._faults) for arm in self.rig.arms]
        self._cameras = CameraStreams(
            self, self.sim, self._faults, quality=self.config.jpeg_quality, shadows=self.config.shadows
        )
        self._task = TaskStream(self, self.sim)
        self._experts = [ExpertPublisher(self, self.sim, *where) for where in self._expert_topics()]
        self._viewer = None if self.config.headless else open_viewer(sim)
        self.create_service(ResetScene, self.rig.simulation.reset_service, self._on_reset)
        self.create_subscription(EpisodeState, "/episode/state", self._on_episode_state, LATCHED)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="physics")
        self._thread.start()

    def _expert_topics(self) -> list[tuple[str, float]]:
        topics = []
        if self.config.expert:
            topics.append((CHUNKS, POLICY_HZ))
        if self.config.human:
            topics.append(("/sim/expert_chunk", HUMAN_HZ))
        return topics

    def finish(self) -> None:
        """End the threads."""
        self._closed.set()
        self._thread.join()
        for stream in (self._cameras, *self._experts):
            stream.worker.close()
        if self._viewer is not None:
            self._viewer.close()

    def _run(self) -> None:
        try:
            self.sim.begin(time.time_ns())
            while not self._closed.is_set():
                self._step()
                time.sleep(self.sim.wait_s(time.time_ns()))
        except Exception as error:
            if not self._closed.is_set():
                self.error = error
                os.kill(os.getpid(), signal.SIGTERM)

    def _step(self) -> None:
        slips = self.sim.slips
        try:
            self.sim.catch_up(time.time_ns())
        except UnstablePhysicsError as error:
            self._give_verdict(EpisodeEvent.ABORT, str(error))
            self.get_logger().error(f"{error}; the scene is reset", throttle_duration_sec=5.0)
            self.sim.reset(self.config.seed, "")
        if self.sim.slips != slips:
            self.get_logger().warning("this machine cannot keep up: simulated time slipped", throttle_duration_sec=5.0)
        for stream in (self._cameras, *self._experts):
            if stream.worker.error:
                raise stream.worker.error

    def _on_slice(self, stamp_ns: int) -> None:
        """Publish what is due at this stamp; called between pieces of physics."""
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=ns_to_stamp(self._faults.stamp(stamp_ns))))
        for stream in self._joints:
            stream.publish_if_due(stamp_ns)
        self._cameras.offer_if_due(stamp_ns)
        self._task.publish_if_due(stamp_ns)
        for expert in self._experts:
            expert.offer_if_due(stamp_ns, self._episode_state)
        if self._judge_beat.due(stamp_ns):
            self._judge(stamp_ns)
            if self._viewer is not None:
                self._viewer.sync()

    def _judge(self, stamp_ns: int) -> None:
        judgement = self.judge.judge(stamp_ns, self.sim.sim.data)
        if judgement is not None:
            verdict = EpisodeEvent.SUCCESS if judgement.success else EpisodeEvent.FAILURE
            self._give_verdict(verdict, judgement.reason)

    def _give_verdict(self, verdict: int, reason: str) -> None:
        event = EpisodeEvent(kind=EpisodeEvent.VERDICT, verdict=verdict, source="sim", reason=reason)
        event.header.stamp = ns_to_stamp(self.sim.stamp_ns)
        self._verdict.publish(event)

    def _on_reset(self, request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
        try:
            response.prompt = self.sim.reset(request.seed, request.prompt)
            self.sim.wait_until_seen(RESET_S)  # so that motion may be enabled at once
            response.success = True
        except ValueError as error:
            response.message = str(error)
        return response

    def _on_fault(self, message: String) -> None:
        problem = self._faults.apply(message.data)
        with self.sim.lock:
            for arm in self.rig.arms:
                self.sim.sim.arm_faults.block(arm.name, self._faults.find("block", arm.name) is not None)
                self.sim.sim.arm_faults.power(arm.name, self._faults.find("drive_off", arm.name) is None)
        self.get_logger().warning(problem or f"fault: {message.data}")

    def _on_episode_state(self, message: EpisodeState) -> None:
        with self.sim.lock:
            running = message.state == EpisodeState.RUNNING
            if running and self._episode_state != EpisodeState.RUNNING:
                self.judge.begin()
            elif not running:
                self.judge.end()
            self._episode_state = message.state


def load_simulated(path: Path) -> Rig:
    """A rig that can be simulated. Raises ValueError for a real one."""
    rig = load_rig(path)
    if not rig.simulated:
        raise ValueError(f"{path}: 'simulated' is false; this rig has drivers of its own, sim_node is not for it")
    return rig


def open_viewer(sim: SimRig):
    """MuJoCo's window on the scene. Raises RuntimeError without a display."""
    import mujoco.viewer  # opens a display connection

    try:
        return mujoco.viewer.launch_passive(sim.model, sim.data)
    except Exception as error:
        raise RuntimeError(f"headless:=false needs a display ({error}); use headless:=true") from error


def main() -> None:
    """Run sim_node until it is interrupted."""
    lock_memory()
    raise_priority(fifo=10)  # it stands for devices that have processors of their own; control_node goes first
    run_node(SimNode)
