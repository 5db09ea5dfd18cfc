"""A difference fades slowly enough, whatever its size, and is gone at the end."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.handover import FadeLimits, fade, fade_ticks

LIMITS = FadeLimits(np.array([0.25]), np.array([1.25]), 0.02)


@given(st.floats(-2.0, 2.0))
def test_a_fade_never_exceeds_its_speed_and_acceleration(size):
    offset = np.array([size])
    ticks = fade_ticks(offset, LIMITS)
    steps = np.arange(0, int(ticks[0]) + 3)[:, None]
    path = np.concatenate((offset[None], fade(steps, ticks) * offset))[:, 0]
    speed = np.diff(path) / LIMITS.dt_s
    assert np.abs(speed).max() <= LIMITS.speed[0] * 1.001
    assert np.abs(np.diff(speed)).max() / LIMITS.dt_s <= LIMITS.acceleration[0] * 1.001
    assert abs(path[-1]) < 1e-12


def test_no_difference_takes_no_time():
    assert fade_ticks(np.zeros(1), LIMITS)[0] == 0
    assert fade(1, fade_ticks(np.zeros(1), LIMITS))[0] == 0.0
