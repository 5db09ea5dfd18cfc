"""Blunders at a known moment: a hand that has closed on something opens, and its arm moves aside."""

import numpy as np
from numpy.typing import NDArray

from aloe_sim.rollout.in_process import InProcessRig

CLOSED = 0.75  # of the gripper's range: a hand that is closed farther than this may hold something
ASIDE_M = 0.10


class Blunder:
    """One blunder of an episode, when an arm holds something at the beginning of a chunk.

    Args:
        process: Rig whose grippers decide when; its actions are poses.
        rng: Generator that draws the direction, and how often a hand is let be.

    Attributes:
        tick: Control tick of the spoilt chunk's first step; None while it has not happened.
    """

    def __init__(self, process: InProcessRig, rng: np.random.Generator) -> None:
        self._process = process
        self._rng = rng
        self.tick: int | None = None

    def spoil(self, rows: NDArray[np.float32], tick: int) -> NDArray[np.float32]:
        """The chunk [H, A] as it came, or its blunder; at most one per episode."""
        arms = holding(self._process)
        if self.tick is not None or not arms or self._rng.random() < 0.5:
            return rows
        self.tick = tick
        return blunder(self._process, rows, str(self._rng.choice(arms)), self._rng)


def holding(process: InProcessRig) -> list[str]:
    """Names of the arms whose hands have closed, so that they may hold something."""
    closed = []
    for arm in process.rig.arms:
        low = arm.gripper.lower
        high = arm.gripper.upper
        if process.sim.joint_positions(arm.name)[-1] < low + CLOSED * (high - low):
            closed.append(arm.name)
    return closed


def blunder(
    process: InProcessRig, rows: NDArray[np.float32], arm: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """A chunk [H, A] of poses in which an arm opens its hand and moves aside; the other arm does what `rows` says."""
    spoilt = rows.copy()
    place = process.rig.action_slice(arm)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.linspace(0, 1, len(rows))[:, None] * ASIDE_M
    spoilt[:, place.start : place.start + 2] += ramp * (np.cos(angle), np.sin(angle))
    spoilt[:, place.stop - 1] = process.rig.arm(arm).gripper.upper
    return spoilt
