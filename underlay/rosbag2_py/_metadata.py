"""What metadata.yaml says about a bag, and reading and writing it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._qos import qos_to_yaml, to_rclcpp_qos_vector
from rosbag2_py._shown import shown
from rosbag2_py._storage import TopicMetadata

VERSION = 9
_FILE_NAME = "metadata.yaml"
_ROOT = "rosbag2_bagfile_information"
# As yaml-cpp reads it: every scalar is text, letter by letter. libyaml's is ten times quicker, and not everywhere.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass
class TopicInformation:
    """A topic and how many messages of it the bag holds."""

    topic_metadata: TopicMetadata
    message_count: int


@dataclass
class FileInformation:
    """One file of a bag."""

    path: str
    starting_time: Time
    duration: Duration
    message_count: int


@dataclass
class BagMetadata:
    """A bag's description. `bag_size` [bytes] is not stored but measured."""

    version: int = VERSION
    bag_size: int = 0
    storage_identifier: str = ""
    relative_file_paths: list[str] = field(default_factory=list)
    files: list[FileInformation] = field(default_factory=list)
    duration: Duration = field(default_factory=Duration)
    starting_time: Time = field(default_factory=Time)
    message_count: int = 0
    topics_with_message_count: list[TopicInformation] = field(default_factory=list)
    compression_format: str = ""
    compression_mode: str = ""
    custom_data: dict[str, str] = field(default_factory=dict)
    ros_distro: str = ""

    def __str__(self) -> str:
        return shown(self)


def span(files: list[FileInformation]) -> tuple[Time, Duration]:
    """Start and duration of files together; those without messages do not count."""
    told = [file for file in files if file.message_count]
    starts = [file.starting_time.nanoseconds for file in told]
    stops = [file.starting_time.nanoseconds + file.duration.nanoseconds for file in told]
    start = min(starts, default=0)
    return Time(nanoseconds=start), Duration(nanoseconds=max(stops, default=0) - start)


class MetadataIo:
    """Reads and writes metadata.yaml in a bag's folder."""

    def write_metadata(self, uri: str, metadata: BagMetadata) -> None:
        """Write metadata.yaml; a reader sees the old file or the new one, never half of it."""
        path = Path(uri) / _FILE_NAME
        temporary = path.with_suffix(".yaml.tmp")
        temporary.write_text(_dump({_ROOT: _encode(metadata)}), encoding="utf-8")
        os.replace(temporary, path)

    def read_metadata(self, uri: str) -> BagMetadata:
        """Read metadata.yaml.

        Raises:
            RuntimeError: It is missing or is not rosbag2's.
        """
        path = Path(uri) / _FILE_NAME
        try:
            metadata = _decode(yaml.load(path.read_text(encoding="utf-8"), _Loader)[_ROOT])
        except OSError as error:
            raise RuntimeError(
                f"Could not read {path}: {error.strerror}; `ros2 bag reindex {uri}` makes it anew"
            ) from error
        except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise RuntimeError(
                f"Exception on parsing info file {path}: {reason}; `ros2 bag reindex {uri}` makes it anew"
            ) from error
        sizes = (Path(uri) / name for name in metadata.relative_file_paths)
        metadata.bag_size = sum(file.stat().st_size for file in sizes if file.exists())
        return metadata

    def metadata_file_exists(self, uri: str) -> bool:
        """Whether the folder has a metadata.yaml."""
        return (Path(uri) / _FILE_NAME).is_file()

    def serialize_metadata(self, metadata: BagMetadata) -> str:
        """Metadata as YAML text."""
        return _dump(_encode(metadata))

    def deserialize_metadata(self, serialized: str) -> BagMetadata:
        """Metadata from YAML text."""
        return _decode(yaml.load(serialized, _Loader))


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # yaml-cpp reads anchors, people do not


def _dump(tree: dict[str, Any]) -> str:
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**20)


def _encode_topic(info: TopicInformation) -> dict[str, Any]:
    topic = info.topic_metadata
    fields = {
        "name": topic.name,
        "type": topic.type,
        "serialization_format": topic.serialization_format,
        "offered_qos_profiles": [qos_to_yaml(qos) for qos in topic.offered_qos_profiles],
        "type_description_hash": topic.type_description_hash,
    }
    return {"topic_metadata": fields, "message_count": info.message_count}


def _encode(metadata: BagMetadata) -> dict[str, Any]:
    files = [
        {
            "path": file.path,
            "starting_time": {"nanoseconds_since_epoch": file.starting_time.nanoseconds},
            "duration": {"nanoseconds": file.duration.nanoseconds},
            "message_count": file.message_count,
        }
        for file in metadata.files
    ]
    return {
        "version": metadata.version,
        "storage_identifier": metadata.storage_identifier,
        "duration": {"nanoseconds": metadata.duration.nanoseconds},
        "starting_time": {"nanoseconds_since_epoch": metadata.starting_time.nanoseconds},
        "message_count": metadata.message_count,
        "topics_with_message_count": [_encode_topic(info) for info in metadata.topics_with_message_count],
        "compression_format": metadata.compression_format,
        "compression_mode": metadata.compression_mode,
        "relative_file_paths": list(metadata.relative_file_paths),
        "files": files,
        "custom_data": dict(metadata.custom_data) or None,
        "ros_distro": metadata.ros_distro,
    }


def _decode_topic(index: int, tree: dict[str, Any], version: int) -> TopicInformation:
    fields = tree["topic_metadata"]
    profiles = to_rclcpp_qos_vector(fields.get("offered_qos_profiles", ""), version)
    topic = TopicMetadata(
        index,
        fields["name"],
        fields["type"],
        fields["serialization_format"],
        profiles,
        fields.get("type_description_hash", ""),
    )
    return TopicInformation(topic, int(tree["message_count"]))


def _filled(tree: Any, kind: type) -> Any:
    """A list or mapping; an empty one of what stands for nothing ("~", "null", nothing at all)."""
    return tree if isinstance(tree, kind) else kind()


def _decode(tree: dict[str, Any]) -> BagMetadata:
    version = int(tree["version"])
    topics = enumerate(_filled(tree["topics_with_message_count"], list), start=1)
    return BagMetadata(
        version=version,
        storage_identifier=tree["storage_identifier"],
        relative_file_paths=_filled(tree["relative_file_paths"], list),
        files=[
            FileInformation(
                file["path"],
                Time(nanoseconds=int(file["starting_time"]["nanoseconds_since_epoch"])),
                Duration(nanoseconds=int(file["duration"]["nanoseconds"])),
                int(file["message_count"]),
            )
            for file in _filled(tree.get("files"), list)
        ],
        duration=Duration(nanoseconds=int(tree["duration"]["nanoseconds"])),
        starting_time=Time(nanoseconds=int(tree["starting_time"]["nanoseconds_since_epoch"])),
        message_count=int(tree["message_count"]),
        topics_with_message_count=[_decode_topic(index, topic, version) for index, topic in topics],
        compression_format=tree.get("compression_format", ""),
        compression_mode=tree.get("compression_mode", ""),
        custom_data=dict(_filled(tree.get("custom_data"), dict)),
        ros_distro=tree.get("ros_distro", ""),
    )
