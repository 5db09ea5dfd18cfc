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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lz4.frame
import mcap.records as mcap
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode

MAGIC = b"\x89MCAP0\r\n"
Record = mcap.Channel | mcap.Schema | mcap.Message | mcap.Metadata
_KEPT = (mcap.Channel, mcap.Schema, mcap.Metadata)
_READERS: dict[int, Any] = {
    Opcode.HEADER: mcap.Header.read,
    Opcode.FOOTER: mcap.Footer.read,
    Opcode.SCHEMA: mcap.Schema.read,
    Opcode.CHANNEL: mcap.Channel.read,
    Opcode.METADATA: mcap.Metadata.read,
    Opcode.STATISTICS: mcap.Statistics.read,
    Opcode.CHUNK_INDEX: mcap.ChunkIndex.read,
    Opcode.METADATA_INDEX: mcap.MetadataIndex.read,
    Opcode.SUMMARY_OFFSET: mcap.SummaryOffset.read,
    Opcode.DATA_END: mcap.DataEnd.read,
}
_OPCODES = frozenset(Opcode)
_IN_CHUNKS = (Opcode.MESSAGE, Opcode.CHANNEL, Opcode.SCHEMA)
_FRAME = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time; the rest is the message
_CHUNK = struct.Struct("<QQQII")  # first and last time, size and checksum of what is inside, length of the codec's name
_CHUNK_START = re.compile(rb"\x06.{36}(?:\x00\x00\x00\x00|\x04\x00\x00\x00zstd|\x03\x00\x00\x00lz4)", re.DOTALL)
_MAX_CHUNK = 256 << 20  # what claims to hold more is damaged, or meant to fill the memory
# What the libraries raise on spoilt bytes.
DAMAGE = (McapError, struct.error, ValueError, EOFError, MemoryError, zstandard.ZstdError, RuntimeError)


class _FalseFrame(Exception):
    """The bytes are no record: their length means nothing."""


class _Unreadable(Exception):
    """A whole record whose content is spoilt."""


@dataclass(frozen=True)
class Damage:
    """Bytes of a file that could not be read; `tail`: they are its end."""

    offset: int
    size: int
    reason: str
    tail: bool = False


def recover(path: Path) -> Iterator[Record | Damage]:
    """All readable records in the file's order, and what lies between them that is none.

    Raises:
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        if file.seek(0, io.SEEK_END) == 0:
            yield Damage(0, 0, "the file is empty", tail=True)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield from _walk(data)


def is_damaged(path: Path) -> bool:
    """Whether a file has bytes that cannot be read; reads all of it."""
    return any(isinstance(record, Damage) for record in recover(path))


def _walk(data: mmap.mmap) -> Iterator[Record | Damage]:
    end = len(data)
    position = len(MAGIC) if data[: len(MAGIC)] == MAGIC else _next_chunk(data, 0)
    if position != len(MAGIC):
        yield Damage(0, position, "it does not begin as an MCAP file does", tail=position == end)
    finished = False
    while position < end:
        if finished and data[position:end] == MAGIC:
            return
        try:
            opcode, body = _frame(data, position)
            yield from _records(opcode, body)
            finished = finished or opcode == Opcode.FOOTER
            position += _FRAME.size + len(body)
        except _Unreadable as error:
            yield Damage(position, _FRAME.size + len(body), str(error))
            position += _FRAME.size + len(body)
        except _FalseFrame:
            after = _next_chunk(data, position + 1)
            if after == end and data[position] == Opcode.CHUNK:
                yield from _torn_chunk(data[position + _FRAME.size :])
            yield Damage(position, after - position, "no whole record", tail=after == end)
            position = after
    if not finished:
        yield Damage(end, 0, "the file was not finished", tail=True)


def _frame(data: mmap.mmap, position: int) -> tuple[int, bytes]:
    """Opcode and content of the record at a position."""
    head = data[position : position + _FRAME.size]
    opcode, length = _FRAME.unpack(head) if len(head) == _FRAME.size else (0, 0)
    start = position + _FRAME.size
    if opcode not in _OPCODES or start + length > len(data):
        raise _FalseFrame
    return opcode, data[start : start + length]


def _next_chunk(data: mmap.mmap, position: int) -> int:
    """Where the next chunk begins, recognised by lengths that fit each other; the end if there is none."""
    while found := _CHUNK_START.search(data, position):
        try:
            if _chunk(_frame(data, found.start())[1]).complete:
                return found.start()
        except _FalseFrame:
            pass
        position = found.start() + 1
    return len(data)


def _records(opcode: int, body: bytes) -> Iterator[Record]:
    """What a record outside of chunks holds."""
    if opcode == Opcode.CHUNK:
        yield from _inside(_whole_chunk(body))
    elif opcode == Opcode.MESSAGE:
        yield _message(body)
    elif opcode == Opcode.MESSAGE_INDEX:
        if len(body) < 6 or struct.unpack_from("<I", body, 2)[0] != len(body) - 6:
            raise _FalseFrame
    elif opcode in _READERS:
        record = _parse(opcode, body)
        if isinstance(record, _KEPT):
            yield record


def _parse(opcode: int, body: bytes) -> Any:
    try:
        stream = ReadDataStream(io.BytesIO(body))
        record = _READERS[opcode](stream)
    except DAMAGE as error:
        raise _FalseFrame from error
    if stream.count != len(body):
        raise _FalseFrame
    return record


def _message(body: bytes) -> mcap.Message:
    if len(body) < _MESSAGE.size:
        raise _FalseFrame
    channel, sequence, log_time, publish_time = _MESSAGE.unpack_from(body)
    return mcap.Message(channel, log_time, body[_MESSAGE.size :], publish_time, sequence)


@dataclass(frozen=True)
class _Chunk:
    codec: str
    data: bytes
    size: int  # of what is inside
    checksum: int
    complete: bool


def _chunk(body: bytes) -> _Chunk:
    try:
        *_, size, checksum, name = _CHUNK.unpack_from(body)
        codec = body[_CHUNK.size : _CHUNK.size + name].decode()
        (length,) = struct.unpack_from("<Q", body, _CHUNK.size + name)
    except DAMAGE as error:
        raise _FalseFrame from error
    data = body[_CHUNK.size + name + 8 :]
    if codec not in ("", "zstd", "lz4") or len(data) > length:
        raise _FalseFrame
    return _Chunk(codec, data, size, checksum, len(data) == length)


def _whole_chunk(body: bytes) -> bytes:
    """What is inside a chunk."""
    chunk = _chunk(body)
    if not chunk.complete:
        raise _FalseFrame
    inside = _decompress(chunk)
    if chunk.checksum and zlib.crc32(inside) != chunk.checksum:
        raise _Unreadable("a chunk whose checksum does not fit")
    return inside


def _torn_chunk(body: bytes) -> Iterator[Record]:
    """What is inside a chunk that the file's end cuts off."""
    try:
        yield from _inside(_decompress(_chunk(body)))
    except (_FalseFrame, _Unreadable):
        return


def _decompress(chunk: _Chunk) -> bytes:
    """The content, as far as it goes, but never more than the chunk says."""
    if chunk.size > _MAX_CHUNK:
        raise _Unreadable(f"a chunk of {chunk.size} bytes")
    try:
        if chunk.codec == "zstd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(chunk.data)).read(chunk.size)
        if chunk.codec == "lz4":
            return lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=chunk.size)
    except DAMAGE as error:
        raise _Unreadable(f"a chunk that cannot be decompressed: {error}") from error
    return chunk.data


def _inside(content: bytes) -> Iterator[Record]:
    """The whole records in a chunk's content, up to the first that is none."""
    position = 0
    while position + _FRAME.size <= len(content):
        opcode, length = _FRAME.unpack_from(content, position)
        start, position = position + _FRAME.size, position + _FRAME.size + length
        if opcode not in _IN_CHUNKS or position > len(content):
            return
        try:
            yield from _records(opcode, content[start:position])
        except _FalseFrame:
            return
