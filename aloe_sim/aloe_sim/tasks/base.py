"""What a task is: objects, a start state, words for the goal, and a verdict computed from physics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_sim.tasks.variation import Variation


@dataclass(frozen=True)
class Keypoint:
    """A point of an object that an image encoder learns to find: fixed in a body, metres from its origin."""

    body: str
    place_m: tuple[float, float, float] = (0.0, 0.0, 0.0)


class Task(ABC):
    """One task of the simulated rig; the registry says what else belongs to it.

    All that happens in an episode stands in MuJoCo's data (latches and grasps as active equality constraints, the rest
    in its user data), so that a copy of the data is a copy of the episode.

    Attributes:
        name: Name of its entry in the registry, or of a variant of it.
        keypoint_names: Names of all points that its scenes may hold; none: no encoder can be pretrained on it.
        options: Attributes of MJCF's `<option>` that differ from the rig's.
        variation: How much its scenes differ; to be set before the scene is built.
    """

    name: str
    variation: Variation = Variation()
    keypoint_names: tuple[str, ...] = ()
    options: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def objects_xml(self) -> str:
        """MJCF bodies to put into the scene."""

    def constraints_xml(self, arms: Sequence[str]) -> str:
        """MJCF equality constraints between the objects and the arms of these names."""
        return ""

    @abstractmethod
    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        """Place the objects; return the prompt."""

    @abstractmethod
    def set_prompt(self, prompt: str) -> None:
        """Change the goal to what `prompt` says. Raises ValueError when it names nothing in the scene."""

    def act(self, model: mujoco.MjModel, data: mujoco.MjData) -> None:  # noqa: B027 (most tasks have nothing to do)
        """Do what contacts alone do not, such as closing a latch; called before every piece of physics."""

    @abstractmethod
    def success(self, data: mujoco.MjData) -> bool:
        """Whether the goal is reached."""

    @abstractmethod
    def progress(self, data: mujoco.MjData) -> float:
        """Share of the goal that is reached, 0 to 1."""

    @abstractmethod
    def failure(self, data: mujoco.MjData) -> str:
        """Why the goal can no longer count as reached; "" while it can."""

    @abstractmethod
    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        """Objects and goal as numbers (m, quaternions w x y z, flags): the same names and sizes over all episodes."""

    def keypoints(self) -> Mapping[str, Keypoint]:
        """The points of the present scene, by name."""
        return {}

    def _draw(self, rng: np.random.Generator, low: float, high: float) -> float:
        """A number within a usual range, or a little beyond it where the variation spreads the scenes."""
        margin = 0.5 * self.variation.spread * (high - low)
        return float(rng.uniform(low - margin, high + margin))
