"""One record of an MCAP file, from its bytes; those that only look like one are told from it.

Source: MCAP format, version 0 (https://mcap.dev/spec): records are an opcode, a uint64 length and that many bytes.
"""

import io
import mmap
import struct
from collections.abc import Iterator
from typing import Any

import mcap.records as mcap
from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode

from aloe_data.mcap_chunk import DAMAGE, FRAME, FalseFrame

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
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time; the rest is the message
INDEX = struct.Struct("<HI")  # channel, and size of the list of (log time, position in the chunk) that follows
_ENTRY_BYTES = 16  # of that list


def frame(data: mmap.mmap | bytes, position: int) -> tuple[int, bytes]:
    """Opcode and content of the record at a position.

    Args:
        data: Content of the file.
        position: Where the record begins.

    Raises:
        FalseFrame: There is none, or the file ends in it.
    """
    head = data[position : position + FRAME.size]
    opcode, length = FRAME.unpack(head) if len(head) == FRAME.size else (0, 0)
    start = position + FRAME.size
    if opcode not in _OPCODES or start + length > len(data):
        raise FalseFrame
    return opcode, data[start : start + length]


def kept(opcode: int, body: bytes) -> Iterator[Record]:
    """A record if it is one that is handed out; others are looked at all the same.

    Args:
        opcode: Kind of the record.
        body: Content of the record.

    Raises:
        FalseFrame: It does not hold what its kind holds.
    """
    if opcode == Opcode.MESSAGE:
        if len(body) < _MESSAGE.size:
            raise FalseFrame
        channel, sequence, log_time, publish_time = _MESSAGE.unpack_from(body)
        yield mcap.Message(channel, log_time, body[_MESSAGE.size :], publish_time, sequence)
    elif opcode == Opcode.MESSAGE_INDEX:
        if len(body) < INDEX.size or not _is_index(body):
            raise FalseFrame
    elif opcode in _READERS:
        record = _parse(opcode, body)
        if isinstance(record, _KEPT):
            yield record


def _is_index(body: bytes) -> bool:
    """Whether the size that a message index names is that of its entries."""
    size = len(body) - INDEX.size
    return INDEX.unpack_from(body)[1] == size and size % _ENTRY_BYTES == 0


def _parse(opcode: int, body: bytes) -> Any:
    try:
        stream = ReadDataStream(io.BytesIO(body))
        record = _READERS[opcode](stream)
    except DAMAGE as error:
        raise FalseFrame from error
    if stream.count != len(body):
        raise FalseFrame
    return record
