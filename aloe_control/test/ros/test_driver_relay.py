"""driver_relay as a process of its own, between sealed commands and a driver, over real DDS."""

import os
import re
import subprocess
import sys
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rclpy
from aloe_msgs.msg import ArmCommand
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState

from aloe_control.ros.arm_relay import missing_driver
from aloe_data.driver import FLOAT_ARRAY, JOINT_STATE, Driver, DriverGripper
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import joint_state_to_message, ns_to_stamp
from aloe_data.ros.qos import SENSOR
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import SESSION_FILE, open_session

CONFIG = Path(__file__).parents[3] / "config"
DOMAIN = 97
DRIVER = "/arm/driver"
DRIVER_LINES = "driver: {topic: /arm/driver, type: sensor_msgs/msg/JointState}"
RELAY = "from aloe_control.ros.driver_relay import main; main()"
SLACK_RAD = 0.02
LEASH_RAD = 0.3  # 2.5 rad/s during 0.1 s of lag and one period of joint states


def write_rig(folder: Path, lines: str = DRIVER_LINES) -> Path:
    """A real rig of one arm."""
    text = (CONFIG / "rig_sim_one_arm.yaml").read_text()
    text = re.sub(r"\nsimulation:.*", "", text, flags=re.DOTALL).replace("simulated: true", "simulated: false")
    text = text.replace("urdf: ", f"urdf: {CONFIG}/").replace("    rate_hz: 50\n", f"    {lines}\n    rate_hz: 50\n", 1)
    path = folder / "rig.yaml"
    path.write_text(text)
    return path


def start(rig_file: Path, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", RELAY, "--ros-args", "-p", f"rig:={rig_file}"]
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)} | environment
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


class Robot:
    """A driver that does what it is told, the sensors of its arm, and control_node; with a stranger beside them."""

    def __init__(self, rig_file: Path) -> None:
        self.arm = load_rig(rig_file).arms[0]
        self.at = np.array(self.arm.home)
        self.told: list[np.ndarray] = []
        self.blocked = False
        self.blind = False  # the driver tells of zeros instead of what its encoders say
        self.wanted: np.ndarray | None = None
        self.step = np.zeros(self.arm.dof)
        self.statuses: dict[str, str] = {}
        self.refused: dict[str, int] = {}
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.driver, self.control, self.stranger = self.nodes("driver", "control_node", "stranger")
        self.sealer = MessageSealer(open_session(), "control_node")
        self.driver.create_subscription(JointState, DRIVER, self._on_set_point, 10)
        self.driver.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._states = self.driver.create_publisher(JointState, self.arm.joint_state_topic, SENSOR)
        self._commands = self.control.create_publisher(ArmCommand, self.arm.command_topic, 1)
        self.driver.create_timer(0.01, self._sense)
        self.control.create_timer(0.02, self._command)

    def nodes(self, *names: str) -> list[Node]:
        made = [Node(name, context=self.context) for name in names]
        for node in made:
            self.executor.add_node(node)
        return made

    def _on_set_point(self, message: JointState) -> None:
        self.told.append(np.array(message.position))
        if not self.blocked:
            self.at = self.told[-1].copy()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = status.message
            self.refused = {pair.key: int(pair.value) for pair in status.values}

    def _sense(self) -> None:
        self._states.publish(joint_state_to_message(self.arm, self.at * (not self.blind), time.time_ns()))

    def command(self, positions: np.ndarray) -> ArmCommand:
        message = ArmCommand(arm=self.arm.name, positions=array("d", positions))
        message.header.stamp = ns_to_stamp(time.time_ns())
        return message

    def _command(self) -> None:
        if self.wanted is not None:
            self.wanted = self.wanted + self.step
            self._commands.publish(self.sealer.seal(self.arm.command_topic, self.command(self.wanted)))

    def until(self, condition, timeout_s: float = 30.0, what: str = "") -> None:
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end_s, f"timed out waiting until {what}; {self.statuses}"
            self.executor.spin_once(timeout_sec=0.05)

    def spin(self, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        self.until(lambda: time.monotonic() > end_s)

    @property
    def state(self) -> str:
        """What the relay says about the arm."""
        return self.statuses.get("driver_relay: arm", "")

    @property
    def jump(self) -> float:
        """How far the arm would jump if it were free now [rad]."""
        return float(np.abs(self.told[-1] - self.at)[:-1].max())

    def close(self) -> None:
        self.executor.shutdown()
        self.context.try_shutdown()


@pytest.fixture
def rig_file(tmp_path):
    return write_rig(tmp_path)


@pytest.fixture
def robot(rig_file):
    robot = Robot(rig_file)
    yield robot
    robot.close()


def test_commands_of_control_node_reach_the_driver_and_nothing_else_does(robot, rig_file):
    relay = start(rig_file)
    try:
        robot.until(lambda: "no command yet" in robot.state, 60.0, "the relay is there")
        assert not robot.told, "nothing is sent before the first command"
        rogue = robot.stranger.create_publisher(ArmCommand, robot.arm.command_topic, 1)
        robot.until(lambda: rogue.get_subscription_count() > 0, what="the stranger finds the relay")
        began_s = time.monotonic()
        for _ in range(20):
            rogue.publish(robot.command(robot.at + 0.04))
            robot.spin(0.01)
        robot.until(lambda: "is also published by stranger" in robot.state, what="the stranger is named")
        assert time.monotonic() - began_s < 2.0, "1 s, and some patience for a busy machine"
        assert robot.refused["refused seal of strangers"] > 0
        assert not robot.told, "a rogue command was obeyed"

        # A command that was true once is true no more.
        robot.wanted = robot.at.copy()
        robot.until(lambda: "follows control_node-" in robot.state, what="control_node is followed")
        old = robot.sealer.seal(robot.arm.command_topic, robot.command(robot.at))
        robot.spin(0.1)
        rogue.publish(old)
        robot.until(lambda: robot.refused["refused seal of strangers"] > 1, what="it is refused")

        # The arm is blocked while its commands go on, and then they stop.
        robot.blocked = True
        robot.step[0] = 0.02
        robot.until(lambda: robot.wanted[0] - robot.at[0] > 0.5, what="the commands are far away")
        assert abs(robot.jump - LEASH_RAD) < 0.03
        robot.wanted = None
        robot.until(lambda: robot.jump <= SLACK_RAD + 1e-6, what="the arm is held where it is measured")
        stood = robot.at.copy()
        robot.blocked = False
        robot.spin(0.3)
        assert np.abs(robot.at - stood)[:-1].max() <= SLACK_RAD + 1e-6

        # A stranger on the driver's own topic cannot be refused, but is named, and the relay commands no more.
        bold = robot.stranger.create_publisher(JointState, DRIVER, 1)
        robot.until(lambda: f"{DRIVER} is also published by stranger" in robot.state, what="it is named")
        robot.stranger.destroy_publisher(bold)

        # A stranger's joint states would take a held arm along: it stays, and the stranger is named.
        sensors = robot.stranger.create_publisher(JointState, robot.arm.joint_state_topic, SENSOR)
        before = robot.told[-1].copy()
        false = joint_state_to_message(robot.arm, robot.at - 0.5, 0)

        def named() -> bool:
            false.header.stamp = ns_to_stamp(time.time_ns())
            sensors.publish(false)
            return f"{robot.arm.joint_state_topic} has 2 publishers instead of 1" in robot.state

        robot.until(named, what="it is named")
        assert np.abs(robot.told[-1] - before).max() < 1e-9
        robot.stranger.destroy_publisher(sensors)

        # A driver that has lost its encoders and tells of zeros leads no held arm there.
        robot.step[:] = 0.0
        robot.wanted = robot.at.copy()
        robot.until(lambda: "follows control_node-" in robot.state, what="control_node is followed again")
        robot.wanted = None
        robot.until(lambda: "no command for" in robot.state, what="the arm is held again")
        before = robot.told[-1].copy()
        robot.blind = True
        robot.spin(0.5)
        robot.blind = False
        assert np.abs(robot.told[-1] - before).max() < 1e-9
        robot.spin(0.5)

        # A second relay of the same arm is refused, and the first goes on.
        second = start(rig_file)
        output = second.communicate(timeout=60)[1]
        assert second.returncode == 1
        assert "'arm' has another driver_relay already; stop one of them" in output
        robot.wanted = robot.at.copy()
        robot.until(lambda: "follows control_node-" in robot.state, what="control_node is followed again")
    finally:
        robot.wanted = None
        relay.terminate()
        assert relay.wait(timeout=20) == 0


@dataclass
class Graph:
    """Stands for a node that looks around."""

    types: dict[str, str]

    def get_subscriptions_info_by_topic(self, topic: str) -> list:
        kind = self.types.get(topic)
        info = SimpleNamespace(endpoint_gid=[1], node_name="xs_sdk", topic_type=kind)
        return [info] if kind else []


def test_a_driver_that_is_not_there_or_takes_another_type_is_named():
    driver = Driver("/d", JOINT_STATE, gripper=DriverGripper("/g", FLOAT_ARRAY))
    assert missing_driver(Graph({"/d": JOINT_STATE, "/g": FLOAT_ARRAY}), "arm", driver) == []
    absent, wrong = missing_driver(Graph({"/g": JOINT_STATE}), "arm", driver)
    assert absent == "nobody listens to /d; start the driver of 'arm'"
    assert wrong == f"/g: xs_sdk takes {JOINT_STATE}, the rig file says {FLOAT_ARRAY}; correct driver.type of 'arm'"


@pytest.mark.parametrize(
    ("lines", "environment", "words"),
    [
        (DRIVER_LINES, {SESSION_FILE: "/nowhere/session.json"}, "no session file /nowhere/session.json"),
        ("command_type: sensor_msgs/msg/JointState", {}, "arm: no driver is named"),
        (
            "driver: {topic: /d, type: interbotix_xs_msgs/msg/JointGroupCommand, group: arm}",
            {},
            "interbotix_xs_msgs is not installed",
        ),
    ],
)
def test_a_relay_that_cannot_work_says_why_and_does_not_start(tmp_path, lines, environment, words):
    relay = start(write_rig(tmp_path, lines), **environment)
    assert words in relay.communicate(timeout=60)[1]
    assert relay.returncode == 1
