"""Missed ticks, gaps and percentiles are counted as defined."""

from types import SimpleNamespace

from aloe_control.tick_statistics import TickStatistics


def result(chunk_id: int = 1, armed: bool = True, fault: str = ""):
    return SimpleNamespace(armed=armed, fault=fault, chunk_id=chunk_id, policy_version="v" if chunk_id else "")


def test_ticks_that_never_ran_and_ticks_a_period_late_are_missed():
    statistics = TickStatistics(0.02)
    for now_s, lateness_s in ((0.0, 0.0), (0.02, 0.001), (0.08, 0.0), (0.101, 0.001), (0.145, 0.025)):
        statistics.add(result(), now_s, lateness_s, 0.001)
    assert statistics.summary().ticks == 5
    assert statistics.summary().missed == 3


def test_a_gap_is_counted_when_a_chunk_ends_it():
    statistics = TickStatistics(0.02)
    for number, chunk_id in enumerate((0, 0, 1, 1, 0, 0, 2, 0)):
        statistics.add(result(chunk_id), 0.02 * number, 0.0, 0.001)
    assert statistics.summary().gaps == 2


def test_a_stop_is_no_gap():
    statistics = TickStatistics(0.02)
    for number, tick in enumerate((result(1), result(0, fault="silent"), result(0, armed=False), result(0), result(2))):
        statistics.add(tick, 0.02 * number, 0.0, 0.001)
    assert statistics.summary().gaps == 0


def test_without_ticks_there_is_a_summary_of_zeros():
    assert TickStatistics(0.02).summary().lateness_p99_ms == 0.0
