"""The closed forms of the stop law, against a loop that takes it tick by tick."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.stop_law import (
    ramp,
    ramp_inverse,
    ramp_travel,
    stop_acceleration,
    stop_path,
    stop_range,
    stop_travel,
)

ALPHAS = st.floats(0.1, 50.0)
SPEEDS = st.floats(-60.0, 60.0)


def walk(v: float, a: float, alpha: float) -> tuple[list[float], list[float]]:
    """Positions and accelerations of the stop law from (0, v, a) until rest."""
    position, positions, accelerations = 0.0, [0.0], [a]
    for _ in range(10_000):
        if abs(v) < 1e-9 and abs(a) < 1e-9:
            return positions, accelerations
        a = float(stop_acceleration(np.array(v), np.array(a), np.array(alpha)))
        v += a
        position += v
        positions.append(position)
        accelerations.append(a)
    raise AssertionError("never came to rest")


@given(st.floats(0.0, 1e4))
def test_ramp_inverse_inverts_ramp(x):
    assert abs(float(ramp_inverse(ramp(np.array(x)))) - x) < 1e-6 * (1 + x)


@given(st.floats(0.0, 200.0))
def test_ramps_equal_the_sums_that_they_stand_for(x):
    terms = [x - i for i in range(int(x) + 1)]
    assert np.isclose(ramp(np.array(x)), sum(terms))
    assert np.isclose(ramp_travel(np.array(x)), sum(i * term for i, term in enumerate(terms)))


@settings(max_examples=60, deadline=None)
@given(SPEEDS, st.floats(-1.0, 1.0), ALPHAS)
def test_the_stop_law_ends_where_the_closed_form_says(v, share, alpha):
    positions, _ = walk(v, share * alpha, alpha)
    expected = float(stop_travel(np.array(v), np.array(share * alpha), np.array(alpha)))
    assert abs(positions[-1] - expected) < 1e-6 * (1 + max(map(abs, positions)))


@settings(max_examples=60, deadline=None)
@given(SPEEDS, st.floats(-1.0, 1.0), ALPHAS)
def test_the_stop_law_obeys_jerk_and_acceleration_and_stays_in_its_range(v, share, alpha):
    positions, accelerations = walk(v, share * alpha, alpha)
    assert np.abs(np.diff(accelerations)).max(initial=0.0) < 1.0 + 1e-9
    assert np.abs(accelerations).max() < alpha + 1e-9
    low, high = stop_range(np.array(v), np.array(share * alpha), np.array(alpha))
    slack = 1e-6 * (1 + max(map(abs, positions)))
    assert low - slack <= min(positions) and max(positions) <= high + slack


@given(SPEEDS, st.floats(-1.0, 1.0), ALPHAS)
def test_the_stop_range_never_grows_along_a_stop(v, share, alpha):
    a, alpha = np.array(share * alpha), np.array(alpha)
    low, high = stop_range(np.array(v), a, alpha)
    for _ in range(5):
        a = stop_acceleration(np.array(v), a, alpha)
        v = v + float(a)
        next_low, next_high = stop_range(np.array(v), a, alpha)
        slack = 1e-6 * (1 + abs(float(low)) + abs(float(high)))
        assert v + next_low >= low - slack and v + next_high <= high + slack
        low, high = next_low, next_high


@given(SPEEDS, st.floats(-1.0, 1.0), ALPHAS, st.floats(0.0, 1.0))
def test_more_acceleration_stops_further_ahead(v, share, alpha, more):
    a = share * alpha
    b = min(a + more, alpha)
    travel = [float(v + x + stop_travel(np.array(v + x), np.array(x), np.array(alpha))) for x in (a, b)]
    assert travel[0] <= travel[1] + 1e-6 * (1 + abs(travel[0]))


@settings(max_examples=60, deadline=None)
@given(SPEEDS, st.floats(-1.0, 1.0), ALPHAS)
def test_the_path_of_a_stop_is_what_the_stop_law_does_tick_by_tick(v, share, alpha):
    positions, _ = walk(v, share * alpha, alpha)
    path = stop_path(np.array([v]), np.array([share * alpha]), np.array([alpha]))[:, 0]
    length = max(len(positions), len(path))
    positions += positions[-1:] * (length - len(positions))
    path = np.append(path, [path[-1]] * (length - len(path)))
    assert np.allclose(path, positions, atol=1e-6 * (1 + max(map(abs, positions))))
