"""Writing what can be recovered of an MCAP file into a finished one that takes its place."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mcap.records import Channel, Message, Metadata, Schema
from mcap.writer import Writer

from aloe_data.bag_file import start_mcap
from aloe_data.durable import keep_aside, replacing
from aloe_data.mcap_recovery import Damage, recover


@dataclass
class Rewritten:
    """What became of a file: messages kept per topic, what could not be read, messages of topics that nobody names.

    `aside`: the file as it was; None where nothing was readable and it stayed as it is.
    """

    kept: Counter[str] = field(default_factory=Counter)
    damage: list[Damage] = field(default_factory=list)
    nameless: int = 0
    aside: Path | None = None


def rewrite(path: Path, on_message: Callable[[str, Message], None]) -> Rewritten:
    """Put a finished file with every readable record of `path` in its place; it is on the disk before it has the name.

    The file as it was stays beside it, and `Rewritten.aside` names it. One with nothing readable stays as it is.

    Args:
        path: Path of the file.
        on_message: Function that is called with topic and message for every message kept.

    Raises:
        OSError: the disk failed; the file is then as it was.
    """
    declared = _declared(path)
    if path.stat().st_size > 0 and not declared.channels and not declared.metadata:
        return Rewritten()
    aside = keep_aside(path)
    out = Rewritten(aside=aside)
    try:
        with replacing(path) as stream:
            _copy(path, stream, declared, out, on_message)
    except BaseException:
        aside.unlink()
        raise
    return out


@dataclass
class _Declared:
    """Schemas and channels of a file by id, and whether it holds metadata: what it tells of its bag beside messages."""

    schemas: dict[int, Schema] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    metadata: bool = False


def _declared(path: Path) -> _Declared:
    """What a file declares; its end says it again, so that damage to its beginning costs no names."""
    out = _Declared()
    for record in recover(path):
        if isinstance(record, Schema):
            out.schemas[record.id] = record
        elif isinstance(record, Channel):
            out.channels[record.id] = record
        elif isinstance(record, Metadata):
            out.metadata = True
    return out


def _copy(
    path: Path, stream: BinaryIO, declared: _Declared, out: Rewritten, on_message: Callable[[str, Message], None]
) -> None:
    writer = start_mcap(stream)
    numbers = _register(writer, declared)
    for record in recover(path):
        if isinstance(record, Damage):
            out.damage.append(record)
        elif isinstance(record, Metadata):
            writer.add_metadata(record.name, record.metadata)
        elif isinstance(record, Message) and record.channel_id in numbers:
            number = numbers[record.channel_id]
            topic = declared.channels[record.channel_id].topic
            writer.add_message(number, record.log_time, record.data, record.publish_time, record.sequence)
            out.kept[topic] += 1
            on_message(topic, record)
        elif isinstance(record, Message):
            out.nameless += 1
    writer.finish()


def _register(writer: Writer, declared: _Declared) -> dict[int, int]:
    """Declare all channels whose type is known; the new id of each."""
    types = {
        number: writer.register_schema(schema.name, schema.encoding, schema.data)
        for number, schema in declared.schemas.items()
    }
    return {
        channel.id: writer.register_channel(
            channel.topic, channel.message_encoding, types[channel.schema_id], channel.metadata
        )
        for channel in declared.channels.values()
        if channel.schema_id in types
    }
