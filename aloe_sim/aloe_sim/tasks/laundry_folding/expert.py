"""The expert for laundry folding: both arms take the near corners and lead them over an arc onto the far ones."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.laundry_folding.task import CORNERS, GRASP_M, RELEASED_M, SIZE_M, LaundryFolding
from aloe_sim.tasks.reactive_expert import CLOSED_M, OPEN_M, ArmState, Goal, ReactiveExpert, Scene, Style
from aloe_sim.tasks.simulation import Simulation

GRASP_Z_M = 0.012  # heights of the tool
RELEASE_Z_M = 0.028
TRAVEL_Z_M = 0.10
ARC_M = 0.12  # height of the arc
LEAD = 0.2  # how far ahead on the arc an arm aims, as share of its length
EMPTY_M = 0.004  # fingers closed further than this hold a corner or nothing
PLACED_M = 0.028  # a near corner this close to its far corner needs no more


class LaundryFoldingExpert(ReactiveExpert):
    """The left arm folds the left corner, the right arm the right one; neither moves on alone.

    Args:
        sim: Simulation to act in; its task must be a `LaundryFolding`.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
    """

    def __init__(self, sim: Simulation, style: Style | None = None, seed: int = 0) -> None:
        if not isinstance(sim.task, LaundryFolding) or len(sim.rig.arms) < 2:
            raise ValueError(f"LaundryFoldingExpert cannot do '{sim.task.name}' with {len(sim.rig.arms)} arm(s)")
        super().__init__(sim, style, seed)
        self.task = sim.task
        self._side = {sim.rig.arms[0].name: "left", sim.rig.arms[-1].name: "right"}

    def refusal(self) -> str:
        scene = self.observe()
        placed = all(self._placed(scene, name) for name in self._side) and not self.task.held(self.sim.data)
        return "the towel is folded but crumpled" if placed and not self.task.is_flat(self.sim.data) else ""

    def arms(self) -> tuple[str, ...]:
        return () if self.task.success(self.sim.data) or self.refusal() else tuple(self._side)

    def goals(self, scene: Scene) -> dict[str, Goal]:
        """Where each arm should go in this state."""
        goals = {name: Goal(home, OPEN_M) for name, home in self._home.items()}
        held = self._held(scene)
        todo = {name for name in self._side if not self._placed(scene, name)}
        for name in self._side:
            arm = scene.arms[name]
            if name in held:
                ready = all(other in held for other in todo)
                goals[name] = self._fold(scene, name, held) if ready else _keep(arm)
            elif name in todo:
                goals[name] = _grasp(
                    arm, scene.objects[f"near_{self._side[name]}"], empty=bool(scene.objects[f"{name} is empty"][0])
                )
            elif arm.tool[2] < TRAVEL_Z_M - 0.01 and np.linalg.norm(arm.tool[:2] - goals[name].xyz[:2]) > 0.05:
                goals[name].xyz = np.array([*arm.tool[:2], TRAVEL_Z_M])
        return goals

    def _placed(self, scene: Scene, name: str) -> bool:
        side = self._side[name]
        near = scene.objects[f"near_{side}"]
        far = scene.objects[f"far_{side}"]
        return bool(np.linalg.norm(near[:2] - far[:2]) < PLACED_M and near[2] < RELEASE_Z_M + 0.01)

    def _fold(self, scene: Scene, name: str, held: dict[str, str]) -> Goal:
        """On along the arc, as far as the slower arm is; down and open at its end."""
        arm = scene.arms[name]
        far = scene.objects[f"far_{self._side[name]}"]
        away = _away(scene)
        done = {n: 1.0 + float((scene.arms[n].tool - self._far(scene, n))[:2] @ away) / SIZE_M for n in held}
        share = min(done.values()) + LEAD
        if share < 1.0:
            height = GRASP_Z_M + ARC_M * np.sin(np.pi * share)
            return Goal(np.array([*(far[:2] - (1.0 - share) * SIZE_M * away), height]), CLOSED_M, 0.25)
        offset = np.linalg.norm(arm.tool[:2] - far[:2])
        low = arm.tool[2] < RELEASE_Z_M + 0.006
        if low and offset < (PLACED_M if arm.gripper_target > 0.5 * RELEASED_M else 0.02):
            return Goal(np.array([*arm.tool[:2], RELEASE_Z_M]), OPEN_M, 0.1)
        height = RELEASE_Z_M if offset < 0.03 else max(RELEASE_Z_M, 0.5 * ARC_M)
        return Goal(np.array([*far[:2], height]), CLOSED_M, 0.25)

    def _far(self, scene: Scene, name: str) -> NDArray[np.float64]:
        return scene.objects[f"far_{self._side[name]}"]

    def _objects(self) -> dict[str, NDArray[np.float64]]:
        """Corners [3] in m; and which arm's fingers have closed on nothing [1]."""
        held = self.task.held(self.sim.data)
        closed = {name: self.sim.joint_positions(name)[-1] < EMPTY_M for name in self._side}
        empty = {f"{name} is empty": np.array([closed[name] and name not in held]) for name in self._side}
        return {name: self.task.corner(self.sim.data, name) for name in CORNERS} | empty

    def _held(self, scene: Scene) -> dict[str, str]:
        corners = {name: f"near_{side}" for name, side in self._side.items()}
        return {name: corner for name, corner in corners.items() if self._holds(scene, name, corner)}

    def _holds(self, scene: Scene, name: str, corner: str) -> bool:
        arm = scene.arms[name]
        empty = scene.objects[f"{name} is empty"]
        empty[0] &= arm.gripper < 0.7 * OPEN_M  # may grasp again
        near = np.linalg.norm(arm.tool - scene.objects[corner]) < GRASP_M
        return bool(near and arm.gripper < RELEASED_M and not empty[0])

    def _floor_m(self, scene: Scene, arm: str) -> float:
        return 0.0

    def _carry(self, scene: Scene, body: str, before: ArmState, after: ArmState) -> None:
        corner = scene.objects[body] + (after.tool - before.tool)
        if after.gripper_target > RELEASED_M:
            corner[2] = 0.01
        scene.objects[body] = corner


def _grasp(arm: ArmState, corner: NDArray[np.float64], *, empty: bool) -> Goal:
    offset = float(np.linalg.norm(arm.tool[:2] - corner[:2]))
    low = arm.tool[2] < corner[2] + 0.02
    if low and offset < 0.01 and not empty:
        return Goal(np.array([*corner[:2], GRASP_Z_M]), CLOSED_M, 0.1)
    if arm.gripper < 0.7 * OPEN_M or (low and offset > 0.02):  # closed beside it: up and open
        return Goal(np.array([*arm.tool[:2], TRAVEL_Z_M]), OPEN_M)
    return Goal(np.array([*corner[:2], GRASP_Z_M if offset < 0.015 else TRAVEL_Z_M]), OPEN_M, 0.3)


def _keep(arm: ArmState) -> Goal:
    return Goal(np.array([*arm.tool[:2], GRASP_Z_M]), CLOSED_M, 0.1)


def _away(scene: Scene) -> NDArray[np.float64]:
    """Direction [2] from the near edge to the far one, at right angles to the far one."""
    edge = (scene.objects["far_left"] - scene.objects["far_right"])[:2]
    return np.array([edge[1], -edge[0]]) / max(float(np.linalg.norm(edge)), 1e-6)
