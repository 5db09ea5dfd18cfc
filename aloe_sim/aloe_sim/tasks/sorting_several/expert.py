"""The expert for sorting with hand-over: what an arm cannot reach, the other one sets down in the middle."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.reactive_expert import CLOSED_M, OPEN_M, ArmState, Goal, Scene
from aloe_sim.tasks.sorting.expert import GRASP_Z_M, TRAVEL_Z_M, SortingExpert, holds, pick, place
from aloe_sim.tasks.sorting.task import CUBE_HALF_M, Assignment, in_bin

REACH_M = 0.565  # of the tool from an arm's base, pointing down
MIDDLE_M = [np.array(xy) for xy in product((0.34, 0.28, 0.40), (0.0, 0.06, -0.06))]  # where hand-over takes place
SLOT_M = 0.028  # cubes are laid down this far from the middle of a bin, so that they lie side by side
CLEAR_M = 0.13  # between an arm and a cube that the other arm is busy with


class SortingSeveralExpert(SortingExpert):
    """Like `SortingExpert`, but an arm also brings the other one what that cannot reach."""

    def arms(self) -> tuple[str, ...]:
        scene = self.observe()
        todo = [a for a in self.task.assignments if not self.task.is_done(self.sim.data, a)]
        far = {self._other(a) for a in todo if not self._reaches(self._arm_of[a.side], scene.objects[a.body])}
        needed = far.union(super().arms())
        return tuple(a.name for a in self.sim.rig.arms if a.name in needed)

    def _work(self, scene: Scene, active: Assignment) -> tuple[str, Goal]:
        own = self._arm_of[active.side]
        other = self._other(active)
        cube = scene.objects[active.body]
        if holds(scene.arms[own], cube):
            return own, place(scene.arms[own], cube, self._slot(scene, active))
        if holds(scene.arms[other], cube):
            return other, _set_down(scene.arms[other], cube, self._middle(scene, active))
        if not self._reaches(own, cube):
            return other, pick(scene.arms[other], cube)
        helper = scene.arms[other].tool
        if np.linalg.norm(helper[:2] - cube[:2]) < CLEAR_M and helper[2] < CLEAR_M:
            return own, Goal(self._home[own], OPEN_M)
        return own, pick(scene.arms[own], cube)

    def _is_held(self, scene: Scene, assignment: Assignment) -> bool:
        return any(holds(arm, scene.objects[assignment.body]) for arm in scene.arms.values())

    def _other(self, assignment: Assignment) -> str:
        return self._arm_of["right" if assignment.side == "left" else "left"]

    def _reaches(self, arm: str, cube: NDArray[np.float64]) -> bool:
        base = np.array(self.sim.rig.arm(arm).base_xyz[:2])
        return bool(np.linalg.norm(cube[:2] - base) < REACH_M)

    def _slot(self, scene: Scene, active: Assignment) -> NDArray[np.float64]:
        """A place [2] in the bin, away from the cubes that lie there."""
        there = [scene.objects[a.body][:2] for a in self.task.assignments if in_bin(scene.objects[a.body], a)]
        slots = [active.bin_xy + SLOT_M * np.array(s) for s in product((-1, 1), (-1, 1))]
        return _farthest(slots, there)

    def _middle(self, scene: Scene, active: Assignment) -> NDArray[np.float64]:
        """A place [2] on the table that both arms reach, away from the other cubes."""
        return _farthest(MIDDLE_M, [c[:2] for body, c in scene.objects.items() if body != active.body])


def _farthest(candidates: list[NDArray[np.float64]], others: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    return max(candidates, key=lambda c: min((float(np.linalg.norm(c - o)) for o in others), default=0.0))


def _set_down(arm: ArmState, cube: NDArray[np.float64], xy: NDArray[np.float64]) -> Goal:
    """Carry a held cube to a place [2] on the table and let it go there."""
    offset = float(np.linalg.norm(arm.tool[:2] - xy))
    if offset < 0.02 and cube[2] < CUBE_HALF_M + 0.004:
        return Goal(np.array([*arm.tool[:2], arm.tool[2]]), OPEN_M, 0.1)
    if offset < (0.02 if arm.tool[2] < 0.08 else 0.01):
        return Goal(np.array([*xy, GRASP_Z_M + 0.001]), CLOSED_M, 0.25)
    if arm.gripper_target > 0.004:  # still closing around it
        return Goal(np.array([*cube[:2], arm.tool[2]]), CLOSED_M, 0.1)
    if arm.tool[2] < 0.08:
        return Goal(np.array([*arm.tool[:2], TRAVEL_Z_M]), CLOSED_M)
    return Goal(np.array([*xy, 0.10]), CLOSED_M)
