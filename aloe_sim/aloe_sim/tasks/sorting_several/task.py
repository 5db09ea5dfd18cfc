"""Sorting of more cubes, one of which lies where the arm of its bin cannot reach: it has to be handed over."""

import mujoco
import numpy as np

from aloe_sim.tasks.parts import place_flat
from aloe_sim.tasks.sorting.task import CUBE_HALF_M, Sorting

FAR_X_M = (0.46, 0.50)
FAR_Y_M = (0.13, 0.21)  # on the side opposite to its bin
TRIES = 20


class SortingSeveral(Sorting):
    """Three or four cubes; the first lies out of reach of the arm at its bin.

    Args:
        num_objects: Number of cubes, 3 or 4.
    """

    def __init__(self, num_objects: int) -> None:
        super().__init__(num_objects)
        self.name = f"sorting_{num_objects}"

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        prompt = super().reset(model, data, rng)
        far, *others = self.assignments
        taken = np.array([data.joint(a.body).qpos[:2] for a in others])
        away = -1.0 if far.side == "left" else 1.0
        spots = [np.array([rng.uniform(*FAR_X_M), away * rng.uniform(*FAR_Y_M)]) for _ in range(TRIES)]
        best = max(spots, key=lambda spot: np.linalg.norm(taken - spot, axis=1).min())
        place_flat(data, far.body, [*best, CUBE_HALF_M + 0.001], rng.uniform(-0.2, 0.2))
        return prompt
