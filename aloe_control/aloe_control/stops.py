"""The stops that could follow a tick: what a guard looks at before a command is made."""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from aloe_control.stop_law import stop_path

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_TOLERANCE: Final = 1e-9  # rad and m: rounding


class Stops:
    """Stops of all joints after a tick with some share of the wanted acceleration: 1 is the wanted one, 0 the stop law.

    Args:
        positions: The last commanded positions [n].
        velocity: In jerk limits per tick^2 [n], as in `stop_law`.
        unit: Jerk limit times tick^3 [n]: turns the units of `stop_law` into those of positions.
        alpha: Acceleration limits in jerk limits per tick [n].
        wanted: Acceleration that the limits of each joint allow [n].
        stop: Acceleration of the stop law [n].
        lower: Lowest positions to stop within [n].
        upper: Highest positions to stop within [n].
    """

    def __init__(
        self,
        positions: Array,
        velocity: Array,
        unit: Array,
        alpha: Array,
        wanted: Array,
        stop: Array,
        lower: Array,
        upper: Array,
    ) -> None:
        self._p = positions
        self._v = velocity
        self._unit = unit
        self._alpha = alpha
        self._wanted = wanted
        self._stop = stop
        self._lower = lower
        self._upper = upper

    @property
    def n_joints(self) -> int:
        """Number of joints."""
        return len(self._p)

    def accelerations(self, shares: Array) -> Array:
        """Accelerations of the tick, for shares [..., n] between 0 and 1."""
        return np.where(shares == 1.0, self._wanted, self._stop + shares * (self._wanted - self._stop))

    def positions(self, shares: Array) -> Array:
        """Where joints would be [S, ticks, n] for shares [S, n]: now, after the tick, at every tick of the stop."""
        a = self.accelerations(shares)
        v = self._v + a
        path = self._p + (v + stop_path(v, a, self._alpha)) * self._unit
        now = np.broadcast_to(self._p, (1, *shares.shape))
        return np.concatenate((now, path)).swapaxes(0, 1)

    def viable(self, paths: Array) -> Mask:
        """Whether each joint stays within its position limits on paths [S, ticks, n], at all ticks: [S, n]."""
        inside: Mask = (paths >= self._lower - _TOLERANCE) & (paths <= self._upper + _TOLERANCE)
        return np.asarray(inside.all(axis=1))


class Guard(Protocol):
    """Looks at all joints together: its veto comes after the limits of each joint."""

    def start(self, positions: Array) -> None:
        """Motion begins at rest at these positions [n]."""

    def shares(self, stops: Stops) -> Array:
        """How much of the wanted acceleration each joint may have in this tick, 0 to 1 [n]."""
