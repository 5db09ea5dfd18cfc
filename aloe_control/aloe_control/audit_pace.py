"""How far something ran ahead of the time that has passed."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Pace:
    """Judges a limit of speed over all windows at once: in no window may more be covered than in it and one period.

    The largest excess over all windows that end now is the largest over those that ended a step ago, if that was above
    zero, and this step's.

    Args:
        limit: Way per period [n].
    """

    def __init__(self, limit: Array) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Windows begin anew."""
        self._ahead = np.zeros_like(self._limit)

    def step(self, way: Array, periods: float) -> Array:
        """Excess [n] over what the best window up to now allows, in shares of one period's way; above 1: too fast.

        Args:
            way: What was covered in this step [n], at least 0.
            periods: Measured time of the step; 0 or less where it is not known.
        """
        if periods <= 0.0:
            self.forget()
            return self._ahead
        self._ahead = np.maximum(self._ahead, 0.0) + way - self._limit * periods
        share: Array = self._ahead / self._limit
        self._ahead = np.minimum(self._ahead, self._limit)  # what was found once is not found again in every window
        return share
