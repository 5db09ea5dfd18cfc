"""The expert for phone assembly: the nearer arm seats the cover, then each arm presses the end on its side."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.parts import turned
from aloe_sim.tasks.phone_assembly.task import BODY_HALF_Z_M, COVER_HALF_Z_M, ENDS, LIFT_M, PEG_HEIGHT_M, PhoneAssembly
from aloe_sim.tasks.reactive_expert import Goal, Scene, Style
from aloe_sim.tasks.rigid_expert import Fit, Grip, RigidExpert, bring, let_go, pick, press, retire
from aloe_sim.tasks.simulation import Simulation

MAX_TURN_RAD = 0.9  # a cover that is turned further would wind up the wrist
FINGER_ROOM_M = 0.014  # what a finger needs beside the cover
CLEAR_M = 0.09  # between the tools of both arms


class PhoneAssemblyExpert(RigidExpert):
    """Either arm seats; the left one presses the left end, the right one the right end.

    Args:
        sim: Simulation to act in; its task must be a `PhoneAssembly`.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
    """

    def __init__(self, sim: Simulation, style: Style | None = None, seed: int = 0) -> None:
        if not isinstance(sim.task, PhoneAssembly) or len(sim.rig.arms) < 2:
            raise ValueError(f"PhoneAssemblyExpert cannot do '{sim.task.name}' with {len(sim.rig.arms)} arm(s)")
        self.task = sim.task
        self._arm_of = {"left": sim.rig.arms[0].name, "right": sim.rig.arms[-1].name}
        grips = {
            self._arm_of[end]: Grip("cover", (0.0, 0.0), turn, self.task.half_m("cover")[0], 0.0045)
            for end, turn in zip(ENDS, (-np.pi / 2, np.pi / 2), strict=True)
        }
        super().__init__(sim, style, seed, grips, {"cover": COVER_HALF_Z_M, "phone_body": BODY_HALF_Z_M})
        top = BODY_HALF_Z_M
        home = self.task.home_z_m
        self._fit = Fit(
            entry_z_m=top + PEG_HEIGHT_M + COVER_HALF_Z_M + 0.003,
            inside_z_m=home + 0.004,
            release_z_m=home + LIFT_M + 0.0006,
            precision_m=0.4 * self.task.clearance_m,
        )

    def refusal(self) -> str:
        data = self.sim.data
        if self.task.failure(data) or self.task.is_seated(data):
            return self.task.failure(data)
        if abs(self._pose("cover")[3]) > MAX_TURN_RAD:
            return "the cover lies the wrong way round"
        if self._is_wedged():
            return "the cover lies too close to the phone for fingers to take it"
        return self._unreachable(self._seating_arm(self.observe()), "cover")

    def _is_wedged(self) -> bool:
        """Whether the cover lies on the table with the phone's body where a finger has to go."""
        cover = self._pose("cover")
        body = self._pose("phone_body")
        cover_x, cover_y = self.task.half_m("cover")
        body_x, body_y = self.task.half_m("body")
        x, y = np.abs(turned(cover[:2] - body[:2], -body[3]))
        return bool(cover[2] < 2 * COVER_HALF_Z_M and x < cover_x + body_x + FINGER_ROOM_M and y < cover_y + body_y)

    def arms(self) -> tuple[str, ...]:
        data = self.sim.data
        if self.task.success(data) or self.refusal():
            return ()
        needed = {self._arm_of[end] for end in ENDS if end not in self.task.pressed(data)}
        if not self.task.is_seated(data):
            needed.add(self._seating_arm(self.observe()))
        return tuple(a.name for a in self.sim.rig.arms if a.name in needed)

    def goals(self, scene: Scene) -> dict[str, Goal]:
        cover = scene.objects["cover"]
        body = scene.objects["phone_body"]
        goals = {n: retire(scene.arms[n], self._home[n], g, cover) for n, g in self.grips.items()}
        if self._is_seated(cover, body):
            self._press_next(scene, goals)
        else:
            name = self._seating_arm(scene)
            arm = scene.arms[name]
            grip = self.grips[name]
            firm = grip.holds_firmly(arm, cover)
            level = self._is_level("cover", "phone_body")
            goals[name] = bring(arm, cover, body, self._fit, level=level) if firm else pick(arm, grip, cover)
        return goals

    def _press_next(self, scene: Scene, goals: dict[str, Goal]) -> None:
        pressed = self.task.pressed(self.sim.data)
        end = next((end for end in self.task.order if end not in pressed), None)
        if end is None:
            return
        cover = scene.objects["cover"]
        body = scene.objects["phone_body"]
        name = self._arm_of[end]
        point = body[:2] + turned((0.0, self.task.press_y_m if end == "left" else -self.task.press_y_m), body[3])
        others = (arm for other, arm in scene.arms.items() if other != name)
        if all(np.linalg.norm(arm.tool[:2] - point) > CLEAR_M or arm.tool[2] > CLEAR_M for arm in others):
            top = np.array([*point, cover[2] + COVER_HALF_Z_M])
            goals[name] = let_go(scene.arms[name], self.grips[name], cover) or press(scene.arms[name], top)

    def _seating_arm(self, scene: Scene) -> str:
        """The arm that holds the cover, else the nearer one."""
        cover = scene.objects["cover"]
        if held := self._held(scene):
            return next(iter(held))
        return self._arm_of["left" if cover[1] > 0.0 else "right"]

    def _is_seated(self, cover: NDArray[np.float64], body: NDArray[np.float64]) -> bool:
        near = np.linalg.norm(cover[:2] - body[:2]) < 2 * self.task.clearance_m + 0.0007
        level = self._is_level("cover", "phone_body") or self.task.pressed(self.sim.data)
        return bool(near and cover[2] - body[2] < self._fit.inside_z_m and level)
