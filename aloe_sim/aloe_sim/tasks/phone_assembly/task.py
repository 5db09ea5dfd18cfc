"""Phone assembly: seat a back cover on two pegs, and press its ends home in the order that the prompt names."""

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.base import Keypoint, Task
from aloe_sim.tasks.parts import box_xml, place_flat, plunger_xml, relative_pose, words_of, yaw_angle

ENDS = ("left", "right")
PLAN_M = {"cover": (0.030, 0.066), "body": (0.032, 0.070)}  # half sizes; their long sides lie across the rig
UNSEEN_SCALE = 0.88
COVER_HALF_Z_M = 0.005
BODY_HALF_Z_M = 0.006
PEG_Y_M = 0.045  # from the middle; ends are pressed there, too
END_Y_M = 0.058  # from the middle: a spring beneath each end
PEG_RADIUS_M = 0.005
PEG_HEIGHT_M = 0.008  # above the body
LIFT_M = 0.002  # how far springs hold the cover up until it is pressed home
SNAP_FORCE_N = 5.0  # per end
SNAP_M = 0.0005  # an end snaps in this far above home
PRESS_S = 0.06  # and stays there for so long: a cover that is dropped does not
APART_S = 0.3  # ends that are home sooner after one another were pressed together
SEATED_YAW_RAD = 0.05
PROMPTS = (
    "seat the cover on the pegs, then press the {} end and then the {} end",
    "put the cover onto the phone and press it home at the {}, then at the {}",
    "assemble the phone: cover on, press {} first, {} last",
)
_OUT_OF_ORDER = 0  # in MuJoCo's user data: whether the order was wrong
_HOME_SINCE = slice(1, 3)  # in MuJoCo's user data: since when each end is home, s
_GREY = ".75 .77 .8 1"
_UNSEEN_GREEN = ".35 .6 .4 1"


class PhoneAssembly(Task):
    """A phone's body with two pegs, fixed in a jig, and a loose cover with two holes.

    Args:
        clearance_m: Gap between pegs and holes, on every side.
    """

    name = "phone_assembly"
    keypoint_names = ("cover left", "cover right", "phone left", "phone right")

    def __init__(self, clearance_m: float = 0.001) -> None:
        if not 0.0003 <= clearance_m <= 0.004:
            raise ValueError(f"phone_assembly: clearance_m is {clearance_m}; it must be 0.0003 to 0.004")
        self.clearance_m = clearance_m
        self.home_z_m = BODY_HALF_Z_M + COVER_HALF_Z_M  # of the cover in the body's frame
        self.order: tuple[str, ...] = ENDS
        self._cover = self._body = 0
        self._latches = np.zeros(2, int)

    def half_m(self, part: str) -> tuple[float, float]:
        """Half sizes of the "cover" or the "body" along x and y."""
        x, y = PLAN_M[part]
        return x * self._scale, y * self._scale

    @property
    def press_y_m(self) -> float:
        """Where the left end is pressed, from the middle; the pegs stand there."""
        return PEG_Y_M * self._scale

    @property
    def _scale(self) -> float:
        return UNSEEN_SCALE if self.variation.unseen else 1.0

    def objects_xml(self) -> str:
        peg = f"0 {{y}} 0 0 {{y}} {BODY_HALF_Z_M + PEG_HEIGHT_M - PEG_RADIUS_M}"
        pegs = "".join(
            f'<geom class="object" type="capsule" fromto="{peg.format(y=y)}" size="{PEG_RADIUS_M}" rgba=".8 .6 .2 1"/>'
            for y in (self.press_y_m, -self.press_y_m)
        )
        pad_z = BODY_HALF_Z_M + LIFT_M - 0.001
        springs = "".join(
            plunger_xml(f"{end}_spring", (0, y, pad_z), (0.02, 0.004, 0.001), LIFT_M, SNAP_FORCE_N)
            for end, y in zip(ENDS, (END_Y_M * self._scale, -END_Y_M * self._scale), strict=True)
        )
        body = box_xml((0, 0, 0), (*self.half_m("body"), BODY_HALF_Z_M), ".1 .1 .12 1")
        body += self._press_sites("body", self.home_z_m)
        return f"""<body name="phone_body" mocap="true" pos=".36 0 {BODY_HALF_Z_M}">{body}{pegs}{springs}</body>
          <body name="cover" pos=".36 -.2 .01"><freejoint name="cover"/>{self._cover_xml()}</body>"""

    def _cover_xml(self) -> str:
        x, y = self.half_m("cover")
        z = COVER_HALF_Z_M
        rgba = _UNSEEN_GREEN if self.variation.unseen else _GREY
        hole = PEG_RADIUS_M + self.clearance_m
        inner = self.press_y_m - hole
        outer = self.press_y_m + hole
        side = (x - hole) / 2
        parts = [box_xml((0, 0, 0), (x, inner, z), rgba, 'mass=".03"')]
        # Only the middle rests on the table: fewer contacts to solve.
        raised = 0.0002
        thin = z - raised
        for s in (1, -1):
            end = (y - outer) / 2
            parts.append(box_xml((0, s * (outer + end), raised), (x, end, thin), rgba, 'mass=".008"'))
            for t in (1, -1):
                beside = (t * (hole + side), s * self.press_y_m, raised)
                parts.append(box_xml(beside, (side, hole, thin), rgba, 'mass=".004"'))
        mark = f'<geom class="visual" type="cylinder" pos="0 0 {z}" size=".012 .0006" rgba=".2 .4 .7 1"/>'
        return "".join(parts) + mark + self._press_sites("cover", 0.0)

    def constraints_xml(self, arms: object) -> str:
        return "".join(
            f'<connect name="{end}_latch" site1="body_{end}" site2="cover_{end}" active="false" solref=".01 1"/>'
            for end in ENDS
        )

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        self._cover = model.body("cover").id
        self._body = model.body("phone_body").id
        self._latches = np.array([model.equality(f"{end}_latch").id for end in ENDS])
        yaw = self._draw(rng, -0.2, 0.2)
        data.mocap_pos[0] = [self._draw(rng, 0.34, 0.38), self._draw(rng, -0.02, 0.02), BODY_HALF_Z_M]
        data.mocap_quat[0] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        side = rng.choice([-1.0, 1.0])
        spot = [self._draw(rng, 0.33, 0.40), side * self._draw(rng, 0.19, 0.23), COVER_HALF_Z_M + 0.001]
        place_flat(data, "cover", spot, self._draw(rng, -0.35, 0.35))
        self.order = tuple(str(end) for end in rng.permutation(ENDS))
        return PROMPTS[rng.integers(len(PROMPTS))].format(*self.order)

    def set_prompt(self, prompt: str) -> None:
        """Take the order from words ("... cover ... left ... right").

        Raises:
            ValueError: the prompt names no cover, or not both ends.
        """
        words = words_of(prompt)
        named = tuple(dict.fromkeys(word for word in words if word in ENDS))
        if "cover" not in words or len(named) < 2:
            raise ValueError(f"the prompt '{prompt}' must name the cover and the ends in order: {', '.join(ENDS)}")
        self.order = named

    def act(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:
        """Close the latch of an end that is pressed home for a moment, and remember when the order was wrong."""
        height = data.xpos[self._cover, 2] - data.xpos[self._body, 2]  # cheap, and seldom that of home
        if abs(height - self.home_z_m) > LIFT_M or not self.is_seated(data):
            data.userdata[_HOME_SINCE] = 0.0
            return
        for end, y in enumerate((self.press_y_m, -self.press_y_m)):
            if not data.eq_active[self._latches[end]]:
                self._press(data, end, self._height_above_home(data, y) < SNAP_M)

    def _press(self, data: mujoco.MjData, end: int, is_home: bool) -> None:
        since_s = data.userdata[_HOME_SINCE]
        if not is_home:
            since_s[end] = 0.0
        elif since_s[end] == 0.0:
            since_s[end] = data.time
        elif data.time - since_s[end] >= PRESS_S:
            data.eq_active[self._latches[end]] = True
            other = 1 - end
            earlier = data.eq_active[self._latches[other]] and since_s[end] - since_s[other] >= APART_S
            if ENDS[end] != self.order[0] and not earlier:
                data.userdata[_OUT_OF_ORDER] = 1.0

    def _height_above_home(self, data: mujoco.MjData, y: float) -> float:
        xyz, rotation = relative_pose(data, self._cover, self._body)
        return float(xyz[2] + rotation[2, 1] * y - self.home_z_m)

    def is_seated(self, data: mujoco.MjData) -> bool:
        """Whether the pegs are in the holes, pressed home or not."""
        xyz, rotation = relative_pose(data, self._cover, self._body)
        sideways = np.abs(xyz[:2]).max() < self.clearance_m + 0.0007
        low = xyz[2] - self.home_z_m < LIFT_M + 0.0015
        return bool(sideways and low and abs(yaw_angle(rotation)) < SEATED_YAW_RAD)

    def pressed(self, data: mujoco.MjData) -> tuple[str, ...]:
        """The ends that are latched."""
        return tuple(end for end, latch in zip(ENDS, self._latches, strict=True) if data.eq_active[latch])

    def success(self, data: mujoco.MjData) -> bool:
        return len(self.pressed(data)) == len(ENDS) and self.is_seated(data) and not self.failure(data)

    def progress(self, data: mujoco.MjData) -> float:
        if self.is_seated(data):
            return 0.5 + 0.25 * len(self.pressed(data))
        return 0.25 * float(data.xpos[self._cover, 2] > COVER_HALF_Z_M + 0.01)

    def failure(self, data: mujoco.MjData) -> str:
        if data.xpos[self._cover, 2] < -0.05:
            return "the cover fell off the table"
        if data.userdata[_OUT_OF_ORDER]:
            return f"the {self.order[1]} end was not pressed after the {self.order[0]} one"
        return ""

    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        return {
            "cover": data.joint("cover").qpos.copy(),
            "phone_body": np.concatenate([data.mocap_pos[0], data.mocap_quat[0]]),
            "pressed": data.eq_active[self._latches].astype(float),
            "left_first": np.array([float(self.order[0] == "left")]),
        }

    def keypoints(self) -> dict[str, Keypoint]:
        end = END_Y_M * self._scale
        peg_top = BODY_HALF_Z_M + PEG_HEIGHT_M
        points = {
            "cover left": ("cover", (0.0, end, COVER_HALF_Z_M)),
            "cover right": ("cover", (0.0, -end, COVER_HALF_Z_M)),
            "phone left": ("phone_body", (0.0, self.press_y_m, peg_top)),
            "phone right": ("phone_body", (0.0, -self.press_y_m, peg_top)),
        }
        return {name: Keypoint(*point) for name, point in points.items()}

    def _press_sites(self, body: str, z: float) -> str:
        sides = zip(ENDS, (self.press_y_m, -self.press_y_m), strict=True)
        return "".join(f'<site name="{body}_{end}" pos="0 {y} {z}" size=".001" rgba="0 0 0 0"/>' for end, y in sides)
