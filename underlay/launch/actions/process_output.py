"""Reading what a process prints."""

from __future__ import annotations

import asyncio
import contextlib
import os

from ..logging import ProcessOutput

_CHUNK_BYTES = 65536


class OutputReader:
    """A pipe, or a terminal where one is emulated, whose output goes to a sink as it comes."""

    def __init__(self, sink: ProcessOutput, tty: bool) -> None:
        self._sink = sink
        self._reading_end, self.writing_end = os.openpty() if tty else os.pipe()
        os.set_blocking(self._reading_end, False)
        self._loop = asyncio.get_running_loop()
        self._open = True

    def start(self) -> None:
        """Pass output on from now."""
        self._loop.add_reader(self._reading_end, self._read)

    def close_writing_end(self) -> None:
        """Close the end that belongs to the process, after it was started."""
        os.close(self.writing_end)

    def _read(self) -> bool:
        try:
            data = os.read(self._reading_end, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # a terminal without a process behind it
            data = b""
        if data:
            self._sink.feed(data)
        else:
            self._close()
        return bool(data)

    def finish(self) -> None:
        """Take what is still in the pipe. Its end is not awaited: a grandchild may hold it open."""
        while self._open and self._read():
            pass
        self._close()

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reading_end)
            with contextlib.suppress(OSError):
                os.close(self._reading_end)
            self._sink.close()
