"""Whether commands move as they may: within every limit, from where the arm stands, and to rest where nobody commands.

Velocity, acceleration and jerk are differences of consecutive commands, so that what is judged is what a bag shows.
"""

import numpy as np
import numpy.typing as npt

from aloe_data.rig import Arm

Array = npt.NDArray[np.float64]
_TOLERANCE = 1e-4  # share of a limit
_REST = 1e-6  # rad or m per tick: standing still
_START = 0.05  # rad or m: how far from the measured position a first command may lie
_DERIVATIVES = ("velocity", "acceleration", "jerk")


class MotionAudit:
    """The commands of one arm.

    Args:
        arm: for its limits.
        rate_hz: of the commands.
    """

    def __init__(self, arm: Arm, rate_hz: float) -> None:
        self._arm, self._rate_hz = arm, rate_hz
        joints = arm.all_joints
        self._lower = np.array([joint.lower for joint in joints])
        self._upper = np.array([joint.upper for joint in joints])
        self._limits = np.array([[getattr(joint, f"max_{name}") for joint in joints] for name in _DERIVATIVES])
        self._limits /= rate_hz ** np.arange(1, 4)[:, None]  # per tick, tick^2, tick^3
        self.measured = np.full(arm.dof, np.nan)
        self.end()

    def end(self) -> None:
        """The next command is a first one."""
        self._path = np.zeros((0, self._arm.dof))
        self._braking = 0  # ticks since nobody commands
        self._allowed = np.zeros(self._arm.dof)  # speed that may be left
        self._deadline = 0.0  # ticks in which it must have come to rest

    def interrupt(self) -> None:
        """Some commands are not known: what follows is judged as far as it can be without them."""
        self._path = np.full((4, self._arm.dof), np.nan)

    @property
    def moves(self) -> bool:
        """Whether the last command was another one than that before it."""
        return len(self._path) > 1 and bool((np.abs(self._path[-1] - self._path[-2]) > _REST).any())

    def step(self, command: Array) -> list[str]:
        """Take the command [dof] of this tick; returns what is wrong with it."""
        if command.shape != (self._arm.dof,) or not np.isfinite(command).all():
            return [f"'{self._arm.name}' is sent {command}"]
        if not len(self._path):
            self._path = np.tile(command, (4, 1))
            return self._off_start(command)
        last, self._path = self._path[-1], np.vstack((self._path[1:], command))
        return [*self._outside(last, command), *self._too_fast()]

    def brakes(self) -> str:
        """ "" or how the arm moves although it should only come to rest; for every tick in which nobody commands."""
        path = self._path
        if len(path) < 4:
            return ""
        v, a = path[-1] - path[-2], path[-1] - 2.0 * path[-2] + path[-3]
        left = np.abs(self._released(v, a))
        if self._braking == 0:
            before = path[-2] - path[-3], path[-2] - 2.0 * path[-3] + path[-4]
            self._allowed = np.abs(self._released(*before))
            self._deadline = self._ticks_to_rest(self._allowed)
        self._braking += 1
        slack = self._limits[2] * 0.51 + _REST  # half a jerk: ticks are no continuous time
        if (left > self._allowed + slack).any():
            return self._tell(left - self._allowed, "speeds up although nobody commands it")
        self._allowed = np.minimum(self._allowed, left)
        moving = np.abs(v) > _REST
        if self._braking > self._deadline and moving.any():
            return self._tell(np.abs(v), f"still moves {self._braking} ticks after nobody commands it")
        return ""

    def commanded(self) -> None:
        """Somebody commands the arm in this tick."""
        self._braking = 0

    def _released(self, v: Array, a: Array) -> Array:
        """Velocity that is left when the acceleration is let go as fast as the jerk limit allows."""
        result: Array = v + np.sign(a) * np.maximum(a * a / (2.0 * self._limits[2]) - np.abs(a) / 2.0, 0.0)
        return result

    def _ticks_to_rest(self, speed: Array) -> float:
        """Ticks in which a braking arm is at rest: full deceleration, faded in and out, and some for rounding."""
        _, acceleration, jerk = self._limits
        ticks: Array = speed / acceleration + 3.0 * acceleration / jerk + 4.0
        return float(ticks.max())

    def _off_start(self, command: Array) -> list[str]:
        gap = np.abs(command - self.measured)
        return [self._tell(gap, "starts elsewhere than the joint stands")] if (gap > _START).any() else []

    def _outside(self, last: Array, command: Array) -> list[str]:
        beyond = self._beyond(command)
        worse = (beyond > _TOLERANCE * (self._upper - self._lower)) & (beyond > self._beyond(last) + _REST)
        return [self._tell(np.where(worse, beyond, 0.0), "goes beyond its range")] if worse.any() else []

    def _beyond(self, position: Array) -> Array:
        result: Array = np.maximum(np.maximum(self._lower - position, position - self._upper), 0.0)
        return result

    def _too_fast(self) -> list[str]:
        found = []
        for order, (name, limit) in enumerate(zip(_DERIVATIVES, self._limits, strict=True), start=1):
            share = np.abs(np.diff(self._path, n=order, axis=0)[-1]) / limit
            if share.max() > 1.0 + _TOLERANCE:
                found.append(self._tell(share, f"has {share.max():.3f} times its limit of {name}"))
        return found

    def _tell(self, badness: Array, what: str) -> str:
        return f"joint '{self._arm.joint_names[int(badness.argmax())]}' of '{self._arm.name}' {what}"
