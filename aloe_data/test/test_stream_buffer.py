"""Streams by time: never from the future, never out of order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.stream_buffer import StreamBuffer

stamps = st.lists(st.integers(0, 200), max_size=60)


@given(stamps, st.integers(-5, 210))
def test_the_newest_sample_that_is_not_from_the_future_is_found(pushed: list[int], at: int) -> None:
    buffer: StreamBuffer[int] = StreamBuffer()
    accepted: list[int] = []
    for stamp in pushed:
        newer = not accepted or stamp > accepted[-1]
        assert buffer.push(stamp, stamp * 10) is newer
        accepted += [stamp] if newer else []
    found = buffer.latest_at(at)
    expected = [stamp for stamp in accepted if stamp <= at]
    assert (found and found.stamp_ns) == (expected[-1] if expected else None)
    assert found is None or found.value == found.stamp_ns * 10
    assert buffer.refused == len(pushed) - len(accepted)


@given(st.integers(1, 10), st.integers(0, 100))
def test_the_last_samples_are_never_forgotten(capacity: int, count: int) -> None:
    buffer: StreamBuffer[int] = StreamBuffer(capacity)
    for stamp in range(count):
        buffer.push(stamp, stamp)
    assert len(buffer) < 2 * capacity
    for stamp in range(max(0, count - capacity), count):
        assert buffer.latest_at(stamp) == (stamp, stamp)


def test_clear_forgets_and_accepts_older_stamps_again() -> None:
    buffer: StreamBuffer[str] = StreamBuffer(4)
    buffer.push(100, "late")
    buffer.clear()
    assert buffer.newest_stamp_ns is None
    assert buffer.push(5, "after the clock jumped back")
    assert buffer.newest_stamp_ns == 5


def test_a_buffer_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StreamBuffer(0)
