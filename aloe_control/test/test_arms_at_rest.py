"""Motion is enabled for arms that are measured at rest now."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import RIG, TICK, Bench

from aloe_control.arming import at_rest
from aloe_control.sensing import Sensing

REAL = replace(RIG, simulated=False)


def measured(speed: float, joint: int = 1, ticks: int = 10, rig=RIG) -> list[str]:
    """What stands against motion after so many joint states of an arm of which one joint moves."""
    bench = Bench()
    sensing = Sensing(rig, [], 2 * TICK)
    for tick in range(ticks):
        for arm in rig.arms:
            q = bench.joints[rig.state_slice(arm.name)] + speed * 0.02 * tick * np.eye(7)[joint]
            assert sensing.set_joint_state(arm.name, tick * TICK, q) == ""
    return list(at_rest(rig, sensing)((ticks - 1) * TICK))


def test_an_arm_that_moves_is_named_with_joint_and_speed():
    problems = measured(2.0)
    assert len(problems) == 2
    assert "joint 'shoulder' of 'left_arm' moves with 2.00 rad/s (limit 0.2)" in problems[0]


@settings(max_examples=25, deadline=None)
@given(speed=st.floats(0.25, 2.4), joint=st.integers(0, 5), sign=st.sampled_from([-1.0, 1.0]))
def test_no_arm_is_armed_in_motion(speed, joint, sign):
    assert measured(sign * speed, joint)


def test_noise_of_encoders_is_no_motion_and_a_gripper_may_rattle():
    assert measured(0.1) == []
    assert measured(0.5, joint=6) == []


def test_a_real_arm_must_be_seen_to_stand_still_for_a_moment():
    assert "has been measured for 0.000 s only" in measured(0.0, ticks=1, rig=REAL)[0]
    assert measured(0.0, ticks=4, rig=REAL) == []


@pytest.mark.parametrize(("age_ms", "refused"), [(80, False), (101, True), (440, True)])
def test_joint_states_must_be_new_when_motion_is_enabled(age_ms, refused):
    bench = Bench()
    bench.run(5)
    ok, words = bench.loop.arm(bench.now_ns + age_ms * 1_000_000)
    assert ok != refused
    assert not refused or f"joint states of 'left_arm' are {age_ms / 1000:.3f} s old (limit 0.1 s" in words


def test_a_loop_in_motion_that_was_stopped_hard_is_not_armed_until_the_arms_rest():
    bench = Bench()
    bench.run(5)
    for _ in range(6):
        bench.joints = bench.joints + 0.02 * np.r_[np.ones(6), 0.0, np.ones(6), 0.0]
        bench.run(1)
    assert "moves with 1.00 rad/s" in bench.loop.arm(bench.now_ns)[1]
    bench.run(6)
    bench.arm()
