"""The expert for sorting."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.reactive_expert import CLOSED_M, OPEN_M, ArmState, Goal, ReactiveExpert, Scene, Style
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.sorting.task import CUBE_HALF_M, Assignment, Sorting, in_bin

TRAVEL_Z_M = 0.15  # height for moving over the table
GRASP_Z_M = 0.017
RELEASE_Z_M = 0.09
ROOM_M = 0.12  # between the tools of two arms, along the line from base to base
ENOUGH_M = 0.02  # of it an arm need not wait for


class SortingExpert(ReactiveExpert):
    """Picks the cubes one after the other, each with the arm on the side of its bin.

    Args:
        sim: Simulation to act in; its task must be a `Sorting`.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
    """

    def __init__(self, sim: Simulation, style: Style | None = None, seed: int = 0) -> None:
        if not isinstance(sim.task, Sorting):
            raise ValueError(f"SortingExpert cannot do the task '{sim.task.name}'")
        super().__init__(sim, style, seed)
        self.task = sim.task
        self._arm_of = {"left": sim.rig.arms[0].name, "right": sim.rig.arms[-1].name}

    def arms(self) -> tuple[str, ...]:
        todo = [a for a in self.task.assignments if not self.task.is_done(self.sim.data, a)]
        needed = {self._arm_of[a.side] for a in todo}
        return tuple(a.name for a in self.sim.rig.arms if a.name in needed)

    def goals(self, scene: Scene) -> dict[str, Goal]:
        """Where each arm should go in this state."""
        goals = {name: Goal(home, OPEN_M) for name, home in self._home.items()}
        active = self._active(scene)
        worker = ""
        if active is not None:
            worker, goals[worker] = self._work(scene, active)
            self._make_room(scene, worker, goals)
        for name, goal in goals.items():
            if name != worker:
                _leave_bin_upwards(scene.arms[name], goal)
        return goals

    def _make_room(self, scene: Scene, worker: str, goals: dict[str, Goal]) -> None:
        """Idle arms step aside from where the working arm has to go; it waits until they have."""
        aim_y = goals[worker].xyz[1]
        for name, arm in scene.arms.items():
            if name == worker:
                continue
            side = np.sign(self._home[worker][1] - self._home[name][1])  # arms stand beside each other, along y
            goals[name].xyz = goals[name].xyz.copy()
            goals[name].xyz[1] = side * min(side * goals[name].xyz[1], side * aim_y - ROOM_M)
            if side * (aim_y - arm.tool[1]) < ROOM_M - ENOUGH_M:
                goals[worker] = Goal(_straight_up(scene.arms[worker]), scene.arms[worker].gripper_target)

    def _active(self, scene: Scene) -> Assignment | None:
        """The cube to work on: one in hand, else the first that is not yet done, left bin before right."""
        todo = [a for a in self.task.assignments if not in_bin(scene.objects[a.body], a)]
        todo.sort(key=lambda a: (a.side == "right", -abs(scene.objects[a.body][1] - a.bin_xy[1])))
        held = [a for a in todo if self._is_held(scene, a)]
        return next(iter(held + todo), None)

    def _is_held(self, scene: Scene, assignment: Assignment) -> bool:
        return holds(scene.arms[self._arm_of[assignment.side]], scene.objects[assignment.body])

    def _work(self, scene: Scene, active: Assignment) -> tuple[str, Goal]:
        """Which arm works on the active cube, and where it should go."""
        name = self._arm_of[active.side]
        cube = scene.objects[active.body]
        arm = scene.arms[name]
        goal = place(arm, cube, active.bin_xy) if holds(arm, cube) else pick(arm, cube)
        return name, goal

    def _objects(self) -> dict[str, NDArray[np.float64]]:
        return {a.body: self.sim.data.body(a.body).xpos.copy() for a in self.task.assignments}

    def _held(self, scene: Scene) -> dict[str, str]:
        return {n: b for n, s in scene.arms.items() for b, c in scene.objects.items() if holds(s, c)}

    def _floor_m(self, scene: Scene, arm: str) -> float:
        state = scene.arms[arm]
        return CUBE_HALF_M if any(np.linalg.norm(state.tool - c) < 0.02 for c in scene.objects.values()) else 0.0

    def _carry(self, scene: Scene, body: str, before: ArmState, after: ArmState) -> None:
        cube = scene.objects[body] + (after.tool - before.tool)
        if after.gripper_target > CUBE_HALF_M + 0.004:
            cube[2] = CUBE_HALF_M
        scene.objects[body] = cube


def pick(arm: ArmState, cube: NDArray[np.float64]) -> Goal:
    """Take a cube from the table."""
    offset = float(np.linalg.norm(arm.tool[:2] - cube[:2]))
    low = arm.tool[2] < 0.05
    if offset < 0.012 and arm.tool[2] < GRASP_Z_M + 0.008 and arm.gripper > 0.012:
        return Goal(np.array([*cube[:2], GRASP_Z_M]), CLOSED_M, 0.1)  # around the cube: close
    if low and arm.gripper_target < 0.5 * OPEN_M:
        return Goal(np.array([*arm.tool[:2], TRAVEL_Z_M]), OPEN_M)  # closed and empty, or beside it: up and open
    if offset < (0.02 if low else 0.012) and arm.gripper > 0.8 * OPEN_M:
        return Goal(np.array([*cube[:2], GRASP_Z_M]), OPEN_M, 0.3)
    if low:
        return Goal(_straight_up(arm), OPEN_M)
    # The nearer the tool is over the cube, the lower it travels.
    height = max(0.09, min(TRAVEL_Z_M, 0.05 + offset))
    return Goal(np.array([*cube[:2], height]), OPEN_M)


def place(arm: ArmState, cube: NDArray[np.float64], bin_xy: NDArray[np.float64]) -> Goal:
    """Carry a held cube over a bin and drop it."""
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


def _straight_up(arm: ArmState) -> NDArray[np.float64]:
    return np.array([*arm.tool[:2], TRAVEL_Z_M])


def _leave_bin_upwards(arm: ArmState, goal: Goal) -> None:
    """An idle arm that is low goes up before it goes home."""
    if arm.tool[2] < RELEASE_Z_M + 0.03 and np.linalg.norm(arm.tool[:2] - goal.xyz[:2]) > 0.03:
        goal.xyz = np.array([*arm.tool[:2], TRAVEL_Z_M + 0.03])


def holds(arm: ArmState, cube: NDArray[np.float64]) -> bool:
    """Whether the cube is between fingers that close on it."""
    near = np.linalg.norm(arm.tool[:2] - cube[:2]) < 0.02 and abs(arm.tool[2] - cube[2]) < 0.025
    return bool(near and CUBE_HALF_M - 0.008 < arm.gripper < CUBE_HALF_M + 0.008)
