"""Getting every readable record out of an MCAP file that is torn, cut or damaged, and saying what could not be read.

A chunk whose checksum does not fit is left out as a whole: which of its messages are spoilt cannot be known. Of a chunk
that the file's end cuts off, the messages before the cut are taken.
Source: MCAP format, version 0 (https://mcap.dev/spec): records are an opcode, a uint64 length and that many bytes.
"""

import io
import mmap
import re
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mcap.records as mcap
from mcap.opcode import Opcode

from aloe_data.mcap_chunk import (
    FRAME,
    FalseFrame,
    Unreadable,
    decompressed,
    parse_chunk,
    records_inside,
    whole_content,
)
from aloe_data.mcap_record import INDEX, Record, frame, kept

MAGIC = b"\x89MCAP0\r\n"
_CHUNK_START = re.compile(rb"\x06.{36}(?:\x00\x00\x00\x00|\x04\x00\x00\x00zstd|\x03\x00\x00\x00lz4)", re.DOTALL)
_CHECKSUM_AT = FRAME.size + 24  # in a chunk's record: behind two times and a size
_FOOTER_COVERED = 16  # bytes of the footer's content that its own checksum covers


@dataclass(frozen=True)
class Damage:
    """Bytes of a file that could not be read; `tail`: they are its end. Of size 0 where only a checksum tells."""

    offset: int
    size: int
    reason: str
    tail: bool = False

    def __str__(self) -> str:
        where = "its end" if self.tail else f"byte {self.offset}"
        return f"{self.reason} ({self.size} bytes unreadable at {where})" if self.size else self.reason


def recover(path: Path) -> Iterator[Record | Damage]:
    """All readable records in the file's order, and what lies between them that is none.

    Raises:
        OSError: the file cannot be opened.
    """
    with _mapped(path) as data:
        if not data:
            yield Damage(0, 0, "the file is empty", tail=True)
            return
        yield from _Walk(data).records()


@dataclass(frozen=True)
class Content:
    """What a file really holds: readable messages by topic, and the bytes that cannot be read."""

    counts: Counter[str]
    damage: tuple[Damage, ...]


def read_content(path: Path) -> Content:
    """Read all of a file.

    Raises:
        OSError: the file cannot be opened.
    """
    topics: dict[int, str] = {}
    numbers = Counter[int]()
    damage = []
    for record in recover(path):
        if isinstance(record, Damage):
            damage.append(record)
        elif isinstance(record, mcap.Channel):
            topics[record.id] = record.topic
        elif isinstance(record, mcap.Message):
            numbers[record.channel_id] += 1
    counts = Counter[str]()
    for number, count in numbers.items():
        counts[topics.get(number, "a topic without a name")] += count
    return Content(counts, tuple(damage))


def lacks_checksums(path: Path) -> bool:
    """Whether a sound file holds messages without any checksum: damage to them cannot be seen.

    rosbag2's own writer computes none by default.
    """
    bare = False
    position = len(MAGIC)
    with _mapped(path) as data:
        while position + FRAME.size <= len(data):
            opcode, length = FRAME.unpack_from(data, position)
            if opcode == Opcode.DATA_END:
                return bare and not _uint32(data, position + FRAME.size)
            if opcode == Opcode.MESSAGE or (opcode == Opcode.CHUNK and not _uint32(data, position + _CHECKSUM_AT)):
                bare = True
            position += FRAME.size + length
    return bare


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap | bytes]:
    with path.open("rb") as file:
        if file.seek(0, io.SEEK_END) == 0:
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _uint32(data: mmap.mmap | bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 4], "little")


class _Walk:
    """One pass over a file's bytes."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        self._damaged = False
        self._summary_at = 0  # behind the end of the data; 0: not yet there
        # Of the last chunk: by channel, log time and position of each message; None: it was not read.
        self._messages: dict[int, list[tuple[int, int]]] | None = None

    def records(self) -> Iterator[Record | Damage]:
        """Everything readable, and every damage."""
        for found in self._found():
            self._damaged = self._damaged or isinstance(found, Damage)
            yield found

    def _found(self) -> Iterator[Record | Damage]:
        data = self._data
        end = len(data)
        position = len(MAGIC) if data[: len(MAGIC)] == MAGIC else _next_chunk(data, 0)
        if position != len(MAGIC):
            yield Damage(0, position, "it does not begin as an MCAP file does", tail=position == end)
        finished = False
        while position < end:
            if finished and data[position:end] == MAGIC:
                return
            try:
                opcode, body = frame(data, position)
                after = position + FRAME.size + len(body)
                yield from self._records(opcode, body)
                yield from self._check(opcode, body, position)
                finished = finished or opcode == Opcode.FOOTER
            except Unreadable as error:
                yield Damage(position, after - position, str(error))
            except FalseFrame:
                after = _next_chunk(data, position + 1)
                if after == end and data[position] == Opcode.CHUNK:
                    yield from _torn_chunk(data[position + FRAME.size :])
                yield Damage(position, after - position, "no whole record", tail=after == end)
            position = after
        if not finished:
            yield Damage(end, 0, "the file was not finished", tail=True)

    def _records(self, opcode: int, body: bytes) -> Iterator[Record]:
        """What a record outside of chunks holds."""
        if opcode != Opcode.CHUNK:
            yield from kept(opcode, body)
            return
        self._messages = None
        messages: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, inner, content in records_inside(whole_content(parse_chunk(body))):
            for record in kept(inner, content):
                if isinstance(record, mcap.Message):
                    messages[record.channel_id].append((record.log_time, position))
                yield record
        self._messages = messages

    def _check(self, opcode: int, body: bytes, position: int) -> Iterator[Damage]:
        """Whether a readable record says the same as what stands before it."""
        after = position + FRAME.size + len(body)
        if opcode == Opcode.MESSAGE_INDEX:
            if not self._fits(body):
                yield Damage(position, after - position, "an index that does not fit the chunk before it")
        elif opcode == Opcode.DATA_END:
            self._summary_at = after
            # Known damage explains a false checksum.
            if not self._damaged and not self._has_checksum(0, position, _uint32(body, 0)):
                yield Damage(position, 0, "the checksum of the data does not fit: bytes outside of chunks are spoilt")
        elif opcode == Opcode.FOOTER and self._summary_at:
            covered = position + FRAME.size + _FOOTER_COVERED
            if not self._has_checksum(self._summary_at, covered, _uint32(body, _FOOTER_COVERED)):
                yield Damage(position, 0, "the checksum of the file's index does not fit")

    def _fits(self, index: bytes) -> bool:
        """Whether a message index names the messages of the chunk before it."""
        if self._messages is None:
            return True  # nothing to compare with
        channel, _ = INDEX.unpack_from(index)
        entries = list(struct.iter_unpack("<QQ", index[INDEX.size :]))
        messages = self._messages.get(channel, [])
        return entries == messages or sorted(entries) == sorted(messages)

    def _has_checksum(self, start: int, end: int, checksum: int) -> bool:
        if not checksum:
            return True  # none was computed
        with memoryview(self._data) as view, view[start:end] as part:
            return zlib.crc32(part) == checksum


def _next_chunk(data: mmap.mmap | bytes, position: int) -> int:
    """Where the next chunk begins, recognised by lengths that fit each other; the end if there is none."""
    while found := _CHUNK_START.search(data, position):
        try:
            if parse_chunk(frame(data, found.start())[1]).complete:
                return found.start()
        except FalseFrame:
            pass
        position = found.start() + 1
    return len(data)


def _torn_chunk(body: bytes) -> Iterator[Record]:
    """What is inside a chunk that the file's end cuts off."""
    try:
        for _, opcode, content in records_inside(decompressed(parse_chunk(body))):
            yield from kept(opcode, content)
    except (FalseFrame, Unreadable):
        return
