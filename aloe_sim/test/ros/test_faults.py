"""The fault tool as a user runs it, over DDS, against a simulator and against what is none."""

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs")

import rclpy
from aloe_msgs.msg import ActionChunk
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, JointState

from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import stamp_to_ns
from aloe_sim.faults.kinds import FaultError
from aloe_sim.ros.faults import Asked, parse, planned

CONFIG = Path(__file__).parents[3] / "config"
RIG = load_rig(CONFIG / "rig_sim.yaml")
DOMAIN = 96


def start(module: str, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", f"from aloe_sim.ros.{module} import main; main()", *words]
    environment = os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def inject(*words: str, typed: str = "") -> tuple[int, str]:
    """Run the tool to its end; its exit code and output."""
    process = start("faults", *words)
    output, _ = process.communicate(typed, timeout=30)
    return process.returncode, output


@pytest.fixture
def node() -> Iterator[Node]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    node = Node("sim_node_impostor", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            return

    threading.Thread(target=spin, daemon=True).start()
    yield node
    executor.shutdown(1.0)
    node.destroy_node()
    rclpy.shutdown(context=context)


def hear(node: Node, kind: type, topic: str) -> list[Any]:
    heard: list[Any] = []
    node.create_subscription(kind, topic, heard.append, 50)
    return heard


def soon(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Whether a condition comes to hold; another thread listens."""
    end = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < end:
        threading.Event().wait(0.01)
    return condition()


def test_faults_happen_as_planned_and_then_the_simulator_is_killed(node):
    simulator = start("sim_node", "--ros-args", "-r", "__node:=sim_node", "-p", f"rig:={CONFIG / 'rig_sim.yaml'}")
    images = hear(node, CompressedImage, RIG.camera("head").topic)
    joints = hear(node, JointState, RIG.arm("left_arm").joint_state_topic)
    chunks = hear(node, ActionChunk, "/policy/action_chunk")
    try:
        assert soon(lambda: bool(images and joints), 30), "the simulator is heard"
        freeze, spoil = ("camera_stuck:head", "--for", "0.4"), ("nan_joints:left_arm", "--for", "0.2")
        code, output = inject("--at", "0.1", *freeze, "--at", "0.3", *spoil, "--at", "0.5", "nan_chunk")
        assert (code, output.count("begin")) == (0, 3), output
        stamps = [stamp_to_ns(image.header.stamp) for image in images]
        assert len(set(stamps)) < len(stamps), "a stamp came again"
        assert 3 < sum(math.isnan(state.position[0]) for state in joints) < 30
        assert soon(lambda: any(math.isnan(chunk.data[0]) for chunk in chunks)), "the spoilt chunk arrives"
        code, output = inject(typed="kil:sim_node\nkill:sim_node\n")
        assert code == 1 and "did you mean 'kill'" in output
        assert simulator.wait(10) == -9
    finally:
        simulator.kill()
        simulator.communicate()


def test_a_rig_that_is_not_simulated_is_refused(node):
    real = Node("sim_node", context=node.context)
    real.declare_parameter("rig", str(CONFIG / "rig_aloha.yaml"))
    node.executor.add_node(real)
    code, output = inject("kill:control_node")
    assert code == 1 and "is not simulated; refused" in output
    real.destroy_node()


def test_a_duration_belongs_to_the_fault_before_it():
    options = parse(["--at", "3", "camera_freeze:head", "--for", "2", "--at", "8", "kill:policy_node"])
    assert options.asked == [Asked(3.0, "camera_freeze:head", 2.0), Asked(8.0, "kill:policy_node")]
    assert parse(["drop:head", "--for", "1"]).asked == [Asked(0.0, "drop:head", 1.0)]
    with pytest.raises(FaultError, match="how long"):
        planned(Asked(0.0, "drop:head"), RIG)
