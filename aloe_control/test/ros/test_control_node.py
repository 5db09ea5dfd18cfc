"""control_node as a process of its own, against fake arms, cameras and chunks over real DDS."""

import os
import re
import signal
import subprocess
import sys
import time
from array import array
from pathlib import Path

import numpy as np
import pytest
import rclpy
from aloe_msgs.msg import ActionChunk, ExecutedAction, Intervention
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CompressedImage, JointState
from std_srvs.srv import SetBool

from aloe_control.ik import PoseSolver
from aloe_data.chunk import Chunk
from aloe_data.rig import load_rig
from aloe_data.ros.convert import chunk_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.ros.qos import LATCHED, SENSOR

RIG_FILE = Path(__file__).parents[3] / "config" / "rig_sim.yaml"
NODE = [sys.executable, "-c", "from aloe_control.ros.control_node import main; main()"]
DOMAIN = 91


class World:
    """Fake arms that follow their commands, cameras, and a policy that wants to stay; plus what control_node says."""

    def __init__(self, rig_file: Path) -> None:
        self.rig = load_rig(rig_file)
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
        self.chunk_id = 0
        self.commands: list[JointState] = []
        self.executed: list[ExecutedAction] = []
        self.intervention = Intervention()
        self.diagnostics = DiagnosticArray()
        self._connect()

    def _connect(self) -> None:
        node, rig = self.node, self.rig
        self._states = {a.name: node.create_publisher(JointState, a.joint_state_topic, SENSOR) for a in rig.arms}
        self._images = {c.name: node.create_publisher(CompressedImage, c.topic, SENSOR) for c in rig.cameras}
        self._chunks = node.create_publisher(ActionChunk, "/policy/action_chunk", 5)
        for arm in rig.arms:
            node.create_subscription(JointState, arm.command_topic, self._follower(arm.name), 5)
        node.create_subscription(ExecutedAction, "/executed_action", self.executed.append, 50)
        node.create_subscription(Intervention, "/intervention", lambda m: setattr(self, "intervention", m), LATCHED)
        node.create_subscription(DiagnosticArray, "/diagnostics", lambda m: setattr(self, "diagnostics", m), 5)
        self._arm = node.create_client(SetBool, "/control/arm")
        self._clock = node.create_publisher(ClockMessage, "/clock", 10)
        node.create_timer(0.005, self._send_clock)
        node.create_timer(0.02, self._send_states)
        node.create_timer(1 / 30, self._send_images)
        node.create_timer(0.2, self._send_chunk)

    def _follower(self, arm: str):
        def follow(command: JointState) -> None:
            self.commands.append(command)
            self.joints[arm] = np.where(np.isnan(self.joints[arm]), np.nan, np.array(command.position))

        return follow

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
                message = CompressedImage(format="jpeg", data=array("B", b"\xff\xd8 not looked at"))
                message.header.stamp = ns_to_stamp(self.now_ns())
                self._images[camera.name].publish(message)

    def _send_chunk(self) -> None:
        if self.chunk_rows is None:
            return
        self.chunk_id += 1
        stamp_ns = self.now_ns() - 60_000_000
        chunk = Chunk(stamp_ns, self.chunk_id, self.chunk_rows, "abc", self.chunk_id, self.rig.rate_hz)
        self._chunks.publish(chunk_to_message(chunk, self.rig.action_space))

    def home_rows(self) -> np.ndarray:
        home = np.concatenate([arm.home for arm in self.rig.arms])
        return np.tile(PoseSolver(self.rig, 1).poses_of(home), (50, 1)).astype(np.float32)

    def until(self, condition, timeout_s: float = 15.0, what: str = "") -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, f"timed out waiting until {what}; diagnostics: {self.diagnostics}"
            self.executor.spin_once(timeout_sec=0.1)

    def arm(self, enable: bool = True) -> SetBool.Response:
        self.until(self._arm.service_is_ready, what="/control/arm exists")
        future = self._arm.call_async(SetBool.Request(data=enable))
        self.until(future.done, what="/control/arm answers")
        return future.result()

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


@pytest.fixture
def rig_file(tmp_path):
    """The simulated rig, with more patience than it has on a real machine: here everything shares two busy cores."""
    text = re.sub(r"\bmax_age_s: [\d.]+", "max_age_s: 1.0", RIG_FILE.read_text())
    text = re.sub(r"policy_max_age_s: [\d.]+", "policy_max_age_s: 1.5", text)
    path = tmp_path / "rig.yaml"
    path.write_text(text.replace("urdf: ", f"urdf: {RIG_FILE.parent}/"))
    return path


@pytest.fixture
def world(rig_file):
    world = World(rig_file)
    yield world
    world.close()


@pytest.fixture
def control(world, rig_file):
    process = start(rig_file)
    yield process
    process.terminate()
    assert process.wait(timeout=10) == 0


def start(rig: Path, *parameters: str) -> subprocess.Popen:
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    given = [word for parameter in (f"rig:={rig}", *parameters) for word in ("-p", parameter)]
    return subprocess.Popen([*NODE, "--ros-args", *given], env=environment, stderr=subprocess.PIPE)


def test_a_camera_that_never_publishes_keeps_the_arms_disarmed_and_is_named(world, control):
    world.silent.add("left_wrist")
    world.until(lambda: world.arm().message.count("has never") == 1, what="all others are healthy")
    answer = world.arm()
    assert not answer.success and not world.commands
    assert "camera 'left_wrist' has never published" in answer.message


def test_joints_in_another_order_are_sorted_and_the_arms_follow_chunks_without_a_gap(world, control):
    world.names["left_arm"] = list(reversed(world.names["left_arm"]))
    world.follow_policy()
    begin = len(world.executed)
    world.until(lambda: len(world.executed) > begin + 100, what="100 ticks more")
    ticks = world.executed[begin:]
    assert all(tick.chunk_id > 0 and tick.armed for tick in ticks)
    assert [tick.tick for tick in ticks] == list(range(ticks[0].tick, ticks[0].tick + len(ticks)))
    for arm in ticks[-1].arms:
        np.testing.assert_allclose(arm.executed, world.rig.arm(arm.arm).home, atol=1e-3)
    assert world.commands[-1].name in [list(arm.joint_names) for arm in world.rig.arms]


def test_a_joint_state_that_is_not_a_number_stops_and_disarms(world, control):
    world.follow_policy()
    world.joints["right_arm"][2] = np.nan
    fault = world.until_fault()
    assert "right_arm" in fault and "elbow" in fault and "/control/arm" in fault
    world.joints["right_arm"] = np.array(world.rig.arm("right_arm").home)
    begin, sent = len(world.executed), len(world.commands)
    world.until(lambda: len(world.executed) > begin + 50, what="50 ticks more")
    assert not any(tick.armed for tick in world.executed[begin:]), "motion resumed by itself"
    assert len(world.commands) == sent
    world.arm_when_healthy()
    world.until(lambda: world.intervention.armed and not world.intervention.fault, what="arming clears the fault")


def test_missing_joints_are_named_on_diagnostics(world, control):
    world.names["left_arm"].remove("roll")
    world.until(
        lambda: any("no position of roll" in status.message for status in world.diagnostics.status),
        what="diagnostics name the joint",
    )
    assert not world.arm().success


def test_a_second_publisher_of_commands_keeps_the_arms_disarmed_and_is_named(world, control):
    other = world.node.create_publisher(JointState, world.rig.arms[0].command_topic, 5)
    world.until(lambda: "published by world" in world.arm().message, what="the other publisher is named")
    world.node.destroy_publisher(other)
    world.arm_when_healthy()


def test_a_policy_that_falls_silent_stops_and_disarms(world, control):
    world.follow_policy()
    world.chunk_rows = None
    assert "policy chunks stopped" in world.until_fault()
    assert all(arm.authority == 0 for arm in world.intervention.arms)


def test_a_chunk_of_the_wrong_dimension_is_refused_with_the_right_one_named(world, control):
    world.arm_when_healthy()
    world.chunk_rows = np.zeros((50, 14), np.float32)
    world.until(
        lambda: any(
            pair.key == "last_refusal" and "needs [H, 20]" in pair.value
            for status in world.diagnostics.status
            for pair in status.values
        ),
        what="diagnostics name the refusal",
    )
    assert not any(tick.chunk_id for tick in world.executed)


def test_on_sigint_the_arms_come_to_rest_and_commands_end(world, rig_file):
    process = start(rig_file)
    try:
        world.follow_policy()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        world.until(lambda: not world.intervention.armed, what="the end is announced")
        assert "asked to stop" in world.intervention.arms[0].reason
    finally:
        process.kill()


def test_a_missing_rig_file_is_refused_in_one_line(tmp_path):
    process = start(tmp_path / "none.yaml")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"none.yaml" in errors and b"Traceback" not in errors


def test_an_unknown_parameter_is_refused_with_the_nearest_valid_name(rig_file):
    process = start(rig_file, "blend_tick:=3")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"blend_ticks" in errors and b"Traceback" not in errors


def test_in_simulated_time_ticks_follow_the_clock_and_a_clock_that_stands_still_does_not_keep_the_node_alive(
    world, rig_file
):
    world.clock_ns = 10**9
    process = start(rig_file, "use_sim_time:=true")
    try:
        world.follow_policy()
        begin = len(world.executed)
        world.until(lambda: len(world.executed) > begin + 50, what="50 ticks more")
        stamps_ns = np.array([tick.header.stamp.sec * 10**9 + tick.header.stamp.nanosec for tick in world.executed])
        assert (np.median(np.diff(stamps_ns[begin:])), stamps_ns[-1] < 60 * 10**9) == (20_000_000, True)
        world.silent.add("clock")
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
