"""A scripted expert for sorting, usable from any state: it looks at the scene, not at a script's position.

Because it keeps no memory, its chunks are a function of the state, which is what a policy can learn. `Expert.chunk`
rolls the reactive rule forward on a simple model of the arms, so it speaks as any policy does: H set points.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from aloe_data.kinematics import ArmKinematics, rotation_to_6d
from aloe_sim.sim_rig import SimRig
from aloe_sim.tasks.sorting import CUBE_HALF_M, Assignment, Sorting, in_bin

TRAVEL_Z_M = 0.15  # height for moving over the table
GRASP_Z_M = 0.017
RELEASE_Z_M = 0.09
OPEN_M, CLOSED_M = 0.042, 0.0
SERVO_LAG_S = 0.05  # how far the arms trail their set points
DOWN = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])  # tool x axis down, fingers along y


@dataclass(frozen=True)
class ArmState:
    """What the expert knows of one arm: tool [3] m, set point [3] m, finger travel and its set point, m."""

    tool: np.ndarray
    target: np.ndarray
    gripper: float
    gripper_target: float


@dataclass
class Goal:
    """Where an arm should go now."""

    xyz: np.ndarray
    gripper: float
    speed_m_s: float = 0.45


@dataclass(frozen=True)
class ExpertConfig:
    """Style of the expert."""

    gain_per_s: float = 6.0
    acceleration_m_s2: float = 2.5
    gripper_speed_m_s: float = 0.15
    lead_m: float = 0.03  # how far a set point may run ahead of the tool


@dataclass
class Scene:
    """Positions of tools and cubes; a copy that the expert may roll forward."""

    arms: dict[str, ArmState]
    cubes: dict[str, np.ndarray]
    velocity: dict[str, np.ndarray] = field(default_factory=dict)


class SortingExpert:
    """Picks the cubes one after the other, each with the arm on the side of its bin.

    Args:
        sim: the simulation to act in; its task must be `Sorting`.
        config: speeds and gains.
    """

    def __init__(self, sim: SimRig, config: ExpertConfig | None = None) -> None:
        if not isinstance(sim.task, Sorting):
            raise ValueError(f"SortingExpert cannot do the task '{sim.task.name}'")
        self.sim, self.task, self.config = sim, sim.task, config or ExpertConfig()
        self._arm_of = {"left": sim.rig.arms[0].name, "right": sim.rig.arms[-1].name}
        self._kinematics = {a.name: ArmKinematics(a) for a in sim.rig.arms}
        self._home = {a.name: self._kinematics[a.name].forward(np.array(a.home[:-1]))[0] for a in sim.rig.arms}
        self._rotation = rotation_to_6d(DOWN)
        self._velocity = {a.name: np.zeros(3) for a in sim.rig.arms}

    def observe(self) -> Scene:
        """The present state of the scene."""
        arms = {}
        for arm in self.sim.rig.arms:
            measured, command = self.sim.joint_positions(arm.name), self.sim.command(arm.name)
            target = self._kinematics[arm.name].forward(command[:-1])[0]
            arms[arm.name] = ArmState(self.sim.tool_position(arm.name), target, measured[-1], command[-1])
        cubes = {a.body: self.sim.data.body(a.body).xpos.copy() for a in self.task.assignments}
        return Scene(arms, cubes, {name: v.copy() for name, v in self._velocity.items()})

    def chunk(self, horizon: int, *, executed: int) -> np.ndarray:
        """Set points for the coming ticks, float32 [horizon, A] in `ee_pose` layout.

        Args:
            horizon: H.
            executed: after how many steps the next chunk will be asked for; the velocity there is where it goes on.
        """
        scene, rows = self.observe(), []
        for step in range(horizon):
            if step == executed:
                self._velocity = {name: v.copy() for name, v in scene.velocity.items()}
            self._advance(scene, 1.0 / self.sim.rig.rate_hz)
            rows.append(np.concatenate([self._row(scene.arms[a.name]) for a in self.sim.rig.arms]))
        return np.array(rows, dtype=np.float32)

    def _row(self, arm: ArmState) -> np.ndarray:
        return np.concatenate([arm.target, self._rotation, [arm.gripper_target]])

    def goals(self, scene: Scene) -> dict[str, Goal]:
        """Where each arm should go in this state."""
        goals = {name: Goal(home, OPEN_M) for name, home in self._home.items()}
        active = self._active(scene)
        if active is not None:
            name = self._arm_of[active.side]
            goals[name] = self._pick_and_place(scene.arms[name], scene.cubes[active.body], active)
        for name, goal in goals.items():
            if active is None or name != self._arm_of[active.side]:
                _leave_bin_upwards(scene.arms[name], goal)
        return goals

    def _active(self, scene: Scene) -> Assignment | None:
        """The cube to work on: one in hand, else the first that is not yet done, left bin before right."""
        todo = [a for a in self.task.assignments if not in_bin(scene.cubes[a.body], a)]
        todo.sort(key=lambda a: (a.side == "right", -abs(scene.cubes[a.body][1] - a.bin_xy[1])))
        held = [a for a in todo if _holds(scene.arms[self._arm_of[a.side]], scene.cubes[a.body])]
        return next(iter(held + todo), None)

    def _pick_and_place(self, arm: ArmState, cube: np.ndarray, active: Assignment) -> Goal:
        if _holds(arm, cube):
            return _place(arm, cube, active.bin_xy)
        return _pick(arm, cube)

    def _advance(self, scene: Scene, dt_s: float) -> None:
        goals = self.goals(scene)
        held = {n: b for n, s in scene.arms.items() for b, c in scene.cubes.items() if _holds(s, c)}
        for name, arm in scene.arms.items():
            velocity = self._steer(scene.velocity[name], arm, goals[name], dt_s)
            scene.velocity[name] = velocity
            target = arm.target + velocity * dt_s
            lead = target - arm.tool
            distance = np.linalg.norm(lead)
            if distance > self.config.lead_m:
                target = arm.tool + lead * (self.config.lead_m / distance)
            step = self.config.gripper_speed_m_s * dt_s
            gripper_target = arm.gripper_target + np.clip(goals[name].gripper - arm.gripper_target, -step, step)
            tool = arm.tool + (target - arm.tool) * min(1.0, dt_s / SERVO_LAG_S)
            floor = CUBE_HALF_M if name in held or _encloses(arm, scene.cubes) else 0.0
            scene.arms[name] = replace(
                arm, tool=tool, target=target, gripper_target=float(gripper_target), gripper=max(gripper_target, floor)
            )
            if name in held:
                _carry(scene, held[name], tool - arm.tool, gripper_target)

    def _steer(self, velocity: np.ndarray, arm: ArmState, goal: Goal, dt_s: float) -> np.ndarray:
        error = goal.xyz - arm.tool
        wanted = self.config.gain_per_s * error
        speed = np.linalg.norm(wanted)
        if speed > goal.speed_m_s:
            wanted *= goal.speed_m_s / speed
        change = wanted - velocity
        limit = self.config.acceleration_m_s2 * dt_s
        size = float(np.linalg.norm(change))
        return velocity + change * min(1.0, limit / max(size, 1e-9))


def _pick(arm: ArmState, cube: np.ndarray) -> Goal:
    offset = float(np.linalg.norm(arm.tool[:2] - cube[:2]))
    low = arm.tool[2] < 0.05
    if offset < 0.012 and arm.tool[2] < GRASP_Z_M + 0.008 and arm.gripper > 0.012:
        return Goal(np.array([*cube[:2], GRASP_Z_M]), CLOSED_M, 0.1)  # around the cube: close
    if low and arm.gripper_target < 0.5 * OPEN_M:
        return Goal(np.array([*arm.tool[:2], TRAVEL_Z_M]), OPEN_M)  # closed and empty, or beside it: up and open
    if offset < (0.02 if low else 0.012) and arm.gripper > 0.8 * OPEN_M:
        return Goal(np.array([*cube[:2], GRASP_Z_M]), OPEN_M, 0.3)
    height = max(0.09, min(TRAVEL_Z_M, 0.05 + offset))
    return Goal(np.array([*cube[:2], TRAVEL_Z_M if low else height]) if not low else _straight_up(arm), OPEN_M)


def _place(arm: ArmState, cube: np.ndarray, bin_xy: np.ndarray) -> Goal:
    offset = float(np.linalg.norm(arm.tool[:2] - bin_xy))
    if arm.gripper_target > 0.01 and offset > 0.03 and arm.tool[2] > 0.03:
        return Goal(arm.tool.copy(), CLOSED_M, 0.1)
    if offset < 0.025:
        release = arm.tool[2] < RELEASE_Z_M + 0.012
        return Goal(np.array([*bin_xy, RELEASE_Z_M]), OPEN_M if release else CLOSED_M)
    if arm.gripper_target > 0.004:  # still closing around it
        return Goal(np.array([*cube[:2], arm.tool[2]]), CLOSED_M, 0.1)
    if arm.tool[2] < 0.08:
        return Goal(np.array([*arm.tool[:2], TRAVEL_Z_M]), CLOSED_M)
    return Goal(np.array([*bin_xy, TRAVEL_Z_M]), CLOSED_M)


def _straight_up(arm: ArmState) -> np.ndarray:
    return np.array([*arm.tool[:2], TRAVEL_Z_M])


def _leave_bin_upwards(arm: ArmState, goal: Goal) -> None:
    """An idle arm that is low goes up before it goes home."""
    if arm.tool[2] < RELEASE_Z_M + 0.03 and np.linalg.norm(arm.tool[:2] - goal.xyz[:2]) > 0.03:
        goal.xyz = np.array([*arm.tool[:2], TRAVEL_Z_M + 0.03])


def _holds(arm: ArmState, cube: np.ndarray) -> bool:
    """Whether the cube is between fingers that close on it."""
    near = np.linalg.norm(arm.tool[:2] - cube[:2]) < 0.02 and abs(arm.tool[2] - cube[2]) < 0.025
    return bool(near and CUBE_HALF_M - 0.008 < arm.gripper < CUBE_HALF_M + 0.008)


def _encloses(arm: ArmState, cubes: dict[str, np.ndarray]) -> bool:
    return any(np.linalg.norm(arm.tool - c) < 0.02 for c in cubes.values())


def _carry(scene: Scene, body: str, step: np.ndarray, gripper_target: float) -> None:
    """Move a held cube along, or let it drop to the table once the fingers open."""
    cube = scene.cubes[body] + step
    if gripper_target > CUBE_HALF_M + 0.004:
        cube[2] = CUBE_HALF_M
    scene.cubes[body] = cube
