"""A world for control_node: fake arms, cameras, chunks and people over real DDS."""

import os
import subprocess
import sys
import time
from array import array
from pathlib import Path

import numpy as np
import rclpy
from aloe_msgs.msg import ActionChunk, ArmCommand, ExecutedAction, Intervention, InterventionRequest, TeleopCommand
from aloe_msgs.srv import EnableMotion
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_control.ik import PoseSolver
from aloe_data.chunk import Chunk
from aloe_data.rig import Camera
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import chunk_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.ros.qos import LATCHED, SENSOR
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session

NODE = "from aloe_control.ros import control_node; {}; control_node.main()"
DOMAIN = 91


class World:
    """Fake arms that follow their commands, cameras, and a policy that wants to stay; plus what control_node says."""

    def __init__(self, rig_file: Path) -> None:
        self.rig = load_rig(rig_file)
        self.sealer = MessageSealer(open_session(), "world")
        self.clock_ns: int | None = None  # simulated time; None: real time
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = Node("world", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.joints = {arm.name: np.array(arm.home) for arm in self.rig.arms}
        self.names = {arm.name: list(arm.joint_names) for arm in self.rig.arms}
        self.silent: set[str] = set()
        self.chunk_rows: np.ndarray | None = None
        self.encoding = "rgb8"  # of raw cameras
        self.chunk_id = self.images = self.sequence = 0
        self.human: dict[str, np.ndarray] = {}  # joints that a person asks for, by arm
        self.deadman = True
        self.commands: list[ArmCommand] = []
        self.executed: list[ExecutedAction] = []
        self.intervention = Intervention()
        self.diagnostics = DiagnosticArray()
        self._connect()

    def _connect(self) -> None:
        node, rig = self.node, self.rig
        self._states = {a.name: node.create_publisher(JointState, a.joint_state_topic, SENSOR) for a in rig.arms}
        self.cameras = {
            c.name: node.create_publisher(get_message(c.message_type), c.topic, SENSOR) for c in rig.cameras
        }
        self._chunks = node.create_publisher(ActionChunk, "/policy/action_chunk", 5)
        self._drivers = {
            arm.name: node.create_subscription(ArmCommand, arm.command_topic, self._follower(arm.name), 5)
            for arm in rig.arms
        }
        node.create_subscription(ExecutedAction, "/executed_action", self.executed.append, 50)
        node.create_subscription(Intervention, "/intervention", lambda m: setattr(self, "intervention", m), LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: setattr(self, "diagnostics", m), 5)
        self._arm = node.create_client(EnableMotion, "/control/arm")
        self._clock = node.create_publisher(ClockMessage, "/clock", 10)
        node.create_timer(0.005, self._send_clock)
        self._human = {a.name: node.create_publisher(TeleopCommand, f"/teleop/{a.name}/command", 5) for a in rig.arms}
        self._requests = node.create_publisher(InterventionRequest, "/intervention/request", 10)
        node.create_timer(0.02, self._send_states)
        node.create_timer(0.02, self._send_human)
        node.create_timer(1 / 30, self._send_images)
        node.create_timer(0.2, self._send_chunk)

    def _follower(self, arm: str):
        def follow(command: ArmCommand) -> None:
            self.commands.append(command)
            self.joints[arm] = np.where(np.isnan(self.joints[arm]), np.nan, np.array(command.positions))

        return follow

    def lose_driver(self, arm: str) -> None:
        """Nobody obeys the arm's commands any more; its joint states go on."""
        self.node.destroy_subscription(self._drivers.pop(arm))

    def now_ns(self) -> int:
        return self.node.get_clock().now().nanoseconds if self.clock_ns is None else self.clock_ns

    def _send_clock(self) -> None:
        if self.clock_ns is not None and "clock" not in self.silent:
            self.clock_ns += 10_000_000
            self._clock.publish(ClockMessage(clock=ns_to_stamp(self.clock_ns)))

    def _send_states(self) -> None:
        for arm in self.rig.arms:
            if arm.name not in self.silent:
                message = joint_state_to_message(arm, self.joints[arm.name], self.now_ns())
                order = [arm.joint_names.index(name) for name in self.names[arm.name]]
                message.name, message.position = self.names[arm.name], array("d", self.joints[arm.name][order])
                self._states[arm.name].publish(message)

    def _send_images(self) -> None:
        for camera in self.rig.cameras:
            if camera.name not in self.silent:
                self.images += "frozen" not in self.silent
                message = self._raw_image(camera) if camera.is_raw else self._jpeg()
                message.header.stamp = ns_to_stamp(self.now_ns())
                self.cameras[camera.name].publish(message)

    def _jpeg(self) -> CompressedImage:
        return CompressedImage(format="jpeg", data=array("B", b"\xff\xd8 image %d" % self.images))

    def _raw_image(self, camera: Camera) -> Image:
        step = 3 * camera.width
        message = Image(height=camera.height, width=camera.width, step=step, encoding=self.encoding)
        message.data = array("B", bytes([self.images % 256]) * (step * camera.height))
        return message

    def _send_chunk(self) -> None:
        if self.chunk_rows is None:
            return
        self.chunk_id += 1
        stamp_ns = self.now_ns() - 60_000_000
        chunk = Chunk(stamp_ns, self.chunk_id, self.chunk_rows, "abc", self.chunk_id, self.rig.rate_hz)
        message = chunk_to_message(chunk, self.rig.action_space)
        self._chunks.publish(self.sealer.seal("/policy/action_chunk", message))

    def _send_human(self) -> None:
        for arm, joints in self.human.items():
            self.sequence += 1
            message = TeleopCommand(arm=arm, operator_id="ana", deadman=self.deadman, sequence=self.sequence)
            message.header.stamp, message.data = ns_to_stamp(self.now_ns()), array("d", joints)
            self._human[arm].publish(self.sealer.seal(f"/teleop/{arm}/command", message))

    def ask(self, kind: int, *arms: str) -> None:
        """What a person asks for with a pedal."""
        message = InterventionRequest(request=kind, arms=list(arms), operator_id="ana", device="pedal", reason="test")
        message.header.stamp = ns_to_stamp(self.now_ns())
        self._requests.publish(self.sealer.seal("/intervention/request", message))

    def home_rows(self) -> np.ndarray:
        home = np.concatenate([arm.home for arm in self.rig.arms])
        return np.tile(PoseSolver(self.rig, 1).poses_of(home), (50, 1)).astype(np.float32)

    def until(self, condition, timeout_s: float = 15.0, what: str = "") -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"timed out waiting until {what}; diagnostics: {self.diagnostics}"
            self.executor.spin_once(timeout_sec=0.1)

    def arm(self, enable: bool = True) -> EnableMotion.Response:
        """Ask until there is an answer: a server that has not met the client's reader within 0.1 s drops it."""
        for _ in range(7):
            answer = self.call_arm(EnableMotion.Request(enable=enable, stamp=ns_to_stamp(self.now_ns())))
            if answer is not None:
                return answer
        raise AssertionError(f"/control/arm does not answer; diagnostics: {self.diagnostics}")

    def call_arm(self, request: EnableMotion.Request) -> EnableMotion.Response | None:
        """The answer to a request, which is sealed here; None where none comes."""
        self.until(self._arm.service_is_ready, 60.0, "/control/arm exists")  # a busy machine starts processes slowly
        future = self._arm.call_async(self.sealer.seal("/control/arm", request))
        self.executor.spin_until_future_complete(future, timeout_sec=2.0)
        return future.result() if future.done() else None

    def arm_when_healthy(self) -> None:
        self.until(lambda: self.arm().success, what="arming succeeds")

    def follow_policy(self) -> None:
        """Arm, and wait until chunks are followed."""
        self.arm_when_healthy()
        self.chunk_rows = self.home_rows()
        self.until(lambda: self.executed and self.executed[-1].chunk_id > 0, what="a chunk is followed")

    def until_fault(self) -> str:
        self.until(lambda: self.intervention.fault and not self.intervention.armed, what="a fault disarms")
        return self.intervention.fault

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


def start(rig: Path, *parameters: str, bug: str = "pass") -> subprocess.Popen:
    """control_node as a process; `bug` is a statement that breaks it beforehand."""
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    given = [word for parameter in (f"rig:={rig}", *parameters) for word in ("-p", parameter)]
    command = [sys.executable, "-c", NODE.format(bug), "--ros-args", *given]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
