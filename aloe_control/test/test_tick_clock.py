"""Time between ticks is wall time: late and early ticks begin anew, stalls and clocks that are set are faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.tick_clock import Beat, TickClock

MS = 1_000_000
PERIOD = 20 * MS
HOUR = 3600 * 1000 * MS


def after(gap_ns: int, set_by_ns: int | None = 0) -> Beat:
    """A tick that comes so long after one in rhythm; None: time is simulated."""
    clock = TickClock(50)
    for k in range(5):
        clock.advance(k * PERIOD, None if set_by_ns is None else k * PERIOD)
    steady_ns = 4 * PERIOD + gap_ns
    return clock.advance(steady_ns + (set_by_ns or 0), None if set_by_ns is None else steady_ns)


@pytest.mark.parametrize("set_by_ns", [0, None])
@pytest.mark.parametrize(
    ("gap_ms", "restarts", "stalled"),
    [
        (1, False, False),
        (20, False, False),
        (40, False, False),
        (41, True, False),
        (100, True, False),
        (101, True, True),
    ],
)
def test_a_tick_of_more_than_two_periods_begins_anew_and_one_of_more_than_a_tenth_of_a_second_is_a_fault(
    gap_ms, restarts, stalled, set_by_ns
):
    beat = after(gap_ms * MS, set_by_ns)
    assert (beat.restarts, beat.stalled, bool(beat.fault)) == (restarts, stalled, stalled)
    assert not stalled or f"control stood still for {gap_ms / 1000:.3f} s (limit 0.1 s)" in beat.fault


@pytest.mark.parametrize(("set_by_ns", "words"), [(HOUR, "leapt forward by 3600"), (-HOUR, "went back by 3600")])
def test_a_clock_that_is_set_is_a_fault_and_nothing_from_before_counts(set_by_ns, words):
    beat = after(PERIOD, set_by_ns)
    assert words in beat.fault and beat.jumped and beat.restarts and not beat.stalled


def test_a_simulated_clock_that_begins_anew_is_a_fault():
    assert "went back by 0.060 s" in after(-3 * PERIOD, None).fault


@given(st.lists(st.integers(0, 60 * MS), max_size=40))
def test_over_any_window_no_more_steps_are_taken_than_fit_into_it_and_one_period(gaps):
    clock, now_ns, times = TickClock(50), 0, []
    for gap_ns in gaps:
        now_ns += gap_ns
        if not clock.advance(now_ns, now_ns).early:
            times.append(now_ns)
    for first in range(len(times)):
        for last in range(first + 1, len(times)):
            assert (last - first) * PERIOD <= times[last] - times[first] + PERIOD


@given(st.lists(st.integers(0, PERIOD - 1), min_size=2, max_size=40))
def test_ticks_of_a_schedule_that_are_each_less_than_a_period_late_all_count(lateness):
    clock = TickClock(50)
    assert not any(clock.advance(k * PERIOD + late, k * PERIOD + late).early for k, late in enumerate(lateness))
