"""The topics of the simulated arms and cameras."""

from collections.abc import Callable
from functools import partial

import mujoco
import numpy as np
from aloe_msgs.msg import ArmCommand
from rclpy.node import Node
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import JointState

from aloe_control.relay_commands import Command
from aloe_data.codecs import Image, encode_for
from aloe_data.rig import Arm
from aloe_data.ros.convert import image_to_message, joint_state_messages, stamp_to_ns
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_sim.faults.injector import FaultInjector, SpoiltStream
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.real_time import Metronome, RealTimeSim, SnapshotWorker


class JointStream:
    """One topic of joint states, out at the rate of each arm on it; arms that are due together share a message."""

    def __init__(self, node: Node, sim: RealTimeSim, topic: str, faults: FaultInjector) -> None:
        self._sim = sim
        self._arms = sim.sim.rig.arms_on(topic)
        self._streams = {arm.name: SpoiltStream(faults, arm.name, first_is_nan) for arm in self._arms}
        self._beats = {arm.name: Metronome(arm.rate_hz) for arm in self._arms}
        self._publisher = node.create_publisher(JointState, topic, 50)

    def publish_if_due(self, stamp_ns: int) -> None:
        """Publish the measured positions of exactly this time, but none of arms that are just being placed."""
        if self._sim.is_placing:
            return
        sent: dict[int, dict[str, np.ndarray]] = {}  # by stamp and arm: faults may hold back what one of them says
        for arm in self._arms:
            if self._beats[arm.name].due(stamp_ns):
                positions = self._sim.sim.joint_positions(arm.name)
                for sent_ns, values in self._streams[arm.name].passed(stamp_ns, positions):
                    sent.setdefault(sent_ns, {})[arm.name] = values
        for sent_ns, values_of in sorted(sent.items()):
            arms = [arm for arm in self._arms if arm.name in values_of]
            for message in joint_state_messages(arms, values_of, sent_ns).values():
                self._publisher.publish(message)


class CommandStream:
    """The commands of one arm, in."""

    def __init__(self, node: Node, sim: RealTimeSim, arm: Arm, inputs: SealedInputs, faults: FaultInjector) -> None:
        self._sim = sim
        self._arm = arm
        self._inputs = inputs
        self._faults = faults
        self._node = node
        node.create_subscription(ArmCommand, arm.command_topic, self._on_command, 1)

    def _on_command(self, message: ArmCommand) -> None:
        if self._inputs.refusal(self._arm.command_topic, message):
            return
        if self._faults.find("cut_commands", self._arm.name):
            return
        age_ns = self._node.get_clock().now().nanoseconds - stamp_to_ns(message.header.stamp)
        positions = np.array(message.positions, float)
        refusal = self._sim.command(self._arm.name, Command(message.seal.sender, age_ns, message.hold, positions))
        if refusal is not None:
            text = f"command for '{self._arm.name}' refused: {refusal.text}"
            self._node.get_logger().error(text, throttle_duration_sec=1.0)


class CameraStreams:
    """All cameras. Images that are due together are rendered from one copy of the state: they show the same instant.

    The publishers are reliable, so that a recorder that asks for it loses no frame.
    """

    def __init__(self, node: Node, sim: RealTimeSim, faults: FaultInjector, *, quality: int, shadows: bool) -> None:
        self._log = node.get_logger()
        self._quality = quality
        cameras = sim.sim.rig.cameras
        self._cameras = {camera.name: camera for camera in cameras}
        self._beats = {camera.name: Metronome(camera.rate_hz) for camera in cameras}
        self._streams: dict[str, SpoiltStream[bytes | Image]] = {c.name: SpoiltStream(faults, c.name) for c in cameras}
        self._publishers = {c.name: node.create_publisher(get_message(c.message_type), c.topic, 10) for c in cameras}
        self._data = mujoco.MjData(sim.sim.model)
        self._make_renderer = partial(CameraRenderer, sim.sim.model, sim.sim.rig, shadows=shadows)
        self.worker = SnapshotWorker("cameras", partial(sim.copy_state, self._data), self._make_work)

    def offer_if_due(self, stamp_ns: int) -> None:
        """Hand the present state to the rendering thread if it is time for an image."""
        due = [name for name, beat in self._beats.items() if beat.due(stamp_ns)]
        if due and not self.worker.offer(due):
            text = "rendering is too slow for the cameras' rate: a frame is left out"
            self._log.warning(text, throttle_duration_sec=5.0)

    def _make_work(self) -> Callable[[int, list[str]], None]:
        renderer = self._make_renderer()
        renderer.render(self._data, next(iter(self._beats)))  # the first frame is slow: before time runs
        return partial(self._publish, renderer)

    def _publish(self, renderer: CameraRenderer, stamp_ns: int, cameras: list[str]) -> None:
        for name in cameras:
            image = encode_for(self._cameras[name], renderer.render(self._data, name), self._quality)
            for sent_ns, sent in self._streams[name].passed(stamp_ns, image):
                self._publishers[name].publish(image_to_message(sent, sent_ns, name))


def first_is_nan(positions: np.ndarray) -> np.ndarray:
    """Joint positions of which the first one was not read."""
    return np.concatenate(([np.nan], positions[1:]))
