"""The stops that could follow a tick: what a guard looks at before a command is made."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from aloe_control.stop_law import stop_path

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Stops:
    """Stops of all joints after a tick with some share of the wanted acceleration: 1 is the wanted one, 0 the stop law.

    Args:
        positions: The last commanded positions [n].
        velocity: In jerk limits per tick^2 [n], as in `stop_law`.
        unit: Jerk limit times tick^3 [n]: turns the units of `stop_law` into those of positions.
        alpha: Acceleration limits in jerk limits per tick [n].
        wanted: Acceleration that the limits of each joint allow [n].
        stop: Acceleration of the stop law [n].
        viable: Which accelerations [S, n] let a joint stop within its position limits.
    """

    def __init__(
        self,
        positions: Array,
        velocity: Array,
        unit: Array,
        alpha: Array,
        wanted: Array,
        stop: Array,
        viable: Callable[[Array], Mask],
    ) -> None:
        self._p = positions
        self._v = velocity
        self._unit = unit
        self._alpha = alpha
        self._wanted = wanted
        self._stop = stop
        self._viable = viable

    @property
    def n_joints(self) -> int:
        """Number of joints."""
        return len(self._p)

    def accelerations(self, shares: Array) -> Array:
        """Accelerations of the tick, for shares [..., n] between 0 and 1."""
        return np.where(shares == 1.0, self._wanted, self._stop + shares * (self._wanted - self._stop))

    def viable(self, shares: Array) -> Mask:
        """Whether each joint could still stop within its position limits; shares and result are [S, n]."""
        return self._viable(self.accelerations(shares))

    def positions(self, shares: Array) -> Array:
        """Where joints would be [S, ticks, n] for shares [S, n]: now, after the tick, at every tick of the stop."""
        a = self.accelerations(shares)
        v = self._v + a
        path = self._p + (v + stop_path(v, a, self._alpha)) * self._unit
        now = np.broadcast_to(self._p, (1, *shares.shape))
        return np.concatenate((now, path)).swapaxes(0, 1)


class Guard(Protocol):
    """Looks at all joints together: its veto comes after the limits of each joint."""

    def start(self, positions: Array) -> None:
        """Motion begins at rest at these positions [n]."""

    def shares(self, stops: Stops) -> Array:
        """How much of the wanted acceleration each joint may have in this tick, 0 to 1 [n]."""
