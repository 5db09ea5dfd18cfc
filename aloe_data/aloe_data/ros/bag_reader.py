"""Reading a recorded episode: its messages in order, and what its metadata says."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import rosbag2_py
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from aloe_data.bag_folders import bag_files
from aloe_data.message_definition import definition_difference
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.ros.former_messages import FormerType
from aloe_data.verdicts import VerdictError, verdict_of


def read_record(bag: Path) -> EpisodeRecord:
    """What the bag's metadata says about its episode, with the verdict that was given on it afterwards, if any.

    Raises:
        RecordingError: There is no bag, or it was not made by the recorder.
    """
    record = read_own_record(bag)
    try:
        given = verdict_of(bag)
    except VerdictError as error:
        raise RecordingError(str(error)) from error
    return replace(record, verdict=given.verdict.upper(), reason=given.reason) if given else record


def read_own_record(bag: Path) -> EpisodeRecord:
    """What the bag's own metadata says about its episode.

    Raises:
        RecordingError: see `read_record`.
    """
    if not bag.suffix and not (bag / "metadata.yaml").exists():
        ended_early = f"its recording ended early; complete it with `ros2 run aloe_data repair {bag}`"
        raise RecordingError(f"{bag}: {ended_early if bag_files(bag) else 'no bag is there; give the folder of one'}")
    try:
        metadata = rosbag2_py.Info().read_metadata(str(bag), "mcap")
        return EpisodeRecord.from_custom_data(metadata.custom_data)
    except (RuntimeError, ValueError) as error:
        raise RecordingError(f"{bag}: {error}") from error


def read_messages(bag: Path, topics: Collection[str] = ()) -> Iterator[tuple[str, Any, int]]:
    """Messages of a bag in the order of their reception.

    Args:
        bag: folder of the bag, or its .mcap file.
        topics: names of the wanted topics; empty: all.

    Yields:
        (topic, message, time of reception [ns]).

    Raises:
        RecordingError: No bag, a damaged one, a type that is not installed, or a message that does not fit its type.
    """
    reader, kinds = _open(bag, topics)
    decoders = _decoders(bag, reader, kinds)
    for topic, data, stamp_ns in _rows(bag, reader):
        if topic not in decoders:
            raise RecordingError(f"{bag}: its metadata does not tell of {topic}; ros2 run aloe_data repair {bag}")
        try:
            message = decoders[topic](data)
        except (RecordingError, RuntimeError) as error:
            raise RecordingError(
                f"{bag}: a message on {topic} at {stamp_ns} ns does not fit its type; was it recorded with another"
                f" version of the interfaces? ({error})"
            ) from error
        yield topic, message, stamp_ns


def read_serialized(bag: Path, topics: Collection[str] = ()) -> Iterator[tuple[str, bytes, int]]:
    """As `read_messages`, but serialised, whatever types are installed.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    yield from _rows(bag, _open(bag, topics)[0])


def topic_types(bag: Path) -> dict[str, str]:
    """The types of a bag's topics by name, with messages or without.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    return _open(bag, ())[1]


def _open(bag: Path, topics: Collection[str]) -> tuple[rosbag2_py.SequentialReader, dict[str, str]]:
    """A reader of the wanted topics, and their types by name."""
    try:
        reader = rosbag2_py.SequentialReader()
        reader.open(rosbag2_py.StorageOptions(str(bag), "mcap"), rosbag2_py.ConverterOptions("cdr", "cdr"))
        if topics:
            reader.set_filter(rosbag2_py.StorageFilter(topics=sorted(topics)))
        known = {topic.name: topic.type for topic in reader.get_all_topics_and_types()}
    except (RuntimeError, NotImplementedError, ValueError, OSError) as error:
        raise RecordingError(f"{bag}: {error}") from error
    return reader, {name: kind for name, kind in known.items() if not topics or name in topics}


def _rows(bag: Path, reader: rosbag2_py.SequentialReader) -> Iterator[tuple[str, bytes, int]]:
    try:
        while reader.has_next():
            yield reader.read_next()
    except (RuntimeError, NotImplementedError, ValueError, OSError) as error:
        raise RecordingError(f"{bag}: {error}") from error


def _message_class(bag: Path, topic: str, kind: str) -> type:
    try:
        return get_message(kind)
    except (AttributeError, ModuleNotFoundError, ValueError) as error:
        package = kind.split("/")[0]
        raise RecordingError(
            f"{bag}: type {kind} of {topic} is not installed; install or build {package}, or name the topics to read"
        ) from error


def changed_types(bag: Path) -> dict[str, str]:
    """The types of a bag whose fields or constants have changed since it was recorded, with what has, in words.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    reader, kinds = _open(bag, ())
    changed = _changed_definitions(reader, set(kinds.values()))
    return {kind: definition_difference(kind, recorded, installed) for kind, recorded, installed in changed}


def _decoders(
    bag: Path, reader: rosbag2_py.SequentialReader, kinds: Mapping[str, str]
) -> dict[str, Callable[[bytes], Any]]:
    """What makes messages of the installed types, by topic: messages keep the meaning that they were recorded with."""
    classes = {name: _message_class(bag, name, kind) for name, kind in kinds.items()}
    decoders: dict[str, Callable[[bytes], Any]] = {
        name: partial(_deserialize, message_class) for name, message_class in classes.items()
    }
    try:
        for kind, recorded, installed in _changed_definitions(reader, set(kinds.values())):
            former = FormerType(kind, recorded, installed)
            decoders |= {name: former.read for name in kinds if kinds[name] == kind}
    except RecordingError as error:
        raise RecordingError(f"{bag}: {error}") from error
    return decoders


def _deserialize(message_class: type, data: bytes) -> Any:
    return deserialize_message(data, message_class)


def _changed_definitions(reader: rosbag2_py.SequentialReader, kinds: set[str]) -> Iterator[tuple[str, str, str]]:
    """Types with their recorded and their installed definition, where these differ."""
    source = rosbag2_py.LocalMessageDefinitionSource()
    for recorded in reader.get_all_message_definitions():
        kind = recorded.topic_type
        if kind not in kinds:
            continue
        installed = source.get_full_text(kind)
        if recorded.encoding != installed.encoding:
            continue  # nothing to compare with: a writer that stores no text, or IDL
        before = recorded.encoded_message_definition
        now = installed.encoded_message_definition
        if before != now and definition_difference(kind, before, now):
            yield kind, before, now
