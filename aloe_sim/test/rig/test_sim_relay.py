"""A control loop, the relays and physics in one process: no arm jumps when it is free again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aloe_control.control_loop import ControlLoop
from aloe_control.joint_requests import RequestSolver
from aloe_control.relay_commands import Command
from aloe_control.relay_limits import relay_limits
from aloe_data.chunk import Chunk
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import NS
from aloe_sim.rig.sim_relay import SimRelays
from aloe_sim.rig.sim_rig import SimRig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
ARM = RIG.arms[0].name
SLACK_RAD = 0.02


class Loop:
    """The rig as `sim_node` runs it, at simulated time; the policy sweeps the waist of the left arm."""

    def __init__(self, sim: SimRig) -> None:
        self.sim = sim
        sim.reset(0)
        self.relays = SimRelays(sim)
        self.control = ControlLoop(RIG)
        self.cut = False
        self.refused: list[str] = []
        self.chunks = 0
        self.start_ns = self.now_ns
        self.jumps: list[float] = []
        self.tick()
        assert self.control.arm(self.now_ns)[0]

    @property
    def now_ns(self) -> int:
        return round(self.sim.time_s * NS)

    @property
    def jump(self) -> float:
        """How far the arm would go if it were free, with power, now [rad]."""
        return float(np.abs(self.sim.command(ARM) - self.sim.joint_positions(ARM))[:-1].max())

    def offer(self) -> None:
        """A chunk that turns the left tool about the arm's base, from where the arm is."""
        self.chunks += 1
        times = (self.now_ns - self.start_ns) / NS + np.arange(50) / RIG.rate_hz
        rows = np.tile(self.control_row(), (50, 1))
        rows[:, 1] += 0.15 * np.sin(3.0 * times)
        self.control.set_chunk(Chunk(self.now_ns, self.chunks, rows.astype(np.float32), "v", self.chunks, RIG.rate_hz))

    def control_row(self) -> np.ndarray:
        """The pose row of both arms at home."""
        return RequestSolver(RIG, 3).action_of(np.concatenate([arm.home for arm in RIG.arms]))

    def tick(self) -> None:
        for arm in RIG.arms:
            self.control.set_joint_state(arm.name, self.now_ns, self.sim.joint_positions(arm.name))
        for camera in RIG.cameras:
            self.control.set_camera_stamp(camera.name, self.now_ns)
        if self.control.armed and not self.control.fault:
            self.offer()
        result = self.control.tick(self.now_ns)
        for arm in result.arms:
            if arm.arm in result.commands and not (self.cut and arm.arm == ARM):
                command = Command("control_node-a", 0, arm.hold, result.commands[arm.arm])
                refusal = self.relays.command(arm.arm, command, self.now_ns)
                if refusal is not None:
                    self.refused.append(refusal.kind)
        for _ in range(5):
            self.relays.step(self.now_ns)
            self.sim.advance(0.004)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * RIG.rate_hz)):
            self.tick()

    def step_when_free(self) -> float:
        """How far the arm moves within half a second of freedom [rad]."""
        stood = self.sim.joint_positions(ARM)
        furthest = 0.0
        for _ in range(25):
            self.tick()
            furthest = max(furthest, float(np.abs(self.sim.joint_positions(ARM) - stood)[:-1].max()))
        return furthest


@pytest.fixture(scope="module")
def sim() -> SimRig:
    return SimRig(RIG)


@pytest.fixture
def loop(sim):
    loop = Loop(sim)
    loop.run(0.6)
    assert loop.control.armed
    assert not loop.refused
    yield loop
    sim.arm_faults.block(ARM, False)
    sim.arm_faults.power(ARM, True)


def test_an_arm_follows_the_loop_through_its_relay(loop):
    before = loop.sim.joint_positions(ARM)
    loop.run(0.4)
    assert np.abs(loop.sim.joint_positions(ARM) - before).max() > 0.2, "it moves"
    assert loop.jump < 0.2, "it follows"
    assert not loop.refused


def at_full_speed(sim: SimRig, joint: int, ticks: int) -> Iterator[np.ndarray]:
    """One joint of an arm is sent ahead as fast as it may go; its commands, when their tick has passed."""
    sim.reset(0)
    relays = SimRelays(sim)
    arm = RIG.arms[0]
    wanted = np.array(arm.home)
    speed = 0.0
    for tick in range(ticks):
        speed = min(arm.joints[joint].max_velocity, speed + arm.joints[joint].max_acceleration / RIG.rate_hz)
        wanted[joint] -= speed / RIG.rate_hz
        now_ns = round(tick / RIG.rate_hz * NS)
        assert relays.command(ARM, Command("control_node-a", 0, False, wanted), now_ns) is None
        for piece in range(5):
            relays.step(now_ns + (piece + 1) * 4_000_000)
            sim.advance(0.004)
        yield wanted


@pytest.mark.parametrize("joint", range(RIG.arms[0].dof - 1))
def test_a_healthy_arm_at_full_speed_is_sent_every_command_unchanged(sim, joint):
    for wanted in at_full_speed(sim, joint, 20):
        np.testing.assert_allclose(sim.command(ARM), wanted, atol=1e-12)


def test_an_arm_that_is_blocked_at_full_speed_is_wound_up_by_its_leash_alone(sim):
    waist = 0
    for tick, wanted in enumerate(at_full_speed(sim, waist, 30)):
        sim.arm_faults.block(ARM, tick >= 15)
        commanded = np.abs(wanted - sim.joint_positions(ARM))[waist]
    wound_up = np.abs(sim.command(ARM) - sim.joint_positions(ARM))[waist]
    sim.arm_faults.block(ARM, False)
    assert commanded > 0.8
    assert wound_up == pytest.approx(relay_limits(RIG, RIG.arms[0]).leash[waist], abs=1e-6)


def test_blocked_and_freed_an_arm_stays(loop):
    loop.sim.arm_faults.block(ARM, True)
    loop.run(1.5)
    assert "does not follow" in loop.control.fault
    assert loop.jump <= SLACK_RAD + 1e-6
    loop.sim.arm_faults.block(ARM, False)
    assert loop.step_when_free() <= SLACK_RAD


def test_a_drive_that_comes_back_does_not_jump(loop):
    before = loop.sim.joint_positions(ARM)
    loop.sim.arm_faults.power(ARM, False)
    loop.run(1.0)
    assert np.abs(loop.sim.joint_positions(ARM) - before).max() > 0.3, "it has sunk"
    assert loop.control.fault
    loop.run(1.0)
    loop.sim.arm_faults.power(ARM, True)
    assert loop.step_when_free() <= SLACK_RAD


def test_a_link_that_comes_back_does_not_jump(loop):
    loop.cut = True
    loop.run(0.3)
    assert "no command" in loop.relays.state(ARM)
    loop.cut = False
    assert loop.step_when_free() <= SLACK_RAD
    assert "away" in loop.refused


def test_a_scene_that_is_set_anew_starts_at_home(loop):
    loop.sim.reset(1)
    loop.relays.restart()
    loop.relays.step(loop.now_ns)
    np.testing.assert_array_equal(loop.sim.command(ARM), RIG.arms[0].home)
