"""The seconds before a recording, kept in memory until somebody wants them."""

from collections import deque
from typing import NamedTuple

from aloe_data.recording import RecordedTopic
from aloe_data.vocabulary import NS


class Row(NamedTuple):
    """A serialised message and when it was received [ns]."""

    topic: RecordedTopic
    data: bytes
    stamp_ns: int


class PreRoll:
    """The newest messages, at most so many seconds and bytes of them.

    Args:
        length_s: Length of the past that is kept [s]; 0: nothing is kept.
        max_bytes: Memory for it [bytes]; the oldest messages make room.
    """

    def __init__(self, length_s: float, max_bytes: int) -> None:
        self._length_ns = round(length_s * NS)
        self._room = max_bytes
        self._rows: deque[Row] = deque()

    def push(self, topic: RecordedTopic, data: bytes, stamp_ns: int) -> None:
        """Keep a message for a while."""
        self._rows.append(Row(topic, data, stamp_ns))
        self._room -= len(data)
        while self._rows and (self._room < 0 or stamp_ns - self._rows[0].stamp_ns > self._length_ns):
            self._room += len(self._rows.popleft().data)

    def take(self, now_ns: int) -> list[Row]:
        """All that is recent, in the order of reception; then nothing is kept any more."""
        rows = [row for row in self._rows if 0 <= now_ns - row.stamp_ns <= self._length_ns]  # a clock may jump back
        self._room += sum(len(row.data) for row in self._rows)
        self._rows.clear()
        return rows
