"""Reading a recorded episode: its messages in order, and what its metadata says."""

import shlex
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from aloe_msgs.msg import EpisodeEvent
from rclpy.serialization import deserialize_message
from rosidl_runtime_py.utilities import get_message

from aloe_data.bag_state import BagState
from aloe_data.message_definition import definition_difference
from aloe_data.recording import EVENTS, NO_RECORD, EpisodeRecord, RecordingError
from aloe_data.ros.bag_opening import OpenBag, readable_bag
from aloe_data.ros.former_messages import FormerType
from aloe_data.ros.message_types import message_definition
from aloe_data.verdicts import VerdictError, verdict_of
from aloe_data.vocabulary import Verdict

_NEARBY = 500  # messages among which one of every stream is, unless that is silent


def read_record(bag: Path, state: BagState | None = None) -> EpisodeRecord:
    """What the bag says about its episode, with the verdict that was given on it afterwards, if any.

    Args:
        bag: Folder of the bag.
        state: State of the bag, where it is known.

    Raises:
        RecordingError: There is no bag, it was not made by the recorder, or a given verdict cannot be read.
    """
    record = read_own_record(bag, state)
    try:
        given = verdict_of(bag)
    except VerdictError as error:
        raise RecordingError(str(error)) from error
    return replace(record, verdict=given.verdict.upper(), reason=given.reason) if given else record


def read_own_record(bag: Path, state: BagState | None = None) -> EpisodeRecord:
    """What the bag itself says about its episode: its metadata, and where that tells no more, its messages.

    `ros2 bag reindex` may leave the metadata as it was when the recording began, without a verdict; metadata before
    version 6, or made by another tool, has no record at all. The files and the episode's events tell of both.

    Args:
        bag, state: Bag as for `read_record`.

    Raises:
        RecordingError: There is no bag, or it was not made by the recorder.
    """
    state = state or readable_bag(bag)
    record = _recorded(bag, state)
    if state.missing and record is None:
        reasons = "; ".join(state.missing)
        raise RecordingError(f"{bag}: {reasons}; complete it with `ros2 run aloe_data repair {shlex.quote(str(bag))}`")
    if not state.missing and (record is None or record.verdict == Verdict.NONE.name):
        record = _with_events(state, record)
    if record is None:
        raise RecordingError(f"{bag}: {NO_RECORD}")
    return record


def _recorded(bag: Path, state: BagState) -> EpisodeRecord | None:
    """The first record with a verdict, else the first one; None: the recorder wrote none."""
    first = None
    for custom_data in state.custom_data():
        if not custom_data.get("episode_id"):
            continue
        try:
            record = EpisodeRecord.from_custom_data(custom_data)
        except RecordingError as error:
            raise RecordingError(f"{bag}: {error}") from error
        if record.verdict != Verdict.NONE.name:
            return record
        first = first or record
    return first


def _with_events(bag: BagState, record: EpisodeRecord | None) -> EpisodeRecord | None:
    """A record with the verdict of the episode's last STOP; where there is none, one that its START begins."""
    for _, event, _ in read_messages(bag, [EVENTS]):
        if event.kind == EpisodeEvent.START and record is None:
            record = EpisodeRecord(event.episode_id, event.prompt, event.seed)
        elif event.kind == EpisodeEvent.STOP and record and event.verdict in iter(Verdict):
            record = replace(record, verdict=Verdict(event.verdict).name, reason=event.reason)
    return record


def read_messages(
    bag: Path | BagState, topics: Collection[str] = (), as_written: bool = False
) -> Iterator[tuple[str, Any, int]]:
    """Messages of a bag in the order of their reception.

    Args:
        bag: Folder of the bag, its .mcap file, or its state where that is known.
        topics: Names of the wanted topics; empty: all.
        as_written: Whether they come in the order in which they stand in the bag, which the times of reception do not
            tell where the recorder's clock was set back.

    Yields:
        (topic, message, time of reception [ns]).

    Raises:
        RecordingError: No bag, a damaged one, a type that is not installed, or a message that does not fit its type.
    """
    opened = OpenBag(bag, topics)
    decoders = _decoders(opened)
    rows = opened.rows_as_written() if as_written else opened.rows()
    for topic, data, stamp_ns in rows:
        yield topic, _message(opened.bag, decoders[topic], topic, data, stamp_ns), stamp_ns


def read_samples(
    bag: Path | BagState, wanted: Mapping[str, int], places: Collection[float]
) -> Iterator[tuple[str, Any]]:
    """From each place on the first messages of some topics; no more of the bag is read.

    Args:
        bag: Bag as for `read_messages`.
        wanted: Number of messages by topic.
        places: Shares of the bag, from 0 (its beginning) to below 1.

    Yields:
        (topic, message).

    Raises:
        RecordingError: see `read_messages`.
    """
    opened = OpenBag(bag, wanted)
    decoders = _decoders(opened)
    for place in places:
        missing = Counter({topic: wanted[topic] for topic in opened.types})
        for topic, data, stamp_ns in islice(opened.rows_from(place), _NEARBY):
            if missing[topic] > 0:
                yield topic, _message(opened.bag, decoders[topic], topic, data, stamp_ns)
                missing[topic] -= 1
            if not missing.total():
                break


def read_serialized(bag: Path | BagState, topics: Collection[str] = ()) -> Iterator[tuple[str, bytes, int]]:
    """As `read_messages`, but serialised, whatever types are installed.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    yield from OpenBag(bag, topics).rows()


def topic_types(bag: Path) -> dict[str, str]:
    """The types of a bag's topics by name, with messages or without.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    return OpenBag(bag).types


def _message(bag: Path, decode: Callable[[bytes], Any], topic: str, data: bytes, stamp_ns: int) -> Any:
    try:
        return decode(data)
    except (RecordingError, RuntimeError) as error:
        raise RecordingError(
            f"{bag}: a message on {topic} at {stamp_ns} ns does not fit its type; was it recorded with another"
            f" version of the interfaces? ({error})"
        ) from error


def _message_class(bag: Path, topic: str, kind: str) -> type:
    try:
        return get_message(kind)
    except (AttributeError, ModuleNotFoundError, ValueError) as error:
        package = kind.split("/")[0]
        raise RecordingError(
            f"{bag}: type {kind} of {topic} is not installed; install or build {package}, or name the topics to read"
        ) from error


def changed_types(bag: Path | BagState) -> dict[str, str]:
    """The types of a bag whose fields or constants have changed since it was recorded, with what has, in words.

    Args:
        bag: Bag as for `read_messages`.

    Raises:
        RecordingError: No bag, or a damaged one.
    """
    changed = _changed_definitions(OpenBag(bag))
    return {kind: definition_difference(kind, recorded, installed) for kind, recorded, installed in changed}


def _decoders(opened: OpenBag) -> dict[str, Callable[[bytes], Any]]:
    """What makes messages of the installed types, by topic: messages keep the meaning that they were recorded with."""
    classes = {name: _message_class(opened.bag, name, kind) for name, kind in opened.types.items()}
    decoders: dict[str, Callable[[bytes], Any]] = {
        name: partial(deserialize_message, message_type=message_class) for name, message_class in classes.items()
    }
    try:
        for kind, recorded, installed in _changed_definitions(opened):
            former = FormerType(kind, recorded, installed)
            decoders |= {name: former.read for name, its in opened.types.items() if its == kind}
    except RecordingError as error:
        raise RecordingError(f"{opened.bag}: {error}") from error
    return decoders


def _changed_definitions(opened: OpenBag) -> Iterator[tuple[str, str, str]]:
    """Types with their recorded and their installed definition, where these differ."""
    kinds = set(opened.types.values())
    for kind, language, before in opened.definitions():
        if kind not in kinds:
            continue
        language_now, now = message_definition(kind)
        if language != language_now:
            continue  # nothing to compare with: a writer that stores no text, or IDL
        if before != now and definition_difference(kind, before, now):
            yield kind, before, now
