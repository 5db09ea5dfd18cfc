"""Whether the arms do what they are told: a brake, a protective stop or an obstacle shows in what is measured."""

from collections import deque

import numpy as np
import numpy.typing as npt

from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]


class Following:
    """Compares measured joints with the commands of the last moments.

    An arm that follows, however late within the window, stands between the commands of that window. Grippers are left
    out: they close on things.

    Args:
        rig: whose arms.
        tolerance_rad: how far beyond those commands a joint may stand; contact and gravity bend arms.
        window_s: how late an arm may be.
    """

    def __init__(self, rig: Rig, tolerance_rad: float, window_s: float) -> None:
        self._rig, self._tolerance_rad, self._window_s = rig, tolerance_rad, window_s
        self._commands: deque[Array] = deque(maxlen=1 + round(window_s * rig.rate_hz))

    def start(self) -> None:
        """Motion begins anew: what was commanded before says nothing."""
        self._commands.clear()

    def commanded(self, positions: Array) -> None:
        """Joint positions [S] that were sent in this tick."""
        self._commands.append(positions.copy())

    def problems(self, measured: Array) -> list[str]:
        """One sentence per arm that does not follow, about the joint that is furthest off.

        Args:
            measured: joint positions [S], newest of all arms.
        """
        if not self._commands:
            return []
        commands = np.array(self._commands)
        beyond = np.maximum(commands.min(axis=0) - measured, measured - commands.max(axis=0))
        found = []
        for arm in self._rig.arms:
            off = beyond[self._rig.state_slice(arm.name)][: len(arm.joints)]
            worst = int(off.argmax())
            if off[worst] > self._tolerance_rad:
                found.append(
                    f"'{arm.name}' does not follow: joint '{arm.joints[worst].name}' stands {off[worst]:.2f} rad away "
                    f"from all its commands of the last {self._window_s:g} s (limit {self._tolerance_rad:g}); look at "
                    "its driver, brakes and emergency stop, and at what it touches"
                )
        return found
