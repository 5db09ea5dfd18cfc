"""Chunk transitions: what a critic learns from, as plain arithmetic on ticks and segments.

Source: ALOE, arXiv:2602.12691, section on temporal differences on chunks; the constants are ours.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import parameter

Float = NDArray[np.float32]
Index = NDArray[np.int64]


@dataclass(frozen=True)
class RewardConfig:
    """What ticks and ends are worth: r = -step_cost in every tick, and -failure_cost more in the last of a failure."""

    discount: float = parameter(0.995, low=0.5, high=1.0, doc="gamma per tick")
    failure_cost: float = parameter(1.0, low=0.0, high=100.0, doc="C_fail, of a terminal failure")

    @property
    def step_cost(self) -> float:
        """c = 1 - gamma: an episode that never ends is worth -1."""
        return 1.0 - self.discount


@dataclass(frozen=True, eq=False)
class Returns:
    """Of n chunks: reward R_h [n], discount gamma^h' [n], mask [n] (0: a true terminal lies inside), steps h' [n]."""

    reward: Float
    discount: Float
    mask: Float
    steps: Index


def chunk_returns(tick: Index, stop: Index, terminal: Index, failure: Index, h: int, config: RewardConfig) -> Returns:
    """Rewards of chunks of h steps that begin at `tick`, within segments that end before `stop`.

    Args:
        tick: First tick of each chunk [n].
        stop: End of its segment [n].
        terminal: 1 where the segment ends in success or failure [n].
        failure: 1 where that end is a failure [n].
        h: Number of executed steps.
        config: Discount and costs.
    """
    steps = np.minimum(h, stop - tick)
    gamma = config.discount
    ends = terminal * (tick + steps == stop)
    reward = gamma**steps - 1.0  # -c (1 + gamma + ... + gamma^(h'-1)) with c = 1 - gamma
    reward = reward - ends * failure * config.failure_cost * gamma ** (steps - 1)
    discount = (gamma**steps).astype(np.float32)
    return Returns(reward.astype(np.float32), discount, (1 - ends).astype(np.float32), steps)
