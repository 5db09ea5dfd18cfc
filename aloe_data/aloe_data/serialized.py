"""Fields at the beginning of serialised messages, read without deserialising the rest.

Source: OMG DDS-XTypes, 7.4.1: 4 bytes of encapsulation (the second one's lowest bit: little endian), then the fields,
aligned to their size counted from behind the encapsulation.
"""

import struct

from aloe_data.raw_layout import RawLayout
from aloe_data.vocabulary import NS


def header_stamp_ns(message: bytes) -> int:
    """Stamp [ns] of a message whose type begins with std_msgs/Header."""
    sec, nanosec = struct.unpack_from(_order(message) + "iI", message, 4)
    return int(sec) * NS + int(nanosec)


def leading_sequence(message: bytes) -> int:
    """The uint64 that follows the std_msgs/Header with which a message's type begins."""
    (length,) = struct.unpack_from(_order(message) + "I", message, 12)
    end = 12 + length  # of the header's frame_id
    (sequence,) = struct.unpack_from(_order(message) + "Q", message, 4 + (end + 7) // 8 * 8)
    return int(sequence)


def raw_layout(message: bytes) -> RawLayout:
    """What a sensor_msgs/Image says of its data, which is not looked at."""
    order = _order(message)
    body = memoryview(message)[4:]
    (frame_id_length,) = struct.unpack_from(order + "I", body, 8)
    size_at = _aligned(12 + frame_id_length)
    height, width, encoding_length = struct.unpack_from(order + "III", body, size_at)
    encoding_at = size_at + 12
    encoding = bytes(body[encoding_at : encoding_at + encoding_length]).rstrip(b"\0").decode(errors="replace")
    bigendian_at = encoding_at + encoding_length
    step, size = struct.unpack_from(order + "II", body, _aligned(bigendian_at + 1))
    return RawLayout(height, width, encoding, bool(body[bigendian_at]), step, size)


def _aligned(position: int) -> int:
    """The next multiple of 4, the size of most numbers."""
    return (position + 3) // 4 * 4


def _order(message: bytes) -> str:
    return "<" if message[1] & 1 else ">"
