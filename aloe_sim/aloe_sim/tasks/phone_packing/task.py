"""Phone packing: insert a phone into a case that fits it closely, and press it home until it snaps in."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.base import Keypoint, Task
from aloe_sim.tasks.parts import box_xml, place_flat, plunger_xml, relative_pose, require_words, yaw_angle

PHONE_HALF_M = (0.060, 0.030, 0.007)
UNSEEN_PHONE_HALF_M = (0.052, 0.026, 0.007)
CASE_FLOOR_M = 0.004  # thickness
CASE_WALL_M = 0.006  # height above the floor; thickness as well
TAB_M = 0.034  # from the case's outside to where the tab is held
TAB_HALF_WIDTH_M = 0.012
LIFT_M = 0.002  # how far a spring holds the phone up until it is pressed home
SNAP_FORCE_N = 6.0
SNAP_M = 0.0004  # the latch closes this far above home
PLAY_M = 0.0005  # by which contacts give way
PROMPTS = (
    "put the phone into the case",
    "insert the phone into the case and press it home",
    "pack the phone in its case",
)
_BLUE = ".15 .35 .8 1"
_UNSEEN_RED = ".75 .2 .2 1"


class PhonePacking(Task):
    """One phone, one case with a tab to hold it by.

    Args:
        clearance_m: Gap between the phone and the case's walls, on every side. With 4 mm a small policy can learn it
            from images; 1 mm is for experts, and for policies that see finer.
    """

    name = "phone_packing"
    keypoint_names = ("phone front", "phone back", "case front", "case back", "case tab")

    def __init__(self, clearance_m: float = 0.004) -> None:
        if not 0.0002 <= clearance_m <= 0.01:
            raise ValueError(f"phone_packing: clearance_m is {clearance_m}; it must be 0.0002 to 0.01")
        self.clearance_m = clearance_m
        self.home_m = np.array([0.0, 0.0, CASE_FLOOR_M + PHONE_HALF_M[2]])  # of the phone in the case
        self.tab_m = np.array(
            [0.0, PHONE_HALF_M[1] + clearance_m + CASE_WALL_M + TAB_M]
        )  # in the case, where to hold it
        self._phone = self._case = self._latch = 0

    @property
    def phone_half_m(self) -> tuple[float, float, float]:
        """Half sizes of the phone."""
        return UNSEEN_PHONE_HALF_M if self.variation.unseen else PHONE_HALF_M

    @property
    def tab_y_m(self) -> float:
        """Where to hold the case, from its middle."""
        return self.phone_half_m[1] + self.clearance_m + CASE_WALL_M + TAB_M

    def objects_xml(self) -> str:
        phone = box_xml((0, 0, 0), self.phone_half_m, ".08 .08 .08 1", 'mass=".12"')
        x, y, z = self.phone_half_m
        screen = f'<geom class="visual" type="box" pos="0 0 {z}" size="{x * 0.93} {y * 0.9} .0004" rgba=".3 .8 .9 1"/>'
        button = f'<geom class="visual" type="cylinder" pos="{-0.8 * x} 0 {z}" size=".006 .0008" rgba=".9 .9 .9 1"/>'
        return f"""<body name="phone" pos=".34 -.16 .01"><freejoint name="phone"/>{phone}{screen}{button}</body>
          <body name="case" pos=".36 .08 .001"><freejoint name="case"/>{self._case_xml()}</body>"""

    def _case_xml(self) -> str:
        x = self.phone_half_m[0] + self.clearance_m
        y = self.phone_half_m[1] + self.clearance_m
        rgba = _UNSEEN_RED if self.variation.unseen else _BLUE
        t = CASE_WALL_M / 2
        floor = CASE_FLOOR_M / 2
        wall = CASE_WALL_M / 2
        middle = CASE_FLOOR_M + wall
        tab = (self.tab_y_m - y - 2 * t + 0.012) / 2
        parts = [
            box_xml((0, 0, floor), (x + 2 * t, y + 2 * t, floor), rgba, 'mass=".06"'),
            box_xml((x + t, 0, middle), (t, y + 2 * t, wall), rgba, 'mass=".01"'),
            box_xml((-x - t, 0, middle), (t, y + 2 * t, wall), rgba, 'mass=".01"'),
            box_xml((0, y + t, middle), (x, t, wall), rgba, 'mass=".01"'),
            box_xml((0, -y - t, middle), (x, t, wall), rgba, 'mass=".01"'),
            box_xml((0, y + 2 * t + tab, 0.008), (TAB_HALF_WIDTH_M, tab, 0.006), ".1 .2 .5 1", 'mass=".02"'),
        ]
        pad = (0, 0, CASE_FLOOR_M + LIFT_M - 0.001)
        return "".join(parts) + plunger_xml("case_spring", pad, (0.03, 0.016, 0.001), LIFT_M, SNAP_FORCE_N)

    def constraints_xml(self, arms: object) -> str:
        home = " ".join(str(v) for v in self.home_m)
        return (
            f'<weld name="packed" body1="case" body2="phone" relpose="{home} 1 0 0 0" active="false" solref=".01 1"/>'
        )

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        self._phone = model.body("phone").id
        self._case = model.body("case").id
        self._latch = model.equality("packed").id
        spot = [self._draw(rng, 0.32, 0.40), self._draw(rng, -0.21, -0.13), PHONE_HALF_M[2] + 0.001]
        place_flat(data, "phone", spot, self._draw(rng, -0.35, 0.35))
        spot = [self._draw(rng, 0.34, 0.38), self._draw(rng, 0.0, 0.04), 0.001]
        place_flat(data, "case", spot, self._draw(rng, -0.2, 0.2))
        return PROMPTS[rng.integers(len(PROMPTS))]

    def set_prompt(self, prompt: str) -> None:
        require_words(prompt, ("phone", "case"), "a phone, a case")

    def act(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Close the latch over a phone that is pressed home."""
        height = data.xpos[self._phone, 2] - data.xpos[self._case, 2]  # cheap, and seldom that of home
        if abs(height - self.home_m[2]) < 2 * SNAP_M and not data.eq_active[self._latch]:
            data.eq_active[self._latch] = self._is_seated(data, SNAP_M)

    def _is_seated(self, data: mujoco.MjData, above_home_m: float) -> bool:
        xyz, rotation = relative_pose(data, self._phone, self._case)
        room_m = self.clearance_m + PLAY_M
        sideways = np.abs(xyz[:2]).max() < room_m
        straight = abs(yaw_angle(rotation)) < room_m / self.phone_half_m[0]  # as far as the walls let the corners turn
        level = xyz[2] - self.home_m[2] < above_home_m and rotation[2, 2] > 0.999
        return bool(sideways and straight and level)

    def is_packed(self, data: mujoco.MjData) -> bool:
        """Whether the latch is closed."""
        return bool(data.eq_active[self._latch])

    def is_inserted(self, data: mujoco.MjData) -> bool:
        """Whether the phone lies between the case's walls, pressed home or not."""
        return self._is_seated(data, LIFT_M + 0.0015)

    def success(self, data: mujoco.MjData) -> bool:
        return self.is_packed(data) and self.is_inserted(data)

    def progress(self, data: mujoco.MjData) -> float:
        if self.success(data):
            return 1.0
        if self.is_inserted(data):
            return 0.75
        lifted = data.xpos[self._phone, 2] > PHONE_HALF_M[2] + 0.01
        if not lifted:
            return 0.0
        xyz, _ = relative_pose(data, self._phone, self._case)
        over_the_case = np.linalg.norm(xyz[:2]) < 0.02
        return 0.5 if over_the_case else 0.25

    def failure(self, data: mujoco.MjData) -> str:
        for body, name in ((self._phone, "phone"), (self._case, "case")):
            if data.xpos[body, 2] < -0.05:
                return f"the {name} fell off the table"
        return ""

    def keypoints(self) -> dict[str, Keypoint]:
        x, _, top = self.phone_half_m
        wall = x + self.clearance_m + CASE_WALL_M / 2
        rim = CASE_FLOOR_M + CASE_WALL_M
        points = {
            "phone front": ("phone", (0.8 * x, 0.0, top)),
            "phone back": ("phone", (-0.8 * x, 0.0, top)),
            "case front": ("case", (wall, 0.0, rim)),
            "case back": ("case", (-wall, 0.0, rim)),
            "case tab": ("case", (0.0, self.tab_y_m, 0.014)),
        }
        return {name: Keypoint(*point) for name, point in points.items()}

    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        poses = {name: data.joint(name).qpos.copy() for name in ("phone", "case")}
        return poses | {"packed": np.array([float(self.is_packed(data))])}
