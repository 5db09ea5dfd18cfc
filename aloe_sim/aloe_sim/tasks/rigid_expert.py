"""What experts for rigid parts share: gripping, joining, pressing. Objects are [4]: x, y, z in m, yaw in rad."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.parts import turned, yaw_angle
from aloe_sim.tasks.reactive_expert import CLOSED_M, OPEN_M, ArmState, Goal, ReactiveExpert, Scene, Style
from aloe_sim.tasks.simulation import Simulation

TRAVEL_Z_M = 0.10
FINGER_TIP_M = 0.005  # how far the fingers reach beyond the tool's point
SQUEEZE_M = 0.02  # set points of closing fingers this far inside an object grip it firmly
PRESS_M = 0.004  # how far below a surface the tool aims while it presses; force builds up with time
STILL = 0.05  # rad/s and m/s; what moves more is falling or carried
REACH_M = 0.58  # of the tool from an arm's base, pointing down
MAX_TILT = 0.9  # cosine; parts that stand steeper cannot be gripped from above
LET_GO_M = 0.003  # set points of fingers that hold firmly are further open than this only while they let go
JAMMED_TILT = 0.9995  # cosine; parts that stand steeper in their place are stuck there


@dataclass(frozen=True)
class Grip:
    """Where fingers take hold of a body.

    Attributes:
        body: Name of the body.
        xy: Position [2] in the body's frame, m.
        turn: Turn of the fingers against the body, rad.
        half_width_m: Half width of what is between the fingers.
        z_m: Height of the tool above the body's origin.
        along_m: How far the body may slide along the fingers and is still between them.
    """

    body: str
    xy: tuple[float, float]
    turn: float
    half_width_m: float
    z_m: float
    along_m: float = 0.008

    def pose(self, body: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Where the tool grips a body [4]: its position [3] in m and its yaw."""
        return np.array([*(body[:2] + turned(self.xy, body[3])), body[2] + self.z_m]), wrapped(body[3] + self.turn)

    def is_around(self, arm: ArmState, body: NDArray[np.float64]) -> bool:
        """Whether the part is between the fingers."""
        xyz, _ = self.pose(body)
        return bool(np.linalg.norm(arm.tool[:2] - xyz[:2]) < 0.015 and abs(arm.tool[2] - xyz[2]) < self.along_m)

    def holds(self, arm: ArmState, body: NDArray[np.float64]) -> bool:
        """Whether the fingers close on the part."""
        squeezed = abs(arm.gripper - self.half_width_m) < 0.005 and arm.gripper_target < self.half_width_m - 0.002
        return squeezed and self.is_around(arm, body)

    def holds_firmly(self, arm: ArmState, body: NDArray[np.float64]) -> bool:
        """Whether it may be moved."""
        return self.holds(arm, body) and arm.gripper_target < max(0.002, self.half_width_m - SQUEEZE_M)


class RigidExpert(ReactiveExpert):
    """Experts whose arms grip one rigid part each.

    Args:
        sim: Simulation to act in.
        style: Speeds, gains and noise; None: the usual ones.
        seed: Seed of the noise.
        grips: What each arm may hold, by the name of the arm.
        rest_z_m: Height of the origin of each body that lies on the table, by the name of the body.
    """

    def __init__(
        self, sim: Simulation, style: Style | None, seed: int, grips: Mapping[str, Grip], rest_z_m: Mapping[str, float]
    ) -> None:
        super().__init__(sim, style, seed)
        self.grips = dict(grips)
        self._rest_z_m = dict(rest_z_m)

    def _objects(self) -> dict[str, NDArray[np.float64]]:
        return {body: self._pose(body) for body in self._rest_z_m}

    def _pose(self, body: str) -> NDArray[np.float64]:
        data = self.sim.data.body(body)
        return np.array([*data.xpos, yaw_angle(data.xmat.reshape(3, 3))])

    def _is_level(self, body: str, place: str) -> bool:
        up, place_up = (self.sim.data.body(name).xmat[2::3] for name in (body, place))
        return bool(up @ place_up > JAMMED_TILT)

    def _held(self, scene: Scene) -> dict[str, str]:
        grips = self.grips.items()
        return {name: g.body for name, g in grips if g.holds(scene.arms[name], scene.objects[g.body])}

    def _floor_m(self, scene: Scene, arm: str) -> float:
        grip = self.grips[arm]
        state = scene.arms[arm]
        outside = state.gripper > grip.half_width_m - 0.003  # not closed fingers on top of the part
        return grip.half_width_m if outside and grip.is_around(state, scene.objects[grip.body]) else 0.0

    def _carry(self, scene: Scene, body: str, before: ArmState, after: ArmState) -> None:
        pose = scene.objects[body]
        turn = after.yaw - before.yaw
        xy = after.tool[:2] + turned(pose[:2] - before.tool[:2], turn)
        scene.objects[body] = np.array([*xy, pose[2] + after.tool[2] - before.tool[2], pose[3] + turn])

    def _unreachable(self, arm: str, body: str) -> str:
        """Why an arm cannot take a body that lies loose; "" when it can."""
        pose = self._pose(body)
        data = self.sim.data.body(body)
        if np.linalg.norm(data.cvel) > STILL:
            return ""  # who knows where it will come to rest
        if data.xmat[8] < MAX_TILT:
            return f"the {body} does not lie flat"
        base = np.array(self.sim.rig.arm(arm).base_xyz[:2])
        if np.linalg.norm(self.grips[arm].pose(pose)[0][:2] - base) > REACH_M:
            return f"the {body} lies beyond the reach of {arm}"
        return ""


def wrapped(angle: float) -> float:
    """The same angle within -pi to pi."""
    return float((angle + np.pi) % (2 * np.pi) - np.pi)


def pick(arm: ArmState, grip: Grip, body: NDArray[np.float64]) -> Goal:
    """Take hold of a part that lies loose."""
    xyz, yaw = grip.pose(body)
    offset = float(np.linalg.norm(arm.tool[:2] - xyz[:2]))
    low = arm.tool[2] < xyz[2] + 0.05
    wide_enough = arm.gripper > grip.half_width_m + 0.005
    if grip.holds(arm, body) or (offset < 0.008 and arm.tool[2] < xyz[2] + 0.004):
        return Goal(xyz, CLOSED_M, 0.1, yaw)
    if low and not wide_enough:
        return Goal(straight_up(arm), OPEN_M, yaw=arm.yaw_target)
    if offset < (0.015 if low else 0.008) and abs(wrapped(yaw - arm.yaw)) < 0.08 and wide_enough:
        return Goal(xyz, OPEN_M, 0.25, yaw)
    if low and offset > 0.02:
        return Goal(straight_up(arm), OPEN_M, yaw=arm.yaw_target)
    return Goal(np.array([*xyz[:2], max(TRAVEL_Z_M, xyz[2] + 0.06)]), OPEN_M, yaw=yaw)


def keep(arm: ArmState) -> Goal:
    """Hold still, fingers closed."""
    return Goal(arm.tool.copy(), CLOSED_M, 0.1, arm.yaw_target)


@dataclass(frozen=True)
class Fit:
    """How a part comes into its place: heights of its origin above the place's in m, precision of its position in m.

    Attributes:
        entry_z_m: Height just above what it fits into.
        inside_z_m: Height below which it cannot slip out sideways any more.
        release_z_m: Height below which it is let go.
        precision_m: How well it must be aligned before it goes in.
    """

    entry_z_m: float
    inside_z_m: float
    release_z_m: float
    precision_m: float

    def holds(self, part: NDArray[np.float64], place: NDArray[np.float64], *, level: bool) -> bool:
        """Whether a part [4] is in its place [4]: one that is tilted and off its middle is jammed on the rim."""
        offset = float(np.linalg.norm(place[:2] - part[:2]))
        return bool(part[2] - place[2] < self.inside_z_m and offset < (3.5 if level else 2) * self.precision_m)


def bring(arm: ArmState, part: NDArray[np.float64], place: NDArray[np.float64], fit: Fit, *, level: bool) -> Goal:
    """Move a held part [4], level or not, over a place [4], align it, lower it, and let it go."""
    error = place[:2] - part[:2]
    turn = wrapped(place[3] - part[3])
    tool = place[:2] + turned(arm.tool[:2] - part[:2], turn)
    offset = float(np.linalg.norm(error))
    yaw = arm.yaw_target + 0.2 * turn  # integrates what the wrist does not follow
    z = part[2] - place[2]  # of the part above the place
    rise = arm.tool[2] - part[2] + place[2]  # of the tool above z
    inside = fit.holds(part, place, level=level)
    letting_go = arm.gripper_target > LET_GO_M  # what has begun to open goes on, even if the part moves up a little
    if inside and (z < fit.release_z_m or letting_go):
        return Goal(np.array([*tool, z + rise]), OPEN_M, 0.1, yaw)
    aligned = offset < fit.precision_m and abs(turn) < 0.012
    if aligned or inside:
        return Goal(np.array([*tool, fit.release_z_m - 0.003 + rise]), CLOSED_M, 0.06, yaw)
    above = z > fit.entry_z_m - 0.002  # below that the rim is in the way: first up, then across
    if offset < 0.004 and abs(turn) < 0.1:
        xy = tool if above else arm.tool[:2]
        return Goal(np.array([*xy, fit.entry_z_m + rise]), CLOSED_M, 0.1, yaw)
    height = fit.entry_z_m + (0.015 if offset < 0.03 else 0.04)
    if z < height - 0.02 or not above:
        return Goal(np.array([*arm.tool[:2], height + rise]), CLOSED_M, 0.3, arm.yaw_target)
    return Goal(np.array([*tool, height + rise]), CLOSED_M, 0.35, yaw)


def let_go(arm: ArmState, grip: Grip, body: NDArray[np.float64]) -> Goal | None:
    """Open the fingers around a part; None when they are open or elsewhere."""
    touching = grip.is_around(arm, body) and arm.gripper > grip.half_width_m - 0.005
    if touching and arm.gripper_target < grip.half_width_m + 0.005:
        return Goal(arm.tool.copy(), OPEN_M, yaw=arm.yaw_target)
    return None


def press(arm: ArmState, point: NDArray[np.float64]) -> Goal:
    """Press closed fingers down on a point [3] of a surface."""
    offset = float(np.linalg.norm(arm.tool[:2] - point[:2]))
    low = arm.tool[2] < point[2] + 0.03
    if arm.gripper_target > 0.004 and low:
        return Goal(straight_up(arm), OPEN_M, yaw=arm.yaw_target)
    if arm.gripper_target <= 0.004 and offset < (0.012 if low else 0.006):
        down = np.array([*point[:2], point[2] + FINGER_TIP_M - PRESS_M])
        return Goal(down, CLOSED_M, 0.12, arm.yaw_target)
    if low and offset > 0.02:
        return Goal(straight_up(arm), CLOSED_M, yaw=arm.yaw_target)
    return Goal(np.array([*point[:2], point[2] + 0.05]), CLOSED_M, 0.35, arm.yaw_target)


def retire(arm: ArmState, home: NDArray[np.float64], grip: Grip, body: NDArray[np.float64]) -> Goal:
    """Let go, and go home by way of up."""
    if goal := let_go(arm, grip, body):
        return goal
    if arm.tool[2] < TRAVEL_Z_M - 0.02 and np.linalg.norm(arm.tool[:2] - home[:2]) > 0.03:
        return Goal(straight_up(arm), arm.gripper_target, yaw=arm.yaw_target)
    return Goal(home, OPEN_M, yaw=0.0)


def straight_up(arm: ArmState) -> NDArray[np.float64]:
    """A point [3] above the tool, at travelling height."""
    return np.array([*arm.tool[:2], TRAVEL_Z_M])


def dropped(pose: NDArray[np.float64], z_m: float) -> NDArray[np.float64]:
    """The pose [4] at another height."""
    return np.array([*pose[:2], z_m, pose[3]])
