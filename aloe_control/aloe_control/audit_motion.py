"""Whether commands move as they may: within every limit, from where the arm stands, and to rest where nobody commands.

Velocity, acceleration and jerk are differences of consecutive commands, so that what is judged is what a bag shows.
Speed is judged in measured time, too: over any window an arm moves no further than its velocity limit allows in that
window and one period. After a tick that is more than two periods late, commands begin anew from rest.
"""

import numpy as np
import numpy.typing as npt

from aloe_control.audit_pace import Pace
from aloe_data.rig import Arm

Array = npt.NDArray[np.float64]
_TOLERANCE = 1e-4  # share of a limit
_REST = 1e-6  # rad or m per tick: standing still
_START = 0.05  # rad or m: how far from the measured position a first command may lie
_LATE_PERIODS = 2.0  # from one command to the next: beyond, the arm has stood still
_UNSURE = 0.1  # periods: so close to a limit, clocks that are not set alike may disagree
_DERIVATIVES = ("velocity", "acceleration", "jerk")


class MotionAudit:
    """The commands of one arm.

    Args:
        arm: for its limits.
        rate_hz: of the commands.
    """

    def __init__(self, arm: Arm, rate_hz: float) -> None:
        self._arm = arm
        self._rate_hz = rate_hz
        joints = arm.all_joints
        self._lower = np.array([joint.lower for joint in joints])
        self._upper = np.array([joint.upper for joint in joints])
        self._limits = np.array([[getattr(joint, f"max_{name}") for joint in joints] for name in _DERIVATIVES])
        self._limits /= rate_hz ** np.arange(1, 4)[:, None]  # per tick, tick^2, tick^3
        self._pace = Pace(self._limits[0])
        self.measured = np.full(arm.dof, np.nan)
        self.end()

    def end(self) -> None:
        """The next command is a first one."""
        self._path = np.zeros((0, self._arm.dof))
        self._others: list[Array] = []  # what the path is if ticks began anew, where clocks may disagree about that
        self._pace.forget()
        self._braking = 0  # ticks since nobody commands
        self._allowed = np.zeros(self._arm.dof)  # speed that may be left
        self._deadline = 0.0  # ticks in which it must have come to rest

    def interrupt(self) -> None:
        """Some commands are not known: what follows is judged as far as it can be without them."""
        self._path = np.full((4, self._arm.dof), np.nan)
        self._others = []
        self._pace.forget()

    @property
    def moves(self) -> bool:
        """Whether the last command was another one than that before it."""
        return len(self._path) > 1 and bool((np.abs(self._path[-1] - self._path[-2]) > _REST).any())

    def step(self, command: Array, gap_ns: int, early: bool = False) -> list[str]:
        """Take the command of a tick.

        Args:
            command: Joint positions [dof] that are sent.
            gap_ns: Measured time since the command before; 0 or less where the clock was set.
            early: Whether ticks have followed each other so fast that the arm may have to wait.

        Returns:
            What is wrong with it.
        """
        if command.shape != (self._arm.dof,) or not np.isfinite(command).all():
            return [f"'{self._arm.name}' is sent {command}"]
        if not len(self._path):
            self._path = np.tile(command, (4, 1))
            return self._off_start(command)
        periods = gap_ns * 1e-9 * self._rate_hz
        last = self._path[-1]
        fast = self._fast_in_time(np.abs(command - last), periods)
        return [*self._outside(last, command), *self._too_fast(command, periods, early), *fast]

    def hold(self, command: Array) -> list[str]:
        """Take a command [dof] to hold where the arm is measured: it begins there, or stays where it began."""
        if command.shape != (self._arm.dof,) or not np.isfinite(command).all():
            return [f"'{self._arm.name}' is sent {command}"]
        stays = len(self._path) > 0 and bool((np.abs(command - self._path[-1]) <= _REST).all())
        self._path = np.tile(command, (4, 1))
        self._others = []
        self._pace.forget()
        return [] if stays else self._off_start(command)

    def brakes(self) -> str:
        """ "" or how the arm moves although it should only come to rest; for every tick in which nobody commands."""
        path = self._path
        if len(path) < 4:
            return ""
        v = path[-1] - path[-2]
        a = path[-1] - 2.0 * path[-2] + path[-3]
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

    def _fast_in_time(self, moved: Array, periods: float) -> list[str]:
        share = self._pace.step(np.nan_to_num(moved), periods)
        if share.max() <= 1.0 + 10.0 * _TOLERANCE:
            return []
        return [self._tell(share, "moves faster in measured time than its limit of velocity")]

    def _too_fast(self, command: Array, periods: float, early: bool) -> list[str]:
        """Whether differences of commands exceed a limit, on the path so far or anew from rest, as time demands.

        Where clocks may disagree about that, all are kept in mind until later commands tell.
        """
        going_on = [np.vstack((path[1:], command)) for path in (self._path, *self._others)]
        anew = np.vstack((np.tile(self._path[-1], (3, 1)), command))
        if periods <= 0.0 or periods > _LATE_PERIODS + _UNSURE:
            paths = [anew]
        elif early or periods > _LATE_PERIODS - _UNSURE:
            paths = [*going_on, anew]
        else:
            paths = going_on
        good: list[Array] = []
        for path in paths:
            if not self._beyond_limits(path) and not any(np.array_equal(path, other) for other in good):
                good.append(path)
        self._path = good[0] if good else paths[0]
        self._others = good[1:]
        return [] if good else self._beyond_limits(paths[0])

    def _beyond_limits(self, path: Array) -> list[str]:
        found = []
        for order, (name, limit) in enumerate(zip(_DERIVATIVES, self._limits, strict=True), start=1):
            share = np.abs(np.diff(path, n=order, axis=0)[-1]) / limit
            if share.max() > 1.0 + _TOLERANCE:
                found.append(self._tell(share, f"has {share.max():.3f} times its limit of {name}"))
        return found

    def _tell(self, badness: Array, what: str) -> str:
        return f"joint '{self._arm.joint_names[int(badness.argmax())]}' of '{self._arm.name}' {what}"
