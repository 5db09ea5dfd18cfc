"""Rewards, discounts and masks of chunks, against a plain loop over ticks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.transitions import RewardConfig, chunk_returns


def by_hand(tick: int, stop: int, terminal: bool, failure: bool, h: int, config: RewardConfig) -> tuple:
    """The same, tick by tick."""
    reward, discount = 0.0, 1.0
    for k in range(tick, min(tick + h, stop)):
        r = -config.step_cost - config.failure_cost * (terminal and failure and k == stop - 1)
        reward, discount = reward + discount * r, discount * config.discount
    return reward, discount, 0.0 if terminal and tick + h >= stop else 1.0


@given(st.integers(0, 60), st.integers(1, 60), st.booleans(), st.booleans(), st.integers(1, 30), st.floats(0.9, 1.0))
def test_returns_are_what_a_loop_over_the_ticks_gives(tick, length, terminal, failure, h, discount):
    config = RewardConfig(discount=discount)
    stop = tick + length
    got = chunk_returns(*(np.array([int(v)]) for v in (tick, stop, terminal, failure)), h, config)
    expected = by_hand(tick, stop, terminal, failure, h, config)
    assert (got.reward[0], got.discount[0], got.mask[0]) == pytest.approx(expected, abs=1e-6)
    assert got.steps[0] == min(h, length)


def test_an_endless_episode_is_worth_minus_one():
    config = RewardConfig(discount=0.99)
    got = chunk_returns(np.array([0]), np.array([10_000]), np.array([0]), np.array([0]), 10_000, config)
    assert got.reward[0] == pytest.approx(-1.0)
