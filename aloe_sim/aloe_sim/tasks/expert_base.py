"""What an expert is: it decides by the state of the scene, not by a script, and answers with chunks like a policy."""

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class CannotHelpError(RuntimeError):
    """The expert knows no way to the goal from this state."""


class Expert(ABC):
    """Leads to a task's goal from the present state of the simulation that it was made for."""

    @abstractmethod
    def refusal(self) -> str:
        """Why it cannot lead to the goal from this state; "" when it can."""

    @abstractmethod
    def arms(self) -> tuple[str, ...]:
        """The arms that it needs from here on, in the rig's order; none when the goal is reached or it refuses."""

    @abstractmethod
    def chunk(self, horizon: int, *, executed: int) -> NDArray[np.float32]:
        """Set points for the coming ticks, [horizon, A] in `ee_pose` layout.

        Args:
            horizon: Number of set points, H.
            executed: Number of steps after which the next chunk will be asked for; it goes on with the velocity there.

        Raises:
            CannotHelpError: It refuses; see `refusal`.
        """
