"""What `ros2 bag info` shows."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rosbag2_py._metadata import BagMetadata


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


def shown(metadata: BagMetadata) -> str:
    """A bag's metadata as `ros2 bag info` prints it."""
    start = metadata.starting_time.nanoseconds
    duration = metadata.duration.nanoseconds
    topics = [
        f"Topic: {info.topic_metadata.name} | Type: {info.topic_metadata.type} | Count: {info.message_count}"
        f" | Serialization Format: {info.topic_metadata.serialization_format}"
        for info in metadata.topics_with_message_count
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
        "Service": "0",
        "Service information": "",
    }
    return "\n" + "\n".join(f"{name + ':':<18} {value}" for name, value in rows.items()) + "\n"
