"""teleop_node over real DDS: a recorded pedal and a leader arm that the test moves."""

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from aloe_msgs.msg import ArmAuthority, EpisodeEvent, EpisodeState, Intervention, InterventionRequest, TeleopCommand
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState

from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import joint_state_to_message
from aloe_data.ros.qos import LATCHED
from aloe_teleop.devices import pedals
from aloe_teleop.ros.teleop_node import TeleopNode

DOMAIN = 83
RIG_FILE = Path(__file__).parents[3] / "config" / "rig_sim.yaml"
TELEOP = """
operator: maria
devices:
  foot: {kind: pedals, device: FootSwitch, take_left: KEY_A, failure: KEY_B, estop: KEY_ESC, reset: KEY_R}
  leader: {kind: leader, arm: left_arm, topic: /leader/joint_states}
"""
HUMAN = ArmAuthority(arm="left_arm", authority=ArmAuthority.HUMAN, operator_id="maria")


def until(condition: Callable[[], object], timeout_s: float = 10.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class World:
    """teleop_node, the arm, the leader, and all that the node says."""

    def __init__(self, pedal: Any, config: Path) -> None:
        self.pedal = pedal
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.arm = load_rig(RIG_FILE).arm("left_arm")
        self.node = rclpy.create_node("world", context=self.context)
        self.requests: list[InterventionRequest] = self._collect(InterventionRequest, "/intervention/request")
        self.commands: list[TeleopCommand] = self._collect(TeleopCommand, "/teleop/left_arm/command")
        self.verdicts: list[EpisodeEvent] = self._collect(EpisodeEvent, "/episode/verdict")
        self.health: list[DiagnosticArray] = self._collect(DiagnosticArray, "/diagnostics")
        self.intervention = self.node.create_publisher(Intervention, "/intervention", LATCHED)
        self.episode = self.node.create_publisher(EpisodeState, "/episode/state", LATCHED)
        topics = (self.arm.joint_state_topic, "/leader/joint_states")
        self.joints = [self.node.create_publisher(JointState, topic, 1) for topic in topics]
        self.leader_at = list(self.arm.home)
        self.leader_alive = True
        self.node.create_timer(0.02, self._publish_joints)
        parameters = [Parameter("rig", value=str(RIG_FILE)), Parameter("config", value=str(config))]
        self.teleop = TeleopNode(context=self.context, parameter_overrides=parameters)
        self.executor = SingleThreadedExecutor(context=self.context)
        for node in (self.node, self.teleop):
            self.executor.add_node(node)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()

    def _spin(self) -> None:
        while self.context.ok():
            self.executor.spin_once(timeout_sec=0.1)

    def _collect(self, kind: type, topic: str) -> list[Any]:
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, 50)
        return messages

    def _publish_joints(self) -> None:
        now_ns = self.node.get_clock().now().nanoseconds
        for publisher, positions in zip(self.joints, (self.arm.home, self.leader_at), strict=True):
            if publisher is self.joints[0] or self.leader_alive:
                publisher.publish(joint_state_to_message(self.arm, positions, now_ns))

    def say(self, *arms: ArmAuthority, estop: bool = False) -> None:
        senders = [self.requests[-1].seal.sender for arm in arms if arm.operator_id]
        self.intervention.publish(Intervention(armed=True, estop=estop, arms=arms, senders=senders))

    def asked(self, kind: int = InterventionRequest.ALIVE) -> list[InterventionRequest]:
        return [request for request in self.requests if request.request == kind]

    def take(self) -> None:
        assert until(lambda: self.commands and self.asked())
        self.pedal.send("KEY_A", 1)
        assert until(lambda: self.asked(InterventionRequest.TAKE))
        self.say(HUMAN)
        assert until(lambda: self.commands[-1].deadman)

    def problem(self, device: str) -> str | None:
        """What the newest diagnostics say of a device; "" when it is well."""
        statuses = [status for message in self.health for status in message.status]
        mine = [status for status in statuses if status.name == f"teleop_node: {device}"]
        if not mine or mine[-1].level == DiagnosticStatus.OK:
            return "" if mine else None
        return mine[-1].message

    def close(self) -> None:
        self.teleop.finish()
        self.executor.shutdown(1.0)
        for node in (self.teleop, self.node):  # else what was latched here would reach the next test
            node.destroy_node()
        rclpy.shutdown(context=self.context)
        self.thread.join(1.0)


@pytest.fixture
def world(tmp_path: Path, make_device: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    pedal = make_device()
    monkeypatch.setattr(pedals, "find_device", lambda *_: pedal.open())
    config = tmp_path / "teleop.yaml"
    config.write_text(TELEOP)
    made = World(pedal, config)
    yield made
    made.close()


def test_a_pedal_takes_the_arm_and_the_leader_moves_it(world: World) -> None:
    assert until(lambda: len(world.asked()) > 2 and len(world.commands) > 10)
    assert not any(command.deadman for command in world.commands)
    world.take()
    take = world.asked(InterventionRequest.TAKE)[0]
    assert (list(take.arms), take.operator_id, take.device) == (["left_arm"], "maria", "foot")
    assert take.reason == "pressed KEY_A (take_left)"
    assert list(world.commands[-1].data) == list(world.arm.home)
    sequence = [command.sequence for command in world.commands]
    assert all(later > earlier for earlier, later in itertools.pairwise(sequence))


def test_a_leader_that_stands_elsewhere_keeps_the_arm_from_being_taken(world: World) -> None:
    assert until(lambda: world.commands)
    world.leader_at[0] += 0.5
    assert until(lambda: abs(world.commands[-1].data[0] - world.leader_at[0]) < 1e-9)
    world.pedal.send("KEY_A", 1)
    count = len(world.commands)
    assert until(lambda: len(world.commands) > count + 5)
    assert not world.asked(InterventionRequest.TAKE)
    assert [list(request.arms) for request in world.asked(InterventionRequest.HOLD)] == [["left_arm"]]
    assert not world.commands[-1].deadman


def test_a_leader_that_dies_while_it_leads_lets_the_arm_hold_and_sends_nothing_stale(world: World) -> None:
    world.take()
    world.leader_alive = False
    assert until(lambda: world.asked(InterventionRequest.HOLD))
    hold = world.asked(InterventionRequest.HOLD)[0]
    assert (list(hold.arms), hold.device) == (["left_arm"], "leader")
    count = len(world.commands)
    beats = len(world.asked())
    assert until(lambda: len(world.asked()) > beats + 2)
    assert len(world.commands) <= count + 1  # one may have been under way
    assert "silent for more than 0.1 s" in (world.problem("leader") or "")
    assert world.problem("foot") == ""


def test_a_second_publisher_of_a_leaders_joint_states_leads_no_arm_and_is_told(world: World) -> None:
    world.take()
    rogue = world.node.create_publisher(JointState, "/leader/joint_states", 1)
    assert until(lambda: world.asked(InterventionRequest.HOLD))
    assert until(lambda: "2 nodes publish it instead of 1" in (world.problem("leader") or ""))
    world.node.destroy_publisher(rogue)
    assert until(lambda: world.problem("leader") == "")


def test_a_pedal_that_is_unplugged_lets_the_arm_hold_and_loses_its_heartbeat(world: World) -> None:
    world.take()
    world.pedal.unplug()
    assert until(lambda: world.asked(InterventionRequest.HOLD))
    assert until(lambda: world.problem("foot"))
    beats, count = len(world.asked()), len(world.commands)
    assert until(lambda: len(world.commands) > count + 15)
    assert len(world.asked()) <= beats + 1
    world.pedal.plug_in()
    assert until(lambda: len(world.asked()) > beats + 2)
    assert world.problem("foot") == ""


def test_the_emergency_stop_is_sent_until_control_has_it(world: World) -> None:
    assert until(lambda: world.asked())
    world.pedal.send("KEY_ESC", 1)
    assert until(lambda: len(world.asked(InterventionRequest.ESTOP)) > 2)
    stamps = [(request.header.stamp.sec, request.header.stamp.nanosec) for request in world.requests]
    assert stamps == sorted(stamps)
    world.say(estop=True)
    assert until(lambda: world.teleop._rig_state.view().estop)
    count, beats = len(world.asked(InterventionRequest.ESTOP)), len(world.asked())
    assert until(lambda: len(world.asked()) > beats + 3)
    assert len(world.asked(InterventionRequest.ESTOP)) <= count + 1


def test_a_verdict_names_the_episode_that_was_seen(world: World) -> None:
    world.episode.publish(EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0007"))
    assert until(lambda: world.teleop._rig_state.newest_episode_id == "ep_0007" and world.asked())
    world.pedal.send("KEY_B", 1)
    assert until(lambda: world.verdicts)
    event = world.verdicts[0]
    assert (event.kind, event.verdict, event.episode_id) == (EpisodeEvent.VERDICT, EpisodeEvent.FAILURE, "ep_0007")
    assert event.source == "foot"


def test_a_keyboard_without_a_terminal_is_refused_in_one_line() -> None:
    arguments = ["--ros-args", "-p", f"rig:={RIG_FILE}", "-p", f"config:={RIG_FILE.parent / 'teleop_keyboard.yaml'}"]
    run = subprocess.run(
        [sys.executable, "-c", "from aloe_teleop.ros.teleop_node import main; main()", *arguments],
        env=os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "keyboard: the standard input is no terminal" in run.stderr
    assert "Traceback" not in run.stderr
