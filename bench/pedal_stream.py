"""teleop_node with pedals whose events come through a pipe, as the kernel would write them: `pedal_stream.py PIPE ...`.

For machines without /dev/uinput. Everything behind the reading of the device is what a user runs.
"""

import os
import struct
import sys
from collections.abc import Iterator
from types import SimpleNamespace

from aloe_teleop.devices import pedals
from aloe_teleop.devices.input_codes import EV_KEY
from aloe_teleop.ros.teleop_node import main

RECORD = struct.Struct("llHHi")  # input_event of linux/input.h: seconds, microseconds, type, code, value


def key_event(code: int, value: int, time_ns: int) -> bytes:
    """A key that goes down (value 1) or up (0)."""
    return RECORD.pack(time_ns // 10**9, time_ns % 10**9 // 1000, EV_KEY, code, value)


class PipeReader:
    """A `Reader` (aloe_teleop.devices.input_source) of a named pipe."""

    name = "pedals through a pipe"

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def read(self) -> Iterator[SimpleNamespace]:
        """The events that have come; raises BlockingIOError when there are none."""
        for _, _, kind, code, value in RECORD.iter_unpack(os.read(self.fd, 64 * RECORD.size)):
            yield SimpleNamespace(type=kind, code=code, value=value)

    def active_keys(self) -> list[int]:
        """No key is down before the first event."""
        return []

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.fd)


if __name__ == "__main__":
    path = sys.argv.pop(1)
    pedals.find_device = lambda *_: PipeReader(path)
    main()
