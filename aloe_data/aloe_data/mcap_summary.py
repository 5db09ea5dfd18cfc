"""What the end of a finished MCAP file says about it, and rosbag2's metadata inside; the messages are not read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mcap.opcode import Opcode
from mcap.reader import SeekingReader
from mcap.records import ChunkIndex

from aloe_data.bag_facts import MetadataError, parse_facts
from aloe_data.mcap_chunk import DAMAGE, FRAME


@dataclass(frozen=True)
class McapSummary:
    """Messages by topic, also of topics without any, the time of the first and the last [ns], and where chunks are."""

    counts: Counter[str]
    start_ns: int
    end_ns: int
    chunks: tuple[ChunkIndex, ...]


def read_summary(path: Path) -> McapSummary | None:
    """The summary of a file that was finished in order; None of any other."""
    try:
        with path.open("rb") as stream:
            summary = SeekingReader(stream).get_summary()
    except (*DAMAGE, OSError):
        return None
    if summary is None or summary.statistics is None:
        return None
    told = summary.statistics
    counts = Counter[str]()
    for channel in summary.channels.values():
        counts[channel.topic] += told.channel_message_counts.get(channel.id, 0)
    return McapSummary(counts, told.message_start_time, told.message_end_time, tuple(summary.chunk_indexes))


def misplaced_chunks(path: Path, summary: McapSummary) -> int:
    """How many chunks are not where the summary says; their content is not read.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        return sum(not _is_chunk(stream, index) for index in summary.chunks)


def _is_chunk(stream: BinaryIO, index: ChunkIndex) -> bool:
    stream.seek(index.chunk_start_offset)
    head = stream.read(FRAME.size)
    return len(head) == FRAME.size and FRAME.unpack(head) == (Opcode.CHUNK, index.chunk_length - FRAME.size)


def embedded_custom_data(path: Path) -> Mapping[str, str]:
    """The custom data of the last of rosbag2's metadata records in a file that has some; {} where none has."""
    try:
        with path.open("rb") as stream:
            texts = [record.metadata for record in SeekingReader(stream).iter_metadata() if record.name == "rosbag2"]
    except (*DAMAGE, OSError):
        return {}
    for text in reversed(texts):
        try:
            custom_data = parse_facts(text.get("serialized_metadata", "")).custom_data
        except MetadataError:
            continue  # a record of another make
        if custom_data:
            return custom_data
    return {}
