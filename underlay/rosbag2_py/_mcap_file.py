"""Reading one MCAP file, also one that was never finished."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mcap.exceptions import McapError
from mcap.reader import SeekingReader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._metadata import BagMetadata, FileInformation, MetadataIo, TopicInformation
from rosbag2_py._qos import to_rclcpp_qos_vector
from rosbag2_py._storage import TopicMetadata

Row = tuple[str, bytes, int]
# What the library raises where a file ends too early: its own errors, and struct's and zstd's from half a record.
_DAMAGE = (McapError, struct.error, ValueError, EOFError)


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
            yield from StreamReader(stream).records  # type: ignore[misc]
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


def messages(
    path: Path, contents: Contents, wanted: Callable[[str], bool], start_ns: int, by_time: bool, reverse: bool
) -> Iterator[Row]:
    """(topic, serialised message, time [ns]) of the wanted topics from `start_ns` on (reversed: down from it)."""
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
    limits = {"ending_at": start_ns} if reverse and start_ns else {"starting_at": start_ns}
    with path.open("rb") as stream:
        rows = SeekingReader(stream).iter_messages(topics, log_time_order=by_time, reverse=reverse, **limits)
        for _, channel, message in rows:
            yield channel.topic, message.data, message.log_time


def metadata_of(path: Path) -> BagMetadata:
    """Metadata of a bag that consists of this one file, its custom data from the record inside."""
    contents = read_contents(path)
    embedded = (
        MetadataIo().deserialize_metadata(contents.serialized_metadata)
        if contents.serialized_metadata
        else BagMetadata()
    )
    start, duration = Time(nanoseconds=contents.start_ns), Duration(nanoseconds=contents.end_ns - contents.start_ns)
    count = sum(contents.counts.values())
    topics = []
    for channel in contents.channels.values():
        profiles = to_rclcpp_qos_vector(channel.metadata.get("offered_qos_profiles", ""), embedded.version)
        type_name, type_hash = contents.schemas[channel.schema_id].name, channel.metadata.get("topic_type_hash", "")
        topic = TopicMetadata(channel.id, channel.topic, type_name, channel.message_encoding, profiles, type_hash)
        topics.append(TopicInformation(topic, contents.counts.get(channel.id, 0)))
    return BagMetadata(
        bag_size=path.stat().st_size,
        storage_identifier="mcap",
        relative_file_paths=[path.name],
        files=[FileInformation(path.name, start, duration, count)],
        duration=duration,
        starting_time=start,
        message_count=count,
        topics_with_message_count=topics,
        custom_data=embedded.custom_data,
        ros_distro=embedded.ros_distro,
    )
