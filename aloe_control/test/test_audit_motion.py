"""What the auditor makes of motion in measured time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loop_bench import HOME, RIG

from aloe_control.audit_motion import MotionAudit
from aloe_control.audit_pace import Pace

ARM = RIG.arms[0]
TICK = 20_000_000
STEP = 0.9 * ARM.joints[0].max_velocity / RIG.rate_hz  # rad: near the limit of velocity


def moving() -> tuple[MotionAudit, np.ndarray]:
    """An arm on the way at 90 % of its fastest, and where it was last sent."""
    audit = MotionAudit(ARM, RIG.rate_hz)
    at = HOME[:7].copy()
    audit.measured = at
    audit.step(at, TICK)
    audit.interrupt()  # how it came to that speed is not judged here
    for _ in range(5):
        at = at + STEP * np.eye(7)[0]
        assert audit.step(at, TICK) == []
    return audit, at


def on(at: np.ndarray, ticks: int) -> np.ndarray:
    return at + ticks * STEP * np.eye(7)[0]


def test_commands_that_follow_each_other_too_fast_are_too_fast():
    audit, at = moving()
    words = [word for k in range(1, 6) for word in audit.step(on(at, k), TICK // 2)]
    assert any("measured time" in word for word in words)


def test_a_late_tick_and_an_early_one_after_it_are_no_haste():
    audit, at = moving()
    gaps = (1.9, 0.1, 1.0, 1.5, 0.5, 1.0)
    assert [audit.step(on(at, k), round(gap * TICK)) for k, gap in enumerate(gaps, start=1)] == [[]] * len(gaps)


@pytest.mark.parametrize("periods", [2.5, 6.0, 100.0])
def test_who_goes_on_at_speed_after_standing_still_is_caught(periods):
    audit, at = moving()
    assert audit.step(on(at, 1), round(periods * TICK))
    audit, at = moving()
    assert audit.step(at, round(periods * TICK)) == [], "to begin anew from rest is right"


def test_who_stops_dead_without_a_reason_is_caught():
    audit, at = moving()
    assert audit.step(at, TICK)


def test_an_arm_that_holds_where_it_is_measured_may_begin_there_and_nowhere_else():
    audit, at = moving()
    audit.measured = at - 0.3
    assert audit.hold(at - 0.3) == [] and audit.hold(at - 0.3) == []
    assert "starts elsewhere" in audit.hold(at)[0]


@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.01, 4.0)), min_size=1, max_size=30))
def test_a_pace_finds_what_a_look_at_all_windows_finds(steps):
    pace = Pace(np.ones(1))
    found = False
    for way, periods in steps:
        found = found or pace.step(np.array([way]), periods)[0] > 1.0 + 1e-9
    ways, gaps = np.array(steps).T
    windows = [(i, j) for i in range(len(steps)) for j in range(i + 1, len(steps) + 1)]
    excess = max(ways[i:j].sum() - gaps[i:j].sum() for i, j in windows)
    assert found == (excess > 1.0 + 1e-9) or abs(excess - 1.0) < 1e-6
