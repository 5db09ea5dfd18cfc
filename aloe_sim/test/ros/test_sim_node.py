"""sim_node as a process, over DDS."""

import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs")

import rclpy
from aloe_msgs.msg import ActionChunk, ArmCommand, EpisodeState, TaskState
from aloe_msgs.srv import ResetScene
from raw_rig import write_raw_rig
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from shared_topic import TOPIC, write_shared_rig
from std_msgs.msg import String

from aloe_data.codecs import decode_compressed
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import image_from_message, ns_to_stamp, stamp_to_ns
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session

RIG_FILE = Path(__file__).parents[3] / "config" / "rig_sim.yaml"
RIG = load_rig(RIG_FILE)
DOMAIN = 90
RELIABLE = 200


def start_node(*parameters: str) -> "subprocess.Popen[str]":
    words = [w for p in (f"rig:={RIG_FILE}", *parameters) for w in ("-p", p)]
    return subprocess.Popen(
        [sys.executable, "-c", "from aloe_sim.ros.sim_node import main; main()", "--ros-args", *words],
        env=os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Graph:
    """A node of the test's own that keeps what it hears."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = rclpy.create_node("listener", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        threading.Thread(target=self._spin, daemon=True).start()

    def _spin(self) -> None:
        try:
            self.executor.spin()
        except ExternalShutdownException:
            return

    def hear(self, kind: type, topic: str) -> list[Any]:
        heard: list[Any] = []
        self.node.create_subscription(kind, topic, heard.append, RELIABLE)
        return heard

    def reset(self, seed: int, prompt: str = "") -> Any:
        client = self.node.create_client(ResetScene, "/sim/reset")
        assert client.wait_for_service(30)
        future = client.call_async(ResetScene.Request(seed=seed, prompt=prompt))
        assert until(future.done)
        return future.result()


def until(condition: Callable[[], object], timeout_s: float = 30.0) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def graph() -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.executor.shutdown(1.0)
    graph.node.destroy_node()
    rclpy.shutdown(context=graph.context)


@pytest.fixture
def run() -> Iterator[Callable[..., Any]]:
    running: list[subprocess.Popen[str]] = []

    def start(*parameters: str) -> "subprocess.Popen[str]":
        running.append(start_node(*parameters))
        return running[-1]

    yield start
    for process in running:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def stamps(messages: list[Any]) -> np.ndarray:
    return np.array([stamp_to_ns(m.header.stamp) for m in messages])


def test_streams_are_complete_regular_and_stamped_with_the_time_of_the_state(
    graph: Graph, run: Any, tmp_path: Path
) -> None:
    rig_file = write_raw_rig(tmp_path, ["head"])
    cameras = load_rig(rig_file).cameras
    run(f"rig:={rig_file}")
    images = {c.name: graph.hear(Image if c.is_raw else CompressedImage, c.topic) for c in cameras}
    joints = graph.hear(JointState, RIG.arms[0].joint_state_topic)
    assert until(lambda: min(map(len, images.values())) > 10 and len(joints) > 50)
    now_ns = time.time_ns()
    assert [camera.is_raw for camera in cameras] == [True, False, False]
    for camera in cameras:
        first = images[camera.name][0]
        taken = image_from_message(first, camera)
        image = decode_compressed(taken, camera) if isinstance(taken, bytes) else taken.decode()
        assert image.shape == (camera.height, camera.width, 3) and image.std() > 10
        times = stamps(images[camera.name])
        assert (np.diff(times) > 0).all()
        assert len(times) - 2 <= (times[-1] - times[0]) / 1e9 * camera.rate_hz + 2, "no more images than the rate says"
        assert first.header.frame_id == camera.name
    assert joints[0].name == list(RIG.arms[0].joint_names)
    period_ns = np.diff(stamps(joints))
    assert (period_ns > 0).all() and np.median(period_ns) == 20_000_000
    assert stamps(joints)[-1] <= now_ns + 20_000_000
    common = set(stamps(images["head"])) & set(stamps(images["left_wrist"]))
    assert len(common) >= len(images["head"]) - 2, "all cameras show the same instants"


def test_arms_that_share_a_topic_share_its_messages(graph: Graph, run: Any, tmp_path: Path) -> None:
    rig_file = write_shared_rig(tmp_path)
    run(f"rig:={rig_file}")
    arms = load_rig(rig_file).arms
    joints = graph.hear(JointState, TOPIC)
    assert until(lambda: len(joints) > 20)
    assert list(joints[0].name) == [name for arm in arms for name in arm.joint_names]
    np.testing.assert_allclose(joints[0].position, [value for arm in arms for value in arm.home], atol=0.02)
    assert (np.diff(stamps(joints)) > 0).all()


def test_an_arm_goes_where_it_is_told_and_a_bad_command_is_refused(graph: Graph, run: Any) -> None:
    process = run()
    arm = RIG.arms[0]
    joints = graph.hear(JointState, arm.joint_state_topic)
    command = graph.node.create_publisher(ArmCommand, arm.command_topic, 10)
    assert until(lambda: joints and command.get_subscription_count())
    home, target = np.array(arm.home), np.array([p + 0.2 for p in arm.home[:-1]] + [0.01])
    sealer = MessageSealer(open_session(), "control_node")

    def send(positions: np.ndarray) -> None:
        message = ArmCommand(arm=arm.name, positions=array("d", positions))
        message.header.stamp = ns_to_stamp(time.time_ns())
        command.publish(sealer.seal(arm.command_topic, message))

    for share in np.linspace(0.0, 1.0, 50):
        send(home + share * (target - home))
        time.sleep(0.02)
    assert until(lambda: np.abs(np.array(joints[-1].position) - target).max() < 0.02)
    send(target * np.nan)
    count = len(joints)
    assert until(lambda: len(joints) > count + 20)
    assert np.abs(np.array(joints[-1].position) - target).max() < 0.02
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert f"command for '{arm.name}' refused: joint 'waist'" in output and "NaN" in output
    assert process.returncode == 0


class Sweep:
    """Stands for control_node: commands the waist of an arm at 50 Hz, ever further, while it is on."""

    def __init__(self, graph: Graph) -> None:
        self.arm = RIG.arms[0]
        self.joints = graph.hear(JointState, self.arm.joint_state_topic)
        self.publisher = graph.node.create_publisher(ArmCommand, self.arm.command_topic, 1)
        self.faults = graph.node.create_publisher(String, "/sim/faults", 10)
        self.sealer = MessageSealer(open_session(), "control_node")
        self.wanted: np.ndarray | None = None
        self.step = 0.01
        graph.node.create_timer(0.02, self._send)

    @property
    def at(self) -> np.ndarray:
        return np.array(self.joints[-1].position)

    def message(self, positions: np.ndarray) -> ArmCommand:
        message = ArmCommand(arm=self.arm.name, positions=array("d", positions))
        message.header.stamp = ns_to_stamp(time.time_ns())
        return message

    def begin(self) -> None:
        self.wanted = self.at

    def _send(self) -> None:
        if self.wanted is not None:
            self.wanted = self.wanted + np.append(self.step, np.zeros(self.arm.dof - 1))
            self.publisher.publish(self.sealer.seal(self.arm.command_topic, self.message(self.wanted)))

    def moved(self, seconds: float) -> float:
        """How far the arm gets from where it is within some time [rad]."""
        stood, count = self.at, len(self.joints)
        time.sleep(seconds)
        return max(float(np.abs(np.array(m.position) - stood)[:-1].max()) for m in self.joints[count:])


def test_an_arm_does_not_jump_when_it_is_free_again_and_a_stranger_moves_none(graph: Graph, run: Any) -> None:
    run()
    sweep = Sweep(graph)
    assert until(
        lambda: sweep.joints and sweep.publisher.get_subscription_count() and sweep.faults.get_subscription_count()
    )
    for _ in range(20):
        sweep.publisher.publish(sweep.message(sweep.at + 0.03))
    assert sweep.moved(0.3) < 0.002, "a command without a seal was obeyed"

    sweep.begin()
    assert until(lambda: sweep.at[0] > sweep.arm.home[0] + 0.2)
    sweep.faults.publish(String(data="begin block:left_arm"))
    assert until(lambda: sweep.wanted[0] > sweep.at[0] + 0.5)
    sweep.wanted = None
    time.sleep(0.5)
    sweep.faults.publish(String(data="end block:left_arm"))
    assert sweep.moved(0.5) <= 0.02

    sweep.begin()
    assert until(lambda: sweep.moved(0.1) > 0.03)
    sweep.faults.publish(String(data="begin cut_commands:left_arm"))
    assert until(lambda: sweep.wanted[0] > sweep.at[0] + 0.3)
    sweep.faults.publish(String(data="end cut_commands:left_arm"))
    assert sweep.moved(0.5) <= 0.02
    sweep.wanted = None

    stood = sweep.at
    sweep.faults.publish(String(data="begin drive_off:left_arm"))
    assert until(lambda: np.abs(sweep.at - stood).max() > 0.2 and sweep.moved(0.2) < 0.002), "it has sunk"
    sweep.faults.publish(String(data="end drive_off:left_arm"))
    assert sweep.moved(0.5) <= 0.02


def test_a_reset_gives_the_prompt_and_refuses_one_that_names_nothing(graph: Graph, run: Any) -> None:
    run()
    answer = graph.reset(5)
    assert answer.success and "cube" in answer.prompt
    assert graph.reset(5).prompt == answer.prompt
    refused = graph.reset(5, "fold the towel")
    assert not refused.success
    assert "names no side" in refused.message


def test_the_expert_speaks_while_an_episode_runs(graph: Graph, run: Any) -> None:
    run("expert:=true")
    chunks = graph.hear(ActionChunk, "/policy/action_chunk")
    state = graph.node.create_publisher(EpisodeState, "/episode/state", LATCHED)
    graph.reset(0)
    assert not chunks, "no episode, no chunks"
    state.publish(EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0000"))
    assert until(lambda: len(chunks) > 3)
    assert (chunks[0].action_space, chunks[0].action_dim) == ("ee_pose", RIG.action_dim)
    assert (np.diff(stamps(chunks)) == 200_000_000).any()
    state.publish(EpisodeState(state=EpisodeState.IDLE))


def test_a_scripted_human_can_see_the_task_and_what_the_expert_would_do(graph: Graph, run: Any) -> None:
    run("human:=true")
    states, chunks = graph.hear(TaskState, "/sim/task_state"), graph.hear(ActionChunk, "/sim/expert_chunk")
    policy = graph.hear(ActionChunk, "/policy/action_chunk")
    graph.reset(0)
    graph.node.create_publisher(EpisodeState, "/episode/state", LATCHED).publish(
        EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0000")
    )
    assert until(lambda: len(chunks) > 5 and len(states) > 5)
    assert (states[-1].task, states[-1].progress, states[-1].success) == ("sorting", 0.0, False)
    assert states[-1].arms and not states[-1].trouble
    assert np.median(np.diff(stamps(states))) == np.median(np.diff(stamps(chunks))) == 100_000_000
    assert not policy, "what a human would do is no policy"


def test_simulated_time_drives_the_clock(graph: Graph, run: Any) -> None:
    run("use_sim_time:=true", "real_time_factor:=2.0")
    clocks, joints = graph.hear(Clock, "/clock"), graph.hear(JointState, RIG.arms[0].joint_state_topic)
    assert until(lambda: len(joints) > 20)
    times = [c.clock.sec + c.clock.nanosec / 1e9 for c in clocks]
    assert times == sorted(times) and times[-1] < 1e6
    assert stamps(joints)[-1] < 1e15


@pytest.mark.parametrize(
    ("parameter", "complaint"),
    [
        ("task:=sortin", "unknown task 'sortin'; did you mean 'sorting'"),
        ("real_time_factor:=2.0", "use_sim_time"),
        ("real_time_facto:=1.0", "did you mean 'real_time_factor'"),
        ("jpeg_quality:=300", "outside 10 to 100"),
    ],
)
def test_wrong_parameters_end_the_node_with_one_clear_line(run: Any, parameter: str, complaint: str) -> None:
    process = run(parameter)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert complaint in output
    assert "Traceback" not in output
