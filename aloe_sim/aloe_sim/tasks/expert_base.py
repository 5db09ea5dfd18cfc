"""What an expert is: it looks at the scene, not at a script's position, and answers with chunks as any policy does."""

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
            horizon: H.
            executed: after how many steps the next chunk will be asked for; the velocity there is where it goes on.

        Raises:
            CannotHelpError: see `refusal`.
        """
