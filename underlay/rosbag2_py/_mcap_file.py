"""Reading one MCAP file, also one that was never finished."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import zstandard
from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._metadata import BagMetadata, FileInformation, MetadataIo, TopicInformation, span
from rosbag2_py._qos import to_rclcpp_qos_vector
from rosbag2_py._storage import TopicMetadata

Row = tuple[str, bytes, int]
# What the library raises where a file is cut or spoilt: its own errors, and those of struct and of the decompressors.
_DAMAGE = (
    McapError, struct.error, zstandard.ZstdError,
    ValueError, EOFError, KeyError, OverflowError, MemoryError, RuntimeError,
)  # fmt: skip


@dataclass
class Contents:
    """What a file holds: channels, their types, counts and times [ns]."""

    channels: dict[int, Channel] = field(default_factory=dict)
    schemas: dict[int, Schema] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    start_ns: int = 0
    end_ns: int = 0
    serialized_metadata: str = ""
    finished: bool = True


def records(path: Path) -> Iterator[Channel | Schema | Message | Metadata]:
    """Records in the file's order up to its end or its first damage."""
    with path.open("rb") as stream:
        try:
            yield from StreamReader(stream, validate_crcs=True).records  # type: ignore[misc]
        except _DAMAGE:
            return


def _serialized(metadata: Metadata) -> str:
    return metadata.metadata.get("serialized_metadata", "") if metadata.name == "rosbag2" else ""


def read_contents(path: Path) -> Contents:
    """Contents from the file's summary, else by reading all of it.

    Raises:
        RuntimeError: It is no MCAP file.
    """
    try:
        with path.open("rb") as stream:
            reader = SeekingReader(stream)
            try:
                summary = reader.get_summary()
                if summary is None or summary.statistics is None:
                    return _scan(path)
                texts = [_serialized(metadata) for metadata in reader.iter_metadata()]
            except _DAMAGE:
                return _scan(path)
    except OSError as error:
        raise RuntimeError(f"Could not open {path}: {error.strerror}") from error
    except _DAMAGE as error:
        raise RuntimeError(f"{path} is not an MCAP file: {error}") from error
    statistics = summary.statistics
    counts, start, end = statistics.channel_message_counts, statistics.message_start_time, statistics.message_end_time
    return Contents(
        summary.channels, summary.schemas, dict(counts), start, end, next(filter(None, reversed(texts)), "")
    )


def _scan(path: Path) -> Contents:
    out = Contents(finished=False, start_ns=2**63 - 1)
    for record in records(path):
        if isinstance(record, Channel):
            out.channels[record.id] = record
        elif isinstance(record, Schema):
            out.schemas[record.id] = record
        elif isinstance(record, Message):
            out.counts[record.channel_id] = out.counts.get(record.channel_id, 0) + 1
            out.start_ns, out.end_ns = min(out.start_ns, record.log_time), max(out.end_ns, record.log_time)
        elif isinstance(record, Metadata):
            out.serialized_metadata = _serialized(record) or out.serialized_metadata
    out.start_ns = min(out.start_ns, out.end_ns)
    return out


def messages(path: Path, contents: Contents, wanted: Callable[[str], bool], start_ns: int) -> Iterator[Row]:
    """(topic, serialised message, time [ns]) of the wanted topics from `start_ns` on, by time.

    Raises:
        RuntimeError: The file is damaged, though it was finished.
    """
    topics = [channel.topic for channel in contents.channels.values() if wanted(channel.topic)]
    if not topics:
        return
    if not contents.finished:
        for record in records(path):
            if isinstance(record, Message) and record.log_time >= start_ns:
                topic = contents.channels[record.channel_id].topic
                if topic in topics:
                    yield topic, record.data, record.log_time
        return
    with path.open("rb") as stream:
        reader = SeekingReader(stream, validate_crcs=True)
        rows = reader.iter_messages(topics, starting_at=start_ns)
        try:
            for _, channel, message in rows:
                yield channel.topic, message.data, message.log_time
        except _DAMAGE as error:
            raise RuntimeError(f"{path} is damaged: {error!r}") from error


def metadata_of(path: Path) -> BagMetadata:
    """Metadata of a bag that consists of this one file, its custom data from the record inside."""
    return metadata_of_files([path])


def metadata_of_files(paths: list[Path]) -> BagMetadata:
    """Metadata of a bag that consists of these files; custom data from the last record that has some."""
    out = BagMetadata(storage_identifier="mcap", relative_file_paths=[path.name for path in paths])
    topics: dict[str, TopicInformation] = {}
    for path in paths:
        contents = read_contents(path)
        if contents.serialized_metadata:
            embedded = _embedded(contents.serialized_metadata)
            out.custom_data = embedded.custom_data or out.custom_data
            out.ros_distro, version = embedded.ros_distro, embedded.version
        else:
            version = out.version
        start, duration = Time(nanoseconds=contents.start_ns), Duration(nanoseconds=contents.end_ns - contents.start_ns)
        out.files.append(FileInformation(path.name, start, duration, sum(contents.counts.values())))
        out.bag_size += path.stat().st_size
        for channel in contents.channels.values():
            topic = topics.setdefault(channel.topic, TopicInformation(_topic(channel, contents, version), 0))
            topic.message_count += contents.counts.get(channel.id, 0)
    out.starting_time, out.duration = span(out.files)
    out.message_count = sum(file.message_count for file in out.files)
    out.topics_with_message_count = list(topics.values())
    return out


@lru_cache(maxsize=4)  # a file is opened several times in a row
def _embedded(text: str) -> BagMetadata:
    return MetadataIo().deserialize_metadata(text)


def _topic(channel: Channel, contents: Contents, version: int) -> TopicMetadata:
    profiles = to_rclcpp_qos_vector(channel.metadata.get("offered_qos_profiles", ""), version)
    type_name, type_hash = contents.schemas[channel.schema_id].name, channel.metadata.get("topic_type_hash", "")
    return TopicMetadata(channel.id, channel.topic, type_name, channel.message_encoding, profiles, type_hash)
