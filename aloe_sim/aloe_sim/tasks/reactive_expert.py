"""Experts that keep no memory: a rule says where each arm should go in a state, and a model rolls it forward.

Their chunks are a function of the state, which is what a policy can learn. `chunk` rolls the rule on a simple model of
arms and objects, so that an expert speaks as any policy does: H set points.
"""

from abc import abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aloe_data.kinematics import ArmKinematics, rotation_to_6d
from aloe_sim.tasks.expert_base import CannotHelpError, Expert
from aloe_sim.tasks.simulation import Simulation

OPEN_M = 0.042
CLOSED_M = 0.0
SERVO_LAG_S = 0.05  # how far the arms trail their set points


@dataclass(frozen=True)
class Style:
    """How an expert moves; `noise_m` is how far [std] its goals are off, drawn anew for every chunk."""

    gain_per_s: float = 6.0
    acceleration_m_s2: float = 2.5
    gripper_speed_m_s: float = 0.15
    turn_speed_rad_s: float = 2.0
    lead_m: float = 0.03  # how far a set point may run ahead of the tool
    haste: float = 1.0  # times the speed of every motion
    noise_m: float = 0.0


@dataclass(frozen=True)
class ArmState:
    """What the expert knows of one arm.

    Tool and its set point [3] m, finger travel and its set point m, yaw of the fingers (0: along y) and its set point.
    """

    tool: NDArray[np.float64]
    target: NDArray[np.float64]
    gripper: float
    gripper_target: float
    yaw: float = 0.0
    yaw_target: float = 0.0


@dataclass
class Goal:
    """Where an arm should go now; `yaw` None: fingers along y, at once."""

    xyz: NDArray[np.float64]
    gripper: float
    speed_m_s: float = 0.45
    yaw: float | None = None


@dataclass
class Scene:
    """Arms by name and objects by body ([3] m, or as the expert's `_objects` says); a copy that may be rolled on."""

    arms: dict[str, ArmState]
    objects: dict[str, NDArray[np.float64]]
    velocity: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class ReactiveExpert(Expert):
    """The part that all such experts share.

    Args:
        sim: Simulation to act in.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
    """

    def __init__(self, sim: Simulation, style: Style | None = None, seed: int = 0) -> None:
        self.sim = sim
        self.style = style or Style()
        self._kinematics = {a.name: ArmKinematics(a) for a in sim.rig.arms}
        self._home = {a.name: self._kinematics[a.name].forward(np.array(a.home[:-1]))[0] for a in sim.rig.arms}
        self._velocity = {a.name: np.zeros(3) for a in sim.rig.arms}
        self._rng = np.random.default_rng(seed)

    @abstractmethod
    def goals(self, scene: Scene) -> dict[str, Goal]:
        """Where each arm should go in this state."""

    @abstractmethod
    def _objects(self) -> dict[str, NDArray[np.float64]]:
        """The objects of the scene by body, as the rule wants to see them."""

    @abstractmethod
    def _held(self, scene: Scene) -> dict[str, str]:
        """Which object each arm holds, if any."""

    @abstractmethod
    def _floor_m(self, scene: Scene, arm: str) -> float:
        """Finger travel below which an object in the way keeps the fingers of this arm from closing."""

    @abstractmethod
    def _carry(self, scene: Scene, body: str, before: ArmState, after: ArmState) -> None:
        """Move a held object along with its arm, or let it go once the fingers open."""

    def refusal(self) -> str:
        return ""

    def observe(self) -> Scene:
        """The present state of the scene."""
        arms = {}
        for arm in self.sim.rig.arms:
            measured = self.sim.joint_positions(arm.name)
            command = self.sim.command(arm.name)
            target, turned = self._kinematics[arm.name].forward(command[:-1])
            yaw = yaw_of(self._kinematics[arm.name].forward(measured[:-1])[1])
            tool = self.sim.tool_position(arm.name)
            arms[arm.name] = ArmState(tool, target, measured[-1], command[-1], yaw, yaw_of(turned))
        return Scene(arms, self._objects(), {name: v.copy() for name, v in self._velocity.items()})

    def chunk(self, horizon: int, *, executed: int) -> NDArray[np.float32]:
        if refusal := self.refusal():
            raise CannotHelpError(refusal)
        scene = self.observe()
        rows = []
        error = {name: self._rng.normal(0.0, self.style.noise_m, 3) for name in scene.arms}
        for step in range(horizon):
            if step == executed:
                self._velocity = {name: v.copy() for name, v in scene.velocity.items()}
            self._advance(scene, error, 1.0 / self.sim.rig.rate_hz)
            rows.append(np.concatenate([_row(scene.arms[a.name]) for a in self.sim.rig.arms]))
        return np.array(rows, dtype=np.float32)

    def _advance(self, scene: Scene, error: dict[str, NDArray[np.float64]], dt_s: float) -> None:
        goals = self.goals(scene)
        held = self._held(scene)
        for name, arm in scene.arms.items():
            goal = replace(goals[name], xyz=goals[name].xyz + error[name])
            velocity = self._steer(scene.velocity[name], arm, goal, dt_s)
            scene.velocity[name] = velocity
            moved = self._moved(arm, goal, velocity, dt_s)
            scene.arms[name] = replace(moved, gripper=max(moved.gripper_target, self._floor_m(scene, name)))
            if name in held:
                self._carry(scene, held[name], arm, scene.arms[name])

    def _moved(self, arm: ArmState, goal: Goal, velocity: NDArray[np.float64], dt_s: float) -> ArmState:
        target = arm.target + velocity * dt_s
        lead = target - arm.tool
        distance = np.linalg.norm(lead)
        if distance > self.style.lead_m:
            target = arm.tool + lead * (self.style.lead_m / distance)
        step = self.style.gripper_speed_m_s * dt_s
        gripper_target = float(arm.gripper_target + np.clip(goal.gripper - arm.gripper_target, -step, step))
        lag = min(1.0, dt_s / SERVO_LAG_S)
        tool = arm.tool + (target - arm.tool) * lag
        if goal.yaw is None:
            return ArmState(tool, target, gripper_target, gripper_target)
        turn = self.style.turn_speed_rad_s * dt_s
        yaw_target = arm.yaw_target + float(np.clip(goal.yaw - arm.yaw_target, -turn, turn))
        return ArmState(
            tool, target, gripper_target, gripper_target, arm.yaw + (yaw_target - arm.yaw) * lag, yaw_target
        )

    def _steer(self, velocity: NDArray[np.float64], arm: ArmState, goal: Goal, dt_s: float) -> NDArray[np.float64]:
        error = goal.xyz - arm.tool
        wanted = self.style.gain_per_s * error
        speed = np.linalg.norm(wanted)
        limit_m_s = goal.speed_m_s * self.style.haste
        if speed > limit_m_s:
            wanted *= limit_m_s / speed
        change = wanted - velocity
        limit = self.style.acceleration_m_s2 * dt_s
        size = float(np.linalg.norm(change))
        return velocity + change * min(1.0, limit / max(size, 1e-9))


def yaw_of(rotation: NDArray[np.float64]) -> float:
    """Turn of the fingers in the table's plane, rad: 0 along y, of a tool whose x axis points down."""
    return float(np.arctan2(-rotation[0, 1], rotation[1, 1]))


def pointing_down(yaw: float) -> NDArray[np.float64]:
    """Rotation [3, 3] of a tool whose x axis points down and whose fingers are turned by `yaw` rad from the y axis."""
    c = np.cos(yaw)
    s = np.sin(yaw)
    return np.array([[0.0, 0.0 - s, c], [0.0, c, s], [-1.0, 0.0, 0.0]])


def _row(arm: ArmState) -> NDArray[np.float64]:
    return np.concatenate([arm.target, rotation_to_6d(pointing_down(arm.yaw_target)), [arm.gripper_target]])
