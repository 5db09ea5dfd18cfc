"""Limits hold whatever is asked; what is inside them passes; what is outside is reached without overshoot."""

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.joints import make_limiter, time_to_rest_s
from aloe_control.limiter import JointLimiter
from aloe_data.rig_file import load_rig

DT = 0.02
ARM = {"max_velocity": 2.5, "max_acceleration": 15.0, "max_jerk": 500.0}
LIMITS = st.fixed_dictionaries(
    {
        "width": st.floats(0.01, 3.0),
        "max_velocity": st.floats(0.3, 5.0),
        "max_acceleration": st.floats(0.5, 60.0),
        "max_jerk": st.floats(2.0, 5000.0),
    }
)
ANYTHING = st.one_of(st.floats(-0.2, 1.2), st.floats(), st.just(float("nan")))  # shares of the range, or nonsense


def limiter(width=3.0, n=1, **limits) -> JointLimiter:
    values = {name: np.full(n, value) for name, value in (ARM | limits).items()}
    return JointLimiter(np.zeros(n), np.full(n, width), **values, dt_s=DT)


def run(joint: JointLimiter, start: float, requests) -> np.ndarray:
    """Commands for requests of a single joint, from rest at `start`."""
    joint.reset(np.array([start]))
    return np.array([joint.step(np.array([request])).positions[0] for request in requests])


def usage(commands: np.ndarray, start: float, limits) -> np.ndarray:
    """Largest velocity, acceleration and jerk as shares of their limits, from differences of commands."""
    values, shares = np.concatenate((np.full(4, start), commands)), []
    for name in ("max_velocity", "max_acceleration", "max_jerk"):
        values = np.diff(values) / DT
        shares.append(np.abs(values).max() / limits[name])
    return np.array(shares)


@settings(max_examples=120, deadline=None)
@given(LIMITS, st.floats(0.0, 1.0), st.lists(st.tuples(ANYTHING, st.integers(1, 30)), min_size=1, max_size=12))
def test_no_limit_is_ever_exceeded_whatever_is_requested(limits, start, segments):
    width = limits["width"]
    requests = [share * width for share, ticks in segments for _ in range(ticks)]
    commands = run(limiter(**limits), start * width, requests)
    assert (commands >= 0.0).all() and (commands <= width).all()
    assert (usage(commands, start * width, limits) < 1.0 + 1e-5).all()


@settings(max_examples=40, deadline=None)
@given(LIMITS, st.floats(0.0, 1.0), st.integers(0, 2**32 - 1), st.floats(0.0, 3.0))
def test_no_limit_is_ever_exceeded_by_random_walks(limits, start, seed, gain):
    width = limits["width"]
    steps = np.random.default_rng(seed).normal(0.0, gain * limits["max_velocity"] * DT, 200)
    commands = run(limiter(**limits), start * width, start * width + np.cumsum(steps))
    assert (commands >= 0.0).all() and (commands <= width).all()
    assert (usage(commands, start * width, limits) < 1.0 + 1e-5).all()


@settings(max_examples=60, deadline=None)
@given(LIMITS, st.lists(st.tuples(st.floats(0.0, 1.0), st.integers(1, 40)), min_size=1, max_size=8))
def test_requests_inside_the_limits_pass_unchanged(limits, segments):
    width = limits["width"]
    requests = [share * width for share, ticks in segments for _ in range(ticks)]
    inside = run(limiter(**limits), 0.5 * width, requests)  # what a limiter says is inside the limits
    joint = limiter(**limits)
    joint.reset(np.array([0.5 * width]))
    for request in inside:
        limited = joint.step(np.array([request]))
        assert limited.positions[0] == request
        assert limited.reason(slice(0, 1)) == ""


@settings(max_examples=60, deadline=None)
@given(LIMITS, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_step_is_reached_exactly_and_soon_without_overshoot_or_oscillation(limits, start, end):
    width, v, a, j = limits["width"], limits["max_velocity"], limits["max_acceleration"], limits["max_jerk"]
    start, end = start * width, end * width
    bang_bang_s = 2 * np.sqrt(abs(end - start) / a) + abs(end - start) / v + 2 * (abs(end - start) / j) ** (1 / 3)
    ticks = int(2 * bang_bang_s / DT + 4 * min(a / j, v / a) / DT + 10)
    commands = run(limiter(**limits), start, [end] * (ticks + 20))
    assert (commands[ticks:] == end).all()
    past = np.sign(end - start) * (commands - end)
    assert past.max() < 1.01 * j * DT**3 + 0.01 * abs(end - start)
    # It turns around no more than once, on the way back from that overshoot.
    moves = np.diff(np.concatenate(([start], commands)))
    moves = moves[np.abs(moves) > 0.02 * j * DT**3]
    assert np.count_nonzero(np.diff(np.sign(moves))) <= 2


def test_a_step_is_reached_in_nearly_the_shortest_possible_time():
    commands = run(limiter(), 0.5, [2.5] * 100)
    v, a, j = ARM.values()
    shortest_s = 2.0 / v + v / a + a / j
    assert np.argmax(commands == 2.5) * DT < shortest_s + 3 * DT


@pytest.mark.parametrize("noise", [0.0005, 0.002, 0.005])
def test_noise_on_the_request_is_not_amplified_much_and_leaves_no_trace(noise):
    wanted = 1.5 + noise * np.random.default_rng(0).standard_normal(1000)
    commands = run(limiter(), 1.5, np.concatenate((wanted, np.full(30, 1.5))))
    assert np.std(commands[:1000]) < 2.5 * noise
    assert np.abs(commands[:1000] - 1.5).max() < 4 * np.abs(wanted - 1.5).max()
    assert commands[-1] == 1.5


@pytest.mark.parametrize(("amplitude", "rate_hz"), [(0.3, 0.3), (0.15, 0.8), (0.1, 1.2)])
def test_a_joint_that_is_behind_catches_up_with_a_moving_request_and_stays_on_it(amplitude, rate_hz):
    wanted = 1.5 + amplitude * np.sin(2 * np.pi * rate_hz * DT * np.arange(300))
    commands = run(limiter(), 0.6, wanted)
    assert np.abs(commands - wanted)[60:].max() == 0.0
    assert (commands - wanted)[np.argmax(commands > wanted) :].max() < 0.06  # the request brakes while it is met


def test_a_request_that_runs_into_a_position_limit_stops_at_it():
    ramp = 1.5 + 2.0 * DT * np.arange(100)
    commands = run(limiter(), 1.5, np.concatenate((np.full(1, 1.5), ramp)))
    assert commands.max() <= 3.0 and commands[-1] == pytest.approx(3.0, abs=1e-6)


def test_a_request_that_is_not_a_number_brings_only_that_joint_to_rest():
    joint = limiter(n=2)
    joint.reset(np.array([1.0, 1.0]))
    wanted = 1.0 + 0.02 * np.arange(100)
    moving = [joint.step(np.array([w, w])).positions for w in wanted[:30]]
    after = np.array([joint.step(np.array([np.nan, w])).positions for w in wanted[30:60]])
    assert after[-1, 1] == wanted[59]
    assert moving[-1][0] < after[-1, 0] < moving[-1][0] + 0.1
    assert after[-1, 0] == after[-10, 0]


def test_a_joint_that_starts_outside_its_limits_is_only_led_back_in():
    joint = limiter()
    joint.reset(np.array([3.1]))
    commands = np.array([joint.step(np.array([4.0])).positions[0] for _ in range(60)])
    assert (np.diff(commands) <= 1e-12).all() and commands[-1] == 3.0
    assert (run_on(joint, [4.0] * 20) <= 3.0).all()


def run_on(joint: JointLimiter, requests) -> np.ndarray:
    return np.array([joint.step(np.array([request])).positions[0] for request in requests])


def test_every_limit_is_named_when_it_changes_a_request():
    joint = limiter()
    joint.reset(np.array([1.5]))
    assert joint.step(np.array([1.503])).reason(slice(0, 1)) == ""
    assert joint.step(np.array([2.9])).reason(slice(0, 1)) == "velocity,acceleration,jerk"
    joint.reset(np.array([3.0]))
    assert joint.step(np.array([3.001])).reason(slice(0, 1)) == "position"
    joint.reset(np.array([1.5]))
    assert joint.step(np.array([1.505])).reason(slice(0, 1)) == "jerk"


def test_positions_that_are_not_finite_cannot_be_a_start():
    with pytest.raises(ValueError, match="finite"):
        limiter().reset(np.array([np.nan]))


def test_a_tick_of_two_arms_costs_well_under_a_millisecond():
    joint = limiter(n=14)
    requests = np.random.default_rng(0).uniform(0.0, 3.0, (200, 14))
    costs = []
    for request in requests:
        begin = time.perf_counter()
        joint.step(request)
        costs.append(time.perf_counter() - begin)
    assert np.percentile(costs, 10) < 1e-3  # a tenth of the ticks is enough to see: the machine may be busy


def test_every_joint_is_at_rest_within_the_time_that_is_said():
    rig = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
    joints = make_limiter(rig)
    joints.reset(np.concatenate([arm.home for arm in rig.arms]))
    for _ in range(20):
        joints.step(np.full(rig.state_dim, 100.0))
    ticks = 0
    while not joints.at_rest:
        joints.step(np.full(rig.state_dim, np.nan))
        ticks += 1
    assert ticks > 1 and ticks / rig.rate_hz <= time_to_rest_s(rig) + 0.1
