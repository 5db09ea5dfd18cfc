"""Whether the arms do what they are told: a brake, a protective stop or an obstacle shows in what is measured."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from aloe_control.joints import by_unit
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]


class Reading(NamedTuple):
    """When joints were measured [ns]: by their stamp, which is never later than their arrival, and not after that."""

    stamp_ns: int
    arrival_ns: int


class Following:
    """Compares measured joints with the commands of the time at which they were measured.

    An arm that follows, however late within the window, stands between the commands of that window, which ends when the
    joint state arrived. So silence of an arm that moves on is no deviation, and a stamp may be wrong. Grippers are left
    out: they close on things.

    Args:
        rig: Rig whose arms are commanded.
        tolerance_rad: How far beyond those commands a turning joint may stand; contact and gravity bend arms.
        tolerance_m: The same for sliding joints.
        window_s: How late an arm may be.
    """

    def __init__(self, rig: Rig, tolerance_rad: float, tolerance_m: float, window_s: float) -> None:
        self._rig = rig
        self._window_s = window_s
        self._window_ns = round(window_s * NS)
        self._joints = {arm.name: _joints_of(rig, arm) for arm in rig.arms}
        self._tolerances = {arm.name: by_unit(arm.joints, tolerance_rad, tolerance_m) for arm in rig.arms}
        oldest_s = window_s + max(arm.max_age_s for arm in rig.arms)
        self._kept = 2 + round(oldest_s * rig.rate_hz)
        self._rows = np.zeros((2 * self._kept, rig.state_dim))  # commands, oldest first
        self._times: list[int] = []  # of the rows that are filled

    def start(self) -> None:
        """Motion begins anew: what was commanded before says nothing."""
        self._times.clear()

    def commanded(self, now_ns: int, positions: Array) -> None:
        """Joint positions [S] that are sent in this tick."""
        if len(self._times) == len(self._rows):
            self._rows[: self._kept] = self._rows[self._kept :]
            del self._times[: self._kept]
        self._rows[len(self._times)] = positions
        self._times.append(now_ns)

    def problems(self, measured: Array, readings: Mapping[str, Reading]) -> dict[str, str]:
        """One sentence per arm that does not follow, by its name, about the joint that is furthest off.

        Args:
            measured: Joint positions [S], newest of all arms.
            readings: When each arm was measured.
        """
        found = {}
        for arm in self._rig.arms:
            problem = self._problem(arm, measured, readings[arm.name]) if arm.name in readings else ""
            if problem:
                found[arm.name] = problem
        return found

    def _problem(self, arm: Arm, measured: Array, reading: Reading) -> str:
        end = bisect_right(self._times, reading.arrival_ns)
        # The command that was in force when the window began counts as well.
        begin = max(0, bisect_left(self._times, reading.stamp_ns - self._window_ns) - 1)
        if begin >= end:
            return ""  # measured before the first command
        joints = self._joints[arm.name]
        tolerance = self._tolerances[arm.name]
        if (np.abs(measured[joints] - self._rows[end - 1, joints]) <= tolerance).all():
            return ""  # near the newest of them, as nearly always: no need to look at the others
        commands = self._rows[begin:end, joints]
        off = np.maximum(commands.min(axis=0) - measured[joints], measured[joints] - commands.max(axis=0))
        if (off <= tolerance).all():
            return ""
        worst = int((off / tolerance).argmax())
        joint = arm.joints[worst]
        return (
            f"'{arm.name}' does not follow: joint '{joint.name}' stands {off[worst]:.2f} {joint.unit} away "
            f"from all its commands of the last {self._window_s:g} s (limit {tolerance[worst]:g}); look at "
            "its driver, brakes and emergency stop, and at what it touches"
        )


def _joints_of(rig: Rig, arm: Arm) -> slice:
    """Where the joints of an arm stand in a state, without its gripper."""
    first = rig.state_slice(arm.name).start
    return slice(first, first + len(arm.joints))
