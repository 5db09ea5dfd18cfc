"""The content of MCAP chunks, also of damaged ones.

Source: MCAP format, version 0 (https://mcap.dev/spec): a chunk holds records, compressed or not, and their checksum.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import lz4.frame
import zstandard
from mcap.exceptions import McapError
from mcap.opcode import Opcode

FRAME = struct.Struct("<BQ")  # opcode and length of a record; that many bytes follow
_IN_CHUNKS = (Opcode.MESSAGE, Opcode.CHANNEL, Opcode.SCHEMA)
_CHUNK = struct.Struct("<QQQII")  # first and last time, size and checksum of what is inside, length of the codec's name
_MAX_CHUNK = 256 << 20  # what claims to hold more is damaged, or meant to fill the memory
# What the libraries raise on spoilt bytes.
DAMAGE = (McapError, struct.error, ValueError, EOFError, MemoryError, zstandard.ZstdError, RuntimeError)


class FalseFrame(Exception):
    """The bytes are no record: their length means nothing."""


class Unreadable(Exception):
    """A whole record whose content is spoilt."""


@dataclass(frozen=True)
class Chunk:
    """A chunk as it stands in a file; `complete`: the file holds all of it."""

    codec: str
    data: bytes
    size: int  # of what is inside
    checksum: int  # of what is inside; 0: none
    complete: bool


def parse_chunk(body: bytes) -> Chunk:
    """A chunk from the content of its record.

    Raises:
        FalseFrame: It is no chunk.
    """
    try:
        *_, size, checksum, name = _CHUNK.unpack_from(body)
        codec = body[_CHUNK.size : _CHUNK.size + name].decode()
        (length,) = struct.unpack_from("<Q", body, _CHUNK.size + name)
    except DAMAGE as error:
        raise FalseFrame from error
    data = body[_CHUNK.size + name + 8 :]
    if codec not in ("", "zstd", "lz4") or len(data) > length:
        raise FalseFrame
    return Chunk(codec, data, size, checksum, len(data) == length)


def whole_content(chunk: Chunk) -> bytes:
    """What is inside a chunk.

    Raises:
        FalseFrame: The chunk is cut off.
        Unreadable: It is spoilt.
    """
    if not chunk.complete:
        raise FalseFrame
    content = decompressed(chunk)
    if chunk.checksum and zlib.crc32(content) != chunk.checksum:
        raise Unreadable("a chunk whose checksum does not fit")
    if len(content) != chunk.size:
        raise Unreadable("a chunk that holds more or less than it says")
    return content


def decompressed(chunk: Chunk) -> bytes:
    """The content of a chunk as far as it goes, but never more than the chunk says.

    Raises:
        Unreadable: It cannot be decompressed.
    """
    if chunk.size > _MAX_CHUNK:
        raise Unreadable(f"a chunk of {chunk.size} bytes")
    try:
        if chunk.codec == "zstd":
            return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(chunk.data)).read(chunk.size)
        if chunk.codec == "lz4":
            return lz4.frame.LZ4FrameDecompressor().decompress(chunk.data, max_length=chunk.size)
    except DAMAGE as error:
        raise Unreadable(f"a chunk that cannot be decompressed: {error}") from error
    return chunk.data


def records_inside(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Position, opcode and content of the records in a chunk's content.

    Raises:
        Unreadable: From here on there is none.
    """
    position = 0
    while position < len(content):
        head = content[position : position + FRAME.size]
        opcode, length = FRAME.unpack(head) if len(head) == FRAME.size else (0, 0)
        start = position + FRAME.size
        if opcode not in _IN_CHUNKS or start + length > len(content):
            raise Unreadable(f"a chunk without whole records from its byte {position} on")
        yield position, opcode, content[start : start + length]
        position = start + length
