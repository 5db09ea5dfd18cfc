import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.statistics import missed_ticks, tick_statistics, wilson_interval


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_rate_and_stays_within_zero_and_one(a: int, b: int) -> None:
    successes, trials = min(a, b), max(a, b)
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= high <= 1.0
    if trials:
        assert low - 1e-9 <= successes / trials <= high + 1e-9


def test_the_interval_is_the_textbook_one() -> None:
    assert wilson_interval(8, 10) == pytest.approx((0.4901, 0.9433), abs=1e-3)
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 successes of 2"):
        wilson_interval(3, 2)


def test_late_and_skipped_ticks_count_as_missed() -> None:
    stamps = np.arange(100) * 0.02
    assert tick_statistics(range(100), stamps, np.zeros(100), 50.0).missed == 0
    late = np.zeros(100)
    late[50] = 0.021
    assert tick_statistics(range(100), stamps, late, 50.0).missed == 1
    stamps[60:] += 0.04
    assert tick_statistics(range(100), stamps, np.zeros(100), 50.0).missed == 2


def test_what_is_late_is_told_by_the_rate_of_the_rig() -> None:
    stamps = np.arange(100) * 0.01
    late = np.full(100, 0.015)
    assert tick_statistics(range(100), stamps, late, 100.0).missed == 100
    assert tick_statistics(range(100), 2 * stamps, late, 50.0).missed == 0


def test_a_report_counts_the_ticks_that_control_node_counts() -> None:
    rng = np.random.default_rng(0)
    stamps = np.cumsum(rng.choice([0.018, 0.02, 0.022, 0.045, 0.09], 200))
    late = rng.choice([0.0, 0.001, 0.019, 0.021, 0.05], 200)
    live = [missed_ticks(late[0], 0.02, 0.02), *map(missed_ticks, late[1:], np.diff(stamps), [0.02] * 199)]
    assert tick_statistics(range(200), stamps, late, 50.0).missed == sum(live)


def test_a_pause_between_episodes_is_no_jitter() -> None:
    numbers = [*range(50), *range(500, 550)]
    figures = tick_statistics(numbers, np.array(numbers) * 0.02, np.zeros(100), 50.0)
    assert (figures.ticks, figures.missed) == (100, 0)
    assert figures.jitter_p99_ms == pytest.approx(0.0, abs=1e-6)
