import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.serialized import header_stamp_ns, leading_sequence


@given(frame=st.text(max_size=40), sequence=st.integers(0, 2**64 - 1))
def test_stamp_and_sequence_of_a_header_are_read_without_deserialising(frame: str, sequence: int) -> None:
    serialization = pytest.importorskip("rclpy.serialization")
    messages = pytest.importorskip("aloe_msgs.msg")
    frame = frame.replace("\0", "")
    for message, name in ((messages.ActionChunk(), "chunk_id"), (messages.ExecutedAction(), "tick")):
        message.header.frame_id = frame
        message.header.stamp.sec, message.header.stamp.nanosec = 1_700_000_000, 123_456_789
        setattr(message, name, sequence)
        assert header_stamp_ns(serialization.serialize_message(message)) == 1_700_000_000_123_456_789
        assert leading_sequence(serialization.serialize_message(message)) == sequence


def test_big_endian_messages_are_read_too() -> None:
    assert header_stamp_ns(bytes([0, 0, 0, 0]) + (5).to_bytes(4, "big") + (7).to_bytes(4, "big")) == 5_000_000_007
