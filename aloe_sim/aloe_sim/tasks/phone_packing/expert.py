"""The expert for phone packing: one arm holds the case by its tab, the other inserts the phone and presses it home."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.phone_packing.task import (
    CASE_FLOOR_M,
    CASE_WALL_M,
    LIFT_M,
    PHONE_HALF_M,
    TAB_HALF_WIDTH_M,
    PhonePacking,
)
from aloe_sim.tasks.reactive_expert import ArmState, Goal, Scene, Style
from aloe_sim.tasks.rigid_expert import Fit, Grip, RigidExpert, bring, keep, let_go, pick, press, retire
from aloe_sim.tasks.simulation import Simulation

MAX_TURN_RAD = 2.2  # a phone that is turned further would wind up the wrist


class PhonePackingExpert(RigidExpert):
    """The left arm holds, the right one inserts.

    Args:
        sim: Simulation to act in; its task must be a `PhonePacking`.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
    """

    def __init__(self, sim: Simulation, style: Style | None = None, seed: int = 0) -> None:
        if not isinstance(sim.task, PhonePacking) or len(sim.rig.arms) < 2:
            raise ValueError(f"PhonePackingExpert cannot do '{sim.task.name}' with {len(sim.rig.arms)} arm(s)")
        self.task = sim.task
        self._holder = sim.rig.arms[0].name
        self._packer = sim.rig.arms[-1].name
        tab = Grip("case", (0.0, self.task.tab_y_m), -np.pi / 2, TAB_HALF_WIDTH_M, 0.012)
        phone = Grip("phone", (0.0, 0.0), 0.0, self.task.phone_half_m[1], 0.0055, along_m=0.012)
        super().__init__(
            sim, style, seed, {self._holder: tab, self._packer: phone}, {"phone": PHONE_HALF_M[2], "case": 0.0}
        )
        wall_z = CASE_FLOOR_M + CASE_WALL_M
        self._fit = Fit(
            entry_z_m=wall_z + PHONE_HALF_M[2] + 0.003,
            inside_z_m=wall_z + PHONE_HALF_M[2] - 0.0015,
            release_z_m=float(self.task.home_m[2]) + LIFT_M + 0.0008,
            precision_m=0.4 * self.task.clearance_m,
        )

    def refusal(self) -> str:
        if self.task.is_packed(self.sim.data):
            return ""
        if abs(self._pose("phone")[3]) > MAX_TURN_RAD:
            return "the phone lies the wrong way round"
        return self._unreachable(self._packer, "phone") or self._unreachable(self._holder, "case")

    def arms(self) -> tuple[str, ...]:
        if self.task.is_packed(self.sim.data) or self.refusal():
            return ()
        return tuple(a.name for a in self.sim.rig.arms if a.name in self.grips)

    def goals(self, scene: Scene) -> dict[str, Goal]:
        arms = scene.arms
        grips = self.grips
        phone = scene.objects["phone"]
        case = scene.objects["case"]
        if self.task.is_packed(self.sim.data):
            return {n: retire(arms[n], self._home[n], g, scene.objects[g.body]) for n, g in grips.items()}
        holder = arms[self._holder]
        packer = arms[self._packer]
        held = grips[self._holder].holds_firmly(holder, case)
        return {
            self._holder: keep(holder) if held else pick(holder, grips[self._holder], case),
            self._packer: self._pack(packer, phone, case, ready=held),
        }

    def _pack(self, arm: ArmState, phone: NDArray[np.float64], case: NDArray[np.float64], *, ready: bool) -> Goal:
        grip = self.grips[self._packer]
        level = self._is_level("phone", "case")
        if grip.holds_firmly(arm, phone):
            if not ready and phone[2] < 0.04:
                return Goal(np.array([*arm.tool[:2], 0.06]), 0.0, 0.2, arm.yaw_target)
            return bring(arm, phone, case, self._fit, level=level) if ready else keep(arm)
        if self._fit.holds(phone, case, level=level):
            return let_go(arm, grip, phone) or press(arm, np.array([*case[:2], phone[2] + PHONE_HALF_M[2]]))
        return pick(arm, grip, phone)
