"""Writing what can be recovered of an MCAP file into a finished one that takes its place."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mcap.reader import SeekingReader
from mcap.records import Channel, Message, Metadata, Schema
from mcap.writer import Writer

from aloe_data.bag_file import start_mcap
from aloe_data.mcap_chunk import DAMAGE
from aloe_data.mcap_recovery import Damage, recover


@dataclass
class Rewritten:
    """What became of a file: messages kept per topic, what could not be read, messages of topics that nobody names.

    `told`: it tells of its bag, by topics or by metadata, with messages or without.
    """

    kept: Counter[str] = field(default_factory=Counter)
    told: bool = False
    damage: list[Damage] = field(default_factory=list)
    nameless: int = 0


def finished_counts(path: Path) -> dict[str, int] | None:
    """Messages per topic of a file that was finished in order, from its summary; None of any other."""
    try:
        with path.open("rb") as stream:
            summary = SeekingReader(stream).get_summary()
    except (*DAMAGE, OSError):
        return None
    if summary is None or summary.statistics is None:
        return None
    counts = summary.statistics.channel_message_counts
    return {channel.topic: counts.get(channel.id, 0) for channel in summary.channels.values()}


def rewrite(path: Path, on_message: Callable[[str, Message], None]) -> Rewritten:
    """Put a finished file with every readable record of `path` in its place.

    A file that is damaged in its midst is kept beside it (.mcap.damaged); one with nothing readable stays as it is.

    Args:
        path: of the file.
        on_message: called with topic and message for every message kept.

    Raises:
        OSError: the disk failed; the file is then as it was.
    """
    schemas, channels = _declared(path)
    out = Rewritten(told=bool(channels))
    copy = path.with_suffix(".mcap.repair")
    with copy.open("wb") as stream:
        writer = start_mcap(stream)
        numbers = _register(writer, schemas, channels)
        for record in recover(path):
            if isinstance(record, Damage):
                out.damage.append(record)
            elif isinstance(record, Metadata):
                writer.add_metadata(record.name, record.metadata)
                out.told = True
            elif isinstance(record, Message) and record.channel_id in numbers:
                number, topic = numbers[record.channel_id], channels[record.channel_id].topic
                writer.add_message(number, record.log_time, record.data, record.publish_time, record.sequence)
                out.kept[topic] += 1
                on_message(topic, record)
            elif isinstance(record, Message):
                out.nameless += 1
        writer.finish()
        stream.flush()
        os.fsync(stream.fileno())
    if not out.told and path.stat().st_size > 0:
        copy.unlink()
    else:
        if any(not damage.tail for damage in out.damage):
            aside = path.with_suffix(".mcap.damaged")
            aside.unlink(missing_ok=True)
            os.link(path, aside)
        os.replace(copy, path)
    return out


def _declared(path: Path) -> tuple[dict[int, Schema], dict[int, Channel]]:
    """Schemas and channels by id; the file's end names them again, so that damage to its beginning costs no names."""
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    for record in recover(path):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
    return schemas, channels


def _register(writer: Writer, schemas: dict[int, Schema], channels: dict[int, Channel]) -> dict[int, int]:
    """Declare all channels whose type is known; the new id of each."""
    types = {
        number: writer.register_schema(schema.name, schema.encoding, schema.data) for number, schema in schemas.items()
    }
    return {
        channel.id: writer.register_channel(
            channel.topic, channel.message_encoding, types[channel.schema_id], channel.metadata
        )
        for channel in channels.values()
        if channel.schema_id in types
    }
