"""What rosbag2's metadata.yaml says about a bag, as text that every YAML reader understands alike.

Texts stand in double quotes: unquoted, a prompt such as `no` or `1e3` is a truth value or a number to some readers.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

VERSION = 9  # Jazzy's
FILE_NAME = "metadata.yaml"
ROOT = "rosbag2_bagfile_information"
# Beside quotes and control characters: line ends that YAML 1.1 knows, the byte order mark, halves of surrogate pairs.
_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]')
_SHORT = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
# Every scalar is text, letter by letter. libyaml's is ten times quicker, and not everywhere.
TextLoader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True)
class BagTopic:
    """A topic as a bag declares it.

    `definition` is the text of its type and of all types in it, in the language `encoding` (MCAP's word for it), and
    `type_hash` the type's REP-2011 hash; each is empty where the type is not installed. `qos` holds the policies of
    one offered profile by rosbag2's names; empty: unknown.
    """

    name: str
    type: str
    definition: str = ""
    encoding: str = ""
    type_hash: str = ""
    qos: Mapping[str, Any] = field(default_factory=dict)

    @property
    def profiles(self) -> list[Mapping[str, Any]]:
        """The offered QoS profiles."""
        return [self.qos] if self.qos else []


@dataclass
class FileFacts:
    """Messages of one file by topic, and the times of reception between which they lie [ns]."""

    name: str
    start_ns: int = 0
    end_ns: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, topic: str, stamp_ns: int) -> None:
        """Count a message."""
        if not self.counts:
            self.start_ns = stamp_ns
            self.end_ns = stamp_ns
        self.start_ns = min(self.start_ns, stamp_ns)
        self.end_ns = max(self.end_ns, stamp_ns)
        self.counts[topic] += 1


def bag_information(
    files: Sequence[FileFacts], topics: Sequence[BagTopic], custom_data: Mapping[str, str], ros_distro: str
) -> dict[str, Any]:
    """The content of metadata.yaml below its root.

    Args:
        files: Facts of the bag's files in their order.
        topics: All topics that the bag declares, with messages or without.
        custom_data: Text by key.
        ros_distro: Name of the ROS distribution that records.
    """
    filled = [file for file in files if file.counts]  # an empty file has no time
    start_ns = min((file.start_ns for file in filled), default=0)
    end_ns = max((file.end_ns for file in filled), default=0)
    counts = sum((file.counts for file in files), Counter[str]())
    return {
        "version": VERSION,
        "storage_identifier": "mcap",
        **_span(start_ns, end_ns),
        "message_count": counts.total(),
        "topics_with_message_count": [_topic(topic, counts[topic.name]) for topic in topics],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file.name for file in files],
        "files": [
            {"path": file.name, **_span(file.start_ns, file.end_ns), "message_count": file.counts.total()}
            for file in files
        ],
        "custom_data": dict(custom_data),
        "ros_distro": ros_distro,
    }


def _span(start_ns: int, end_ns: int) -> dict[str, Any]:
    return {
        "duration": {"nanoseconds": end_ns - start_ns},
        "starting_time": {"nanoseconds_since_epoch": start_ns},
    }


def _topic(topic: BagTopic, count: int) -> dict[str, Any]:
    metadata = {
        "name": topic.name,
        "type": topic.type,
        "serialization_format": "cdr",
        "offered_qos_profiles": topic.profiles,
        "type_description_hash": topic.type_hash,
    }
    return {"topic_metadata": metadata, "message_count": count}


def to_yaml(tree: Mapping[str, Any] | Sequence[Any]) -> str:
    """A tree of mappings, sequences, texts, truth values and whole numbers as YAML."""
    return _below(tree, "").lstrip("\n") + "\n"


def with_custom_data(text: str, custom_data: Mapping[str, str]) -> str:
    """The text of a metadata.yaml with other custom data; all else keeps its value, whoever wrote it.

    Args:
        text: Content of metadata.yaml.
        custom_data: Text by key; keys of the former custom data that are not among these stay.

    Raises:
        ValueError: It is no metadata.yaml.
    """
    try:
        tree = _plain_tree(yaml.compose(text, Loader=TextLoader))
        information = tree[ROOT]
        former = information.get("custom_data") or {}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no metadata.yaml of a bag: {error}") from error
    kept = {str(key): str(value) for key, value in former.items()} if isinstance(former, dict) else {}
    information["custom_data"] = kept | dict(custom_data)
    return to_yaml(tree)


class _Plain(str):
    """A text that stood without quotes, and is written so again: it may be a number."""


def _plain_tree(node: Any) -> Any:
    """The values of a composed document, none of them interpreted."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: _plain_tree(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain_tree(value) for value in node.value]
    return _Plain(node.value) if not node.style else node.value


def _below(value: Any, indent: str) -> str:
    """A value as it stands behind its key or dash: on the same line, or as a block below."""
    if isinstance(value, Mapping) and value:
        lines = (f"{indent}{key}:{_below(item, indent + '  ')}" for key, item in value.items())
        return "\n" + "\n".join(lines)
    if isinstance(value, list | tuple) and value:
        return "\n" + "\n".join(f"{indent}-{_below(item, indent + '  ')}" for item in value)
    return f" {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, _Plain):
        return str(value)
    if isinstance(value, str):
        return '"' + _ESCAPED.sub(_escape, value) + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, Mapping) else "[]"


def _escape(match: re.Match[str]) -> str:
    """By number: yaml-cpp turns YAML's names for some characters (`\\N`) into bytes that are no UTF-8."""
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"  # no character, and not to be had in UTF-8
    return _SHORT.get(character, f"\\u{ord(character):04x}")
