"""Arms stand between the commands of their window, in the unit of each joint."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import HOME, RIG, TICK

from aloe_control.following import Following, Reading
from aloe_control.handover import joint_fade_limits
from aloe_control.tick import ControlConfig
from aloe_data.vocabulary import NS

LEFT = RIG.arms[0]


def sliding(joint: int):
    """The rig with a joint of its left arm that slides."""
    joints = tuple(replace(item, unit="m") if k == joint else item for k, item in enumerate(LEFT.joints))
    return replace(RIG, arms=(replace(LEFT, joints=joints), *RIG.arms[1:]))


@pytest.mark.parametrize(
    ("joint", "off", "words"), [(0, 0.04, ""), (1, 0.04, "0.04 m away"), (0, 0.25, "0.25 rad away")]
)
def test_what_slides_is_judged_in_metres(joint, off, words):
    following = Following(sliding(1), tolerance_rad=0.2, tolerance_m=0.03, window_s=0.25)
    following.commanded(NS, HOME)
    found = following.problems(HOME + off * np.eye(14)[joint], {LEFT.name: Reading(NS, NS)})
    assert (words in found[LEFT.name]) if words else not found


def test_differences_of_joints_that_slide_fade_in_metres_per_second():
    config = ControlConfig()
    speeds = joint_fade_limits(sliding(1).arms[0], config, 50).speed
    assert speeds[1] == config.handover_speed_m_s and speeds[0] == config.handover_speed_rad_s


@settings(max_examples=50, deadline=None)
@given(lag=st.integers(0, 12), age=st.integers(0, 24), speed=st.floats(-2.5, 2.5))
def test_joint_states_of_any_age_of_an_arm_that_follows_late_are_no_deviation(lag, age, speed):
    following = Following(RIG, tolerance_rad=0.01, tolerance_m=0.01, window_s=0.25)
    ticks = 100
    for tick in range(ticks):
        following.commanded(tick * TICK, HOME + speed * 0.02 * tick)
    measured_at = ticks - 1 - age
    measured = HOME + speed * 0.02 * (measured_at - lag)
    assert following.problems(measured, {LEFT.name: Reading(measured_at * TICK, measured_at * TICK)}) == {}


@given(off=st.floats(0.02, 2.0), age=st.integers(0, 24))
def test_an_arm_that_stood_beyond_its_commands_is_found_however_late_that_is_told(off, age):
    following = Following(RIG, tolerance_rad=0.01, tolerance_m=0.01, window_s=0.25)
    for tick in range(100):
        following.commanded(tick * TICK, HOME)
    stamp_ns = (99 - age) * TICK
    assert following.problems(HOME - off, {LEFT.name: Reading(stamp_ns, stamp_ns)})
