"""Fields at the beginning of serialised messages, read without deserialising the rest.

Source: OMG DDS-XTypes, 7.4.1: 4 bytes of encapsulation (the second one's lowest bit: little endian), then the fields,
aligned to their size counted from behind the encapsulation.
"""

import struct

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


def _order(message: bytes) -> str:
    return "<" if message[1] & 1 else ">"
