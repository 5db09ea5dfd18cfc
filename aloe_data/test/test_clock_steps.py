"""Clocks that are set while an episode is recorded are told from streams that are late, and by how much they step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.clock_steps import RisingTime, StreamClock, belongs, describe_steps

MS = 1_000_000
S = 1000 * MS
RATE_HZ, PERIOD_MS, COUNT = 50, 20, 100
delays = st.lists(st.integers(0, 40), min_size=COUNT, max_size=COUNT)  # from stamp to reception [ms]


def stamped(offset_ns: int = 0, step_ns: int = 0, delays_ms: list[int] | None = None) -> list[tuple[int, int]]:
    """Stamps and times of reception of a stream whose clock is off, and steps in the middle."""
    rows = []
    received_ns = 0
    for number in range(COUNT):
        sent_ns = (1000 + number * PERIOD_MS) * MS
        received_ns = max(received_ns, sent_ns + (delays_ms[number] if delays_ms else 2) * MS)
        stepped_ns = step_ns if number >= COUNT // 2 else 0
        rows.append((sent_ns + offset_ns + stepped_ns, received_ns))
    return rows


def clock(rows: list[tuple[int, int]]) -> StreamClock:
    made = StreamClock("/topic", RATE_HZ)
    for stamp_ns, received_ns in rows:
        made.add(stamp_ns, received_ns)
    return made


@given(st.integers(-10, 10), delays, st.sets(st.integers(0, COUNT - 1), max_size=COUNT - 2))
def test_a_clock_that_is_off_and_messages_that_jitter_or_are_lost_are_no_step(
    offset_s: int, delays_ms: list[int], lost: set[int]
) -> None:
    rows = stamped(offset_s * S, delays_ms=delays_ms)
    made = clock([row for number, row in enumerate(rows) if number not in lost])
    assert (made.step_ns, made.smallest_ns) == (0, 0)


@pytest.mark.parametrize("late_s", [0.5, 3.0])
def test_a_stream_that_is_late_and_catches_up_is_no_step(late_s: float) -> None:
    rows = stamped()
    until_ns = rows[30][1] + round(late_s * S)
    late = [
        (stamp, max(received, until_ns) if number >= 30 else received) for number, (stamp, received) in enumerate(rows)
    ]
    assert clock(late).step_ns == 0


@given(st.integers(1, 9), st.integers(50, 3000))
def test_first_messages_that_are_late_before_others_are_lost_are_no_step(first: int, late_ms: int) -> None:
    rows = [(stamp, max(received, (1000 + late_ms) * MS)) for stamp, received in stamped()[:first]]
    rows += [row for row in stamped() if row[0] >= rows[-1][1]]
    assert clock(rows).step_ns == 0


@given(st.sampled_from([-3600, -2, -0.3, -0.1, 0.2, 2, 3600]), st.integers(-10, 10), delays)
def test_a_step_is_found_with_its_size_whatever_the_jitter(step_s: float, offset_s: int, delays_ms: list[int]) -> None:
    made = clock(stamped(offset_s * S, round(step_s * S), delays_ms))
    assert abs(made.step_ns - step_s * S) <= 100 * MS
    assert made.usual_delay_ns <= 40 * MS - offset_s * S


@given(st.sampled_from([-2, -0.3, 0.3, 2]), st.sampled_from(["stream", "ticks", "both"]), st.integers(-3, 3))
def test_a_sample_that_belongs_to_a_tick_had_come_by_then_and_not_long_before(
    step_s: float, which: str, offset_s: int
) -> None:
    step_ns = round(step_s * S)
    stream_rows = stamped(step_ns=step_ns if which != "ticks" else 0)
    tick_rows = stamped(step_ns=step_ns if which != "stream" else 0)
    stream = clock(stream_rows)
    ticks = clock([(stamp, received + offset_s * S) for stamp, received in tick_rows])
    received = accepted(stream_rows)
    for number, (stamp_ns, received_ns) in enumerate(tick_rows):
        sample_ns = max((stamp for stamp in received if stamp <= stamp_ns), default=None)
        if sample_ns is None:
            continue
        age_ns = received_ns - received[sample_ns]
        if belongs(ticks, stream, stamp_ns, received_ns + offset_s * S, sample_ns):
            assert abs(age_ns - (stamp_ns - sample_ns)) <= abs(step_ns) / 2
        else:
            assert number >= COUNT // 2 or step_s < 0, "before a clock is set ahead, all is well"


def accepted(rows: list[tuple[int, int]]) -> dict[int, int]:
    """What a buffer takes of a stream, which is stamps that rise: when they were received."""
    taken: dict[int, int] = {}
    for stamp_ns, received_ns in rows:
        if not taken or stamp_ns > max(taken):
            taken[stamp_ns] = received_ns
    return taken


def test_time_goes_on_where_it_was_set_back_but_not_where_a_recorder_wrote_topic_after_topic() -> None:
    time = RisingTime()
    times = [time.of("/a", ns) for ns in (0, 20 * MS, 18 * MS, 40 * MS, 40 * MS - 2 * S, 60 * MS - 2 * S)]
    assert times == [0, 20 * MS, 18 * MS, 40 * MS, 40 * MS, 60 * MS]
    assert time.of("/b", 5 * MS) == 5 * MS
    assert time.set_back_ns == 2 * S


def test_steps_are_told_with_topics_size_and_direction() -> None:
    back, ahead = clock(stamped(step_ns=-2 * S)), clock(stamped(step_ns=S))
    assert describe_steps([back, ahead]).startswith("stamps of /topic and of 1 other topics step 2.00 s back")
    assert describe_steps([ahead]).startswith("stamps of /topic step 1.00 s ahead")
