"""What of a takeover needs the real graph: pedal events under full load, some faults, and the bags of it all."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
import yaml
from aloe_msgs.msg import ArmAction, EpisodeState, ExecutedAction, Intervention
from control import RIG_FILE, START_LIMIT_S, closed_bags
from evdev import ecodes
from pedal_stream import key_event
from rclpy.node import Node

from aloe_control.ros.bag_audit import audit_messages, audited_topics
from aloe_data.frames import EpisodeError
from aloe_data.rig import Rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.bag_reader import read_messages
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.ros.qos import LATCHED
from aloe_data.session import SessionError, open_session
from aloe_sim.faults.fault_trials import random_fault
from aloe_sim.faults.kinds import KINDS, Means
from aloe_sim.ros.fault_tool import FaultTool

PEDALS_FILE = RIG_FILE.parent / "teleop_pedals.yaml"
RELEASE_KEY = "KEY_D"  # as that file proposes
ANSWER_S = 1.0  # a pedal that nothing follows within this time is a takeover that did not happen
FAULT_EVERY_S = 8.0
FAULT_S = 0.8


@dataclass
class Live:
    """What was measured: of every pedal event, milliseconds to what followed it; and what the bags hold."""

    authority_ms: list[float] = field(default_factory=list)
    first_tick_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    faults: int = 0
    ticks: int = 0
    unsafe_ticks: int = 0
    unsafe: list[str] = field(default_factory=list)
    bags: int = 0
    invalid: list[str] = field(default_factory=list)


class Watch:
    """Follows the running graph, and presses the pedals."""

    def __init__(self, node: Node, pipe: Path, rig: Rig, live: Live) -> None:
        self.node = node
        self._rig = rig
        self._live = live
        self._pipe = os.open(pipe, os.O_RDWR)
        keys = pedals_config()["devices"]["foot_pedals"]
        left = keys["left"]
        right = keys["right"]
        takes = {"take_left": (left,), "take_right": (right,), "take_both": (left, right)}
        self._pedals = [(ecodes.ecodes[keys[action]], arms) for action, arms in takes.items()]
        self._episode = EpisodeState.IDLE
        self._sources: dict[str, int] = {}
        self._since: dict[str, tuple[int, int]] = {}  # arm: authority and its begin
        self._human_tick_ns: dict[str, int] = {}  # arm: stamp of the first tick in human hands
        self.armed = False
        node.create_subscription(ExecutedAction, "/executed_action", self._on_tick, 200)
        node.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        node.create_subscription(EpisodeState, "/episode/state", self._on_episode, LATCHED)

    def follows(self) -> bool:
        """Whether an episode runs in which the policy has all arms."""
        running = self.armed and self._episode == EpisodeState.RUNNING
        return running and bool(self._sources) and set(self._sources.values()) == {ArmAction.POLICY}

    def press(self) -> None:
        """Take arms over and give them back, and measure how long that took."""
        code, arms = random.choice(self._pedals)
        spin_for(self.node, random.uniform(0.0, 0.04))  # any phase of the tick
        self._human_tick_ns.clear()
        pressed_ns = self._key(code)
        if not spin_until(self.node, lambda: set(arms) <= set(self._human_tick_ns) or not self.armed, ANSWER_S):
            self._live.unanswered += 1
        if set(arms) <= set(self._human_tick_ns):
            for arm in arms:
                self._live.authority_ms.append((self._since[arm][1] - pressed_ns) / 1e6)
                self._live.first_tick_ms.append((self._human_tick_ns[arm] - pressed_ns) / 1e6)
            spin_for(self.node, random.uniform(0.2, 0.5))
        self.hand_back()

    def hand_back(self) -> None:
        """Give all arms back, also those that a fault made hold."""
        self._key(ecodes.ecodes[RELEASE_KEY])
        spin_until(self.node, self.follows, ANSWER_S)

    def _key(self, code: int) -> int:
        """Press and lift; the time of the press."""
        pressed_ns = time.time_ns()
        os.write(self._pipe, key_event(code, 1, pressed_ns))
        spin_for(self.node, 0.06)
        os.write(self._pipe, key_event(code, 0, time.time_ns()))
        return pressed_ns

    def _on_tick(self, message: ExecutedAction) -> None:
        self.armed = message.armed
        for arm in message.arms:
            if arm.source == ArmAction.HUMAN != self._sources.get(arm.arm):
                self._human_tick_ns[arm.arm] = stamp_to_ns(message.header.stamp)
            self._sources[arm.arm] = arm.source

    def _on_intervention(self, message: Intervention) -> None:
        for arm in message.arms:
            self._since[arm.arm] = arm.authority, stamp_to_ns(arm.since)

    def _on_episode(self, message: EpisodeState) -> None:
        self._episode = message.state


def measure(folder: Path, rig: Rig, seconds: float, policy: str) -> Live:
    """Run rollouts for `seconds`, pressing pedals and injecting faults, then read and audit their bags."""
    live = Live()
    pipe = folder / "pedals"
    bags = folder / "bags"
    os.mkfifo(pipe)
    devices = folder / "teleop.yaml"
    devices.write_text(yaml.safe_dump(pedals_config()))
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        began_s = time.monotonic()
        # Somebody may take over, with a device that the launch does not start itself: here the pedals come in.
        with rollout(bags, policy, "keyboard") as launch, pedal_node(pipe, devices, launch):
            rclpy.init()
            node = Node("bench_takeover")
            try:
                watch = Watch(node, pipe, rig, live)
                spin_until(node, lambda watch=watch, launch=launch: watch.follows() or ended(launch), START_LIMIT_S)
                if not watch.follows():
                    sys.exit("bench: no episode began; see the messages above")
                end_s += time.monotonic() - began_s  # starting does not count
                press_and_break(watch, FaultTool(node), live, launch, end_s)
            finally:
                node.destroy_node()
                rclpy.shutdown()
    for bag in closed_bags(bags):
        judge(bag, rig, live)
    return live


def ended(launch: "subprocess.Popen[bytes]") -> bool:
    """Whether the rollout is over: a fault that stops the arms ends it."""
    return launch.poll() is not None


def press_and_break(watch: Watch, tool: FaultTool, live: Live, launch: "subprocess.Popen[bytes]", end_s: float) -> None:
    """Press pedals until `end_s` or the rollout ends; every now and then inject a fault."""
    kinds = [name for name, kind in KINDS.items() if kind.means is not Means.PROCESS]
    random.Random(0).shuffle(kinds)
    next_fault_s = time.monotonic() + FAULT_EVERY_S
    while time.monotonic() < end_s:
        if not spin_until(watch.node, lambda: watch.follows() or ended(launch), START_LIMIT_S) or ended(launch):
            return
        watch.press()
        if time.monotonic() > next_fault_s:
            inject(watch.node, tool, kinds[live.faults % len(kinds)], live)
            watch.hand_back()
            next_fault_s = time.monotonic() + FAULT_EVERY_S


def inject(node: Node, tool: FaultTool, kind: str, live: Live) -> None:
    """One fault of a kind."""
    fault = random_fault(kind, tool.rig, np.random.default_rng(live.faults))
    live.faults += 1
    tool.carry_out(True, fault)
    spin_for(node, FAULT_S)
    if fault.lasting:
        tool.carry_out(False, fault)


def judge(bag: Path, rig: Rig, live: Live) -> None:
    """Whether a bag can be read as an episode, and whether all its ticks were safe."""
    live.bags += 1
    try:
        read_episode(bag, rig)
        audit = audit_messages(rig, read_messages(bag, audited_topics(rig)))
    except EpisodeError as error:
        live.invalid.append(str(error))
        return
    live.ticks += audit.ticks
    live.unsafe_ticks += audit.unsafe_ticks
    live.unsafe += [f"{bag.name} {unsafe}" for unsafe in audit.unsafe]


def pedals_config() -> dict:
    """The pedals of the repository, and one that hands everything back."""
    config = yaml.safe_load(PEDALS_FILE.read_text())
    pedals = config["devices"]["foot_pedals"] | {"release": RELEASE_KEY}
    config["devices"] = {"foot_pedals": pedals}  # alone: of two devices each would read half of the pipe
    return config


@contextmanager
def rollout(bags: Path, policy: str, human: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A rollout that goes on until it is interrupted."""
    arguments = [f"record:={bags}", f"rig:={RIG_FILE}", "episodes:=1000", f"human:={human}"]
    arguments += [f"policy:={policy}"] if policy else []
    with process(["ros2", "launch", "aloe_bringup", "rollout.launch.py", *arguments]) as launch:
        yield launch


@contextmanager
def pedal_node(pipe: Path, devices: Path, launch: "subprocess.Popen[bytes]") -> Iterator[None]:
    """A teleop_node with pedals that read a pipe, of the session that the rollout has begun."""
    limit_s = time.monotonic() + START_LIMIT_S
    while not has_session():
        if ended(launch) or time.monotonic() > limit_s:
            sys.exit("bench: the rollout began no session; see the messages above")
        time.sleep(0.1)
    script = str(Path(__file__).with_name("pedal_stream.py"))
    parameters = ["--ros-args", "-p", f"rig:={RIG_FILE}", "-p", f"config:={devices}"]
    with process([sys.executable, script, str(pipe), *parameters]):
        yield


def has_session() -> bool:
    """Whether a launch that still runs has begun a session."""
    try:
        open_session()
    except SessionError:
        return False
    return True


@contextmanager
def process(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a group of its own, interrupted at the end."""
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    try:
        yield running
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGINT)
        running.wait(timeout=30)


def spin_until(node: Node, condition: Callable[[], bool], limit_s: float) -> bool:
    """Spin until a condition holds; False if it does not in time."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        rclpy.spin_once(node, timeout_sec=0.005)
    return True


def spin_for(node: Node, seconds: float) -> None:
    """Spin for a time."""
    spin_until(node, lambda: False, seconds)
