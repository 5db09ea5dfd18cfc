"""Laundry folding: bring the near edge of a cloth onto its far edge, and leave it flat."""

from collections.abc import Sequence
from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.base import Keypoint, Task
from aloe_sim.tasks.parts import require_words

SIZE_M = 0.24  # of the square cloth
VERTICES = 9  # per side
RADIUS_M = 0.004  # half of the cloth's thickness
GRASP_M = 0.022  # a corner this near to closing fingers is held
CLOSED_M = 0.008  # finger set points that grasp
RELEASED_M = 0.012  # finger set points that let go
CLOSING_M_S = 0.02  # fingers that have come to rest grasp no more: what slipped is gone
MATCH_M = 0.035  # corners that lie on each other
FLAT_M = 0.040  # highest point of a folded cloth
COLOURS = {
    "red": (0.80, 0.30, 0.28, 1.0),
    "blue": (0.30, 0.42, 0.78, 1.0),
    "white": (0.88, 0.87, 0.84, 1.0),
    "green": (0.35, 0.62, 0.42, 1.0),
}
UNSEEN_COLOURS = {"orange": (0.88, 0.52, 0.20, 1.0), "purple": (0.52, 0.32, 0.60, 1.0)}  # held out of training
PROMPTS = (
    "fold the {} towel in half",
    "fold the {} towel away from you",
    "bring the near edge of the {} towel to the far edge and fold it",
)
CORNERS = {  # name -> vertex; near and right as seen from the arms
    "near_right": 0,
    "near_left": VERTICES - 1,
    "far_right": VERTICES * (VERTICES - 1),
    "far_left": VERTICES**2 - 1,
}
_CLOTH_BIT = 8  # collides with its own plane: a box costs four contacts per vertex


class LaundryFolding(Task):
    """A square cloth of point masses; a corner between closing fingers is held by a constraint."""

    name = "laundry_folding"
    keypoint_names = tuple(corner.replace("_", " ") for corner in CORNERS)
    options: ClassVar[dict[str, str]] = {
        "timestep": "0.004",
        "integrator": "discrete",
        "solver": "CG",
        "iterations": "30",
    }

    def __init__(self) -> None:
        self._arms: tuple[str, ...] = ()
        self._bodies: NDArray[np.intp] = np.zeros(0, np.intp)
        self._qpos: NDArray[np.intp] = np.zeros((0, 3), np.intp)
        self._grasps: list[_Grasp] = []
        self._colour = ""

    def objects_xml(self) -> str:
        spacing = SIZE_M / (VERTICES - 1)
        return f"""<geom name="under_cloth" type="plane" size="0 0 1" contype="0" conaffinity="{_CLOTH_BIT}" group="3"
           friction=".9 .01 .001"/>
          <body name="towel" pos=".36 0 {RADIUS_M + 0.001}">
           <flexcomp name="cloth" type="grid" dim="2" dof="full" count="{VERTICES} {VERTICES} 1" mass=".05"
            spacing="{spacing} {spacing} .02" radius="{RADIUS_M}" rgba=".8 .3 .3 1">
            <edge equality="true"/>
            <contact contype="{_CLOTH_BIT}" conaffinity="{_CLOTH_BIT}" selfcollide="auto" condim="3"
             friction="1.2 .02 .001" solref=".01 1"/>
            <elasticity young="3e4" poisson=".1" thickness="2e-3" elastic2d="bend" damping=".01"/></flexcomp></body>"""

    def constraints_xml(self, arms: Sequence[str]) -> str:
        self._arms = tuple(arms)
        return "".join(
            f'<connect name="{arm}/{corner}" body1="{arm}/link6" body2="cloth_{vertex}" anchor=".115 0 0" '
            f'active="false" solref=".02 1"/>'
            for arm in arms
            for corner, vertex in CORNERS.items()
        )

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        self._bodies = np.array([model.body(f"cloth_{i}").id for i in range(VERTICES**2)])
        self._qpos = model.jnt_qposadr[model.body_jntadr[self._bodies]][:, None] + np.arange(3)
        self._grasps = [_Grasp(model, arm, corner) for arm in self._arms for corner in CORNERS]
        yaw = self._draw(rng, -0.15, 0.15)
        shift = np.array([self._draw(rng, -0.02, 0.02) for _ in range(2)])
        c = np.cos(yaw)
        s = np.sin(yaw)
        flat = model.body_pos[self._bodies][:, :2]
        data.qpos[self._qpos[:, :2]] = flat @ np.array([[c, s], [-s, c]]) + shift - flat
        palette = UNSEEN_COLOURS if self.variation.unseen else COLOURS
        self._colour = str(rng.choice(list(palette)))
        model.flex_rgba[0] = palette[self._colour]
        return PROMPTS[rng.integers(len(PROMPTS))].format(self._colour)

    def set_prompt(self, prompt: str) -> None:
        require_words(prompt, ("fold", self._colour, "towel"), f"a {self._colour} towel to fold")

    def act(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Hold what the fingers close on, let go what they open from."""
        for grasp in self._grasps:
            grasp.update(data)

    def corner(self, data: mujoco.MjData, name: str) -> NDArray[np.float64]:
        """Position [3] of a corner, m."""
        return data.xpos[self._bodies[CORNERS[name]]].copy()

    def held(self, data: mujoco.MjData) -> set[str]:
        """The arms that hold a corner."""
        return {grasp.arm for grasp in self._grasps if grasp.active(data)}

    def mismatch_m(self, data: mujoco.MjData) -> float:
        """How far the worse near corner lies from its far corner."""
        sides = ("left", "right")
        gaps = [self.corner(data, f"near_{side}") - self.corner(data, f"far_{side}") for side in sides]
        return float(max(np.linalg.norm(gap) for gap in gaps))

    def is_flat(self, data: mujoco.MjData) -> bool:
        """Whether the cloth lies low, and the edges that should lie on each other are stretched."""
        edges = [self.corner(data, f"{end}_left") - self.corner(data, f"{end}_right") for end in ("near", "far")]
        width_m = min(np.linalg.norm(edge) for edge in edges)
        return bool(width_m > 0.85 * SIZE_M and data.xpos[self._bodies, 2].max() + RADIUS_M < FLAT_M)

    def success(self, data: mujoco.MjData) -> bool:
        return self.mismatch_m(data) < MATCH_M and self.is_flat(data) and not self.held(data)

    def progress(self, data: mujoco.MjData) -> float:
        if self.success(data):
            return 1.0
        return 0.9 * float(np.clip(1.0 - self.mismatch_m(data) / SIZE_M, 0.0, 1.0))

    def failure(self, data: mujoco.MjData) -> str:
        x, y = data.xpos[self._bodies, :2].mean(axis=0)
        return "" if 0.0 < x < 0.7 and abs(y) < 0.55 else "the towel left the table"

    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        corners = {name: self.corner(data, name) for name in CORNERS}
        return corners | {"held": np.array([float(grasp.active(data)) for grasp in self._grasps])}

    def keypoints(self) -> dict[str, Keypoint]:
        return {corner.replace("_", " "): Keypoint(f"cloth_{vertex}") for corner, vertex in CORNERS.items()}


class _Grasp:
    """One arm's hold on one corner: an equality constraint that is switched by the fingers."""

    def __init__(self, model: mujoco.MjModel, arm: str, corner: str) -> None:
        self.arm = arm
        self._equality = model.equality(f"{arm}/{corner}").id
        model.eq_data[self._equality, 3:6] = 0.0  # the corner itself; the compiler takes where the tool is at first
        self._corner = model.body(f"cloth_{CORNERS[corner]}").id
        self._tool = model.site(f"{arm}/tool").id
        finger = model.joint(f"{arm}/finger_left")
        self._finger = finger.qposadr[0]
        self._finger_speed = finger.dofadr[0]
        self._gripper = model.actuator(f"{arm}/gripper").id

    def active(self, data: mujoco.MjData) -> bool:
        """Whether the arm holds the corner."""
        return bool(data.eq_active[self._equality])

    def update(self, data: mujoco.MjData) -> None:
        """Grasp or let go."""
        target = data.ctrl[self._gripper]
        if self.active(data):
            data.eq_active[self._equality] = target < RELEASED_M
        elif (
            target < CLOSED_M and data.qpos[self._finger] < RELEASED_M and data.qvel[self._finger_speed] < -CLOSING_M_S
        ):
            away = np.linalg.norm(data.xpos[self._corner] - data.site_xpos[self._tool])
            data.eq_active[self._equality] = bool(away < GRASP_M)
