"""What rosbag2's metadata says about a bag, as far as the suite needs it.

Versions 4 to 10 are read alike, and others as long as the keys below are where they are in these. Quality of service,
storage identifier and compression of files are not needed to read MCAP, and are therefore not looked at: a bag is not
lost because a number stands there where another version writes a word.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aloe_data.bag_metadata import FILE_NAME, ROOT, TextLoader


class MetadataError(ValueError):
    """Metadata that cannot be read; the message says why, without the path."""


@dataclass(frozen=True)
class BagFacts:
    """A bag's description.

    Attributes:
        start_ns, duration_ns: Time of the first message, and from there to the last [ns].
        counts: Messages by topic.
        files: Names of its files in their order.
        compressed_messages: Whether rosbag2 compressed each message; chunks and files are another matter.
        custom_data: Text by key, as it was given when the bag was opened.
    """

    start_ns: int = 0
    duration_ns: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    files: tuple[str, ...] = ()
    compressed_messages: bool = False
    custom_data: Mapping[str, str] = field(default_factory=dict)


def read_facts(bag: Path) -> BagFacts | None:
    """What the metadata.yaml of a bag's folder says; None where there is none.

    Raises:
        MetadataError: it cannot be read.
    """
    try:
        text = (bag / FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MetadataError(f"{FILE_NAME} cannot be read: {error.strerror}") from error
    try:
        return _metadata(_mapping(_parse(text), "the file")[ROOT])
    except (KeyError, MetadataError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise MetadataError(f"{FILE_NAME} cannot be read: {reason}") from error


def parse_facts(text: str) -> BagFacts:
    """What a metadata record inside an MCAP file says.

    Raises:
        MetadataError: it cannot be read.
    """
    try:
        return _metadata(_parse(text.encode()))
    except KeyError as error:
        raise MetadataError(f"{error} is missing") from error


def _parse(text: bytes) -> Any:
    try:
        return yaml.load(text, TextLoader)  # as rosbag2's own reader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise MetadataError(f"line {line}: {error.problem}") from error
    except yaml.reader.ReaderError as error:  # in words on two lines
        raise MetadataError(f"byte {error.position}: {error.reason}") from error
    except yaml.YAMLError as error:
        raise MetadataError(str(error)) from error


def _metadata(tree: Any) -> BagFacts:
    tree = _mapping(tree, ROOT)
    counts: Counter[str] = Counter()
    for entry in tree["topics_with_message_count"] or ():
        topic = _mapping(_mapping(entry, "a topic")["topic_metadata"], "topic_metadata")["name"]
        if not isinstance(topic, str):
            raise MetadataError(f"the name of a topic is {topic!r}, no text")
        counts[topic] += _number(entry, "message_count")
    names = tree["relative_file_paths"] or []  # inside a file that is still written none is named
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise MetadataError(f"relative_file_paths is {names!r}, no list of names")
    custom_data = tree.get("custom_data")
    return BagFacts(
        start_ns=_number(_mapping(tree["starting_time"], "starting_time"), "nanoseconds_since_epoch"),
        duration_ns=_number(_mapping(tree["duration"], "duration"), "nanoseconds"),
        counts=counts,
        # Up to version 3 the names stand behind the folder's; a bag that was moved may have whole paths.
        files=tuple(Path(name).name for name in names),
        compressed_messages=str(tree.get("compression_mode", "")).lower() == "message",
        custom_data=_texts(custom_data) if isinstance(custom_data, dict) else {},
    )


def _mapping(tree: Any, name: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise MetadataError(f"{name} is no mapping of keys to values")
    return tree


def _number(tree: dict[str, Any], key: str) -> int:
    try:
        return int(tree[key])
    except (TypeError, ValueError) as error:
        raise MetadataError(f"{key} is {tree[key]!r}, no whole number") from error


def _texts(tree: dict[str, Any]) -> dict[str, str]:
    for key, value in tree.items():
        if not isinstance(value, str):
            raise MetadataError(f"custom_data: {key} is no text")
    return tree
