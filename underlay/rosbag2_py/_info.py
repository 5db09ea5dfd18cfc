"""What `ros2 bag info` shows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rosbag2_py._mcap_file import metadata_of
from rosbag2_py._metadata import BagMetadata, MetadataIo
from rosbag2_py._refusal import refuse

_SORT_KEYS = {
    "name": lambda info: info.topic_metadata.name,
    "type": lambda info: info.topic_metadata.type,
    "count": lambda info: info.message_count,
}


class Info:
    """Reads and prints a bag's metadata."""

    def read_metadata(self, uri: str, storage_id: str = "") -> BagMetadata:
        """Metadata of a bag: a folder, or one .mcap file."""
        if storage_id not in ("", "mcap"):
            raise refuse(f"storage_id '{storage_id}' (this one has 'mcap')")
        return metadata_of(Path(uri)) if Path(uri).is_file() else MetadataIo().read_metadata(uri)

    def get_sorting_methods(self) -> set[str]:
        """How topics can be sorted."""
        return set(_SORT_KEYS)

    def print_output(self, metadata_info: BagMetadata, sorting_method: str = "name") -> None:
        """Print the metadata."""
        print(_format(metadata_info, sorting_method))

    def print_output_topic_name_only(self, metadata_info: BagMetadata, sorting_method: str = "name") -> None:
        """Print the topics' names."""
        for info in sorted(metadata_info.topics_with_message_count, key=_SORT_KEYS[sorting_method]):
            print(info.topic_metadata.name)


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def _date(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 10**9):%b %e %Y %H:%M:%S}.{ns % 10**9:09d} ({_seconds(ns)})"


def _format(metadata: BagMetadata, sorting_method: str) -> str:
    start, duration = metadata.starting_time.nanoseconds, metadata.duration.nanoseconds
    topics = [
        f"Topic: {info.topic_metadata.name} | Type: {info.topic_metadata.type} | Count: {info.message_count}"
        f" | Serialization Format: {info.topic_metadata.serialization_format}"
        for info in sorted(metadata.topics_with_message_count, key=_SORT_KEYS[sorting_method])
    ]
    below = "\n" + " " * 19
    rows = {
        "Files": below.join(metadata.relative_file_paths),
        "Bag size": _size(metadata.bag_size),
        "Storage id": metadata.storage_identifier,
        "ROS Distro": metadata.ros_distro or "unknown",
        "Duration": _seconds(duration) + "s",
        "Start": _date(start),
        "End": _date(start + duration),
        "Messages": str(metadata.message_count),
        "Topic information": below.join(topics),
    }
    return "\n" + "\n".join(f"{name + ':':<18} {value}" for name, value in rows.items()) + "\n"
