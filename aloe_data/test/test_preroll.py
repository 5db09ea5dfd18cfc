from hypothesis import given
from hypothesis import strategies as st

from aloe_data.preroll import PreRoll
from aloe_data.recording import RecordedTopic

TOPIC = RecordedTopic("/camera", "sensor_msgs/msg/Image", rate_hz=30.0)
S = 1_000_000_000


@given(st.lists(st.floats(0, 1), max_size=60), st.floats(0, 3), st.integers(0, 3000))
def test_it_holds_the_newest_messages_within_its_length_and_its_memory(
    steps_s: list[float], length_s: float, room: int
) -> None:
    preroll, stamps, now_ns = PreRoll(length_s, room), [], 0
    for step_s in steps_s:
        now_ns += round(step_s * S)
        stamps.append(now_ns)
        preroll.push(TOPIC, bytes(100), now_ns)
    rows = preroll.take(now_ns)
    recent = [stamp for stamp in stamps if now_ns - stamp <= round(length_s * S)]
    assert [row.stamp_ns for row in rows] == recent[len(recent) - min(len(recent), room // 100) :]
    assert preroll.take(now_ns) == []


def test_what_a_clock_that_jumped_back_left_in_the_future_is_dropped() -> None:
    preroll = PreRoll(2.0, 1000)
    preroll.push(TOPIC, b"before the jump", 100 * S)
    preroll.push(TOPIC, b"after", 1 * S)
    assert [row.data for row in preroll.take(2 * S)] == [b"after"]
