"""What a task is: objects, a start state, words for the goal, and a verdict computed from physics."""

from abc import ABC, abstractmethod

import mujoco
import numpy as np


class Task(ABC):
    """One task of the simulated rig."""

    name: str

    @abstractmethod
    def objects_xml(self) -> str:
        """MJCF bodies to put into the scene."""

    @abstractmethod
    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        """Place the objects; return the prompt."""

    @abstractmethod
    def set_prompt(self, prompt: str) -> None:
        """Change the goal to what `prompt` says. Raises ValueError when it names nothing in the scene."""

    @abstractmethod
    def success(self, data: mujoco.MjData) -> bool:
        """Whether the goal is reached."""

    @abstractmethod
    def progress(self, data: mujoco.MjData) -> float:
        """Share of the goal that is reached, 0 to 1."""

    @abstractmethod
    def failure(self, data: mujoco.MjData) -> str:
        """Why the goal can no longer count as reached; "" while it can."""
