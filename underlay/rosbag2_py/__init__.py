"""Stand-in for rosbag2_py: bags as MCAP files with rosbag2's metadata.yaml (version 9, as Jazzy writes it)."""

from rosbag2_py._info import Info
from rosbag2_py._message_definitions import LocalMessageDefinitionSource
from rosbag2_py._metadata import (
    BagMetadata,
    FileInformation,
    MetadataIo,
    TopicInformation,
)
from rosbag2_py._reader import SequentialReader, get_registered_readers
from rosbag2_py._reindexer import Reindexer
from rosbag2_py._storage import (
    ConverterOptions,
    MessageDefinition,
    StorageFilter,
    StorageOptions,
    TopicMetadata,
    convert_rclcpp_qos_to_rclpy_qos,
    get_default_storage_id,
    to_rclcpp_qos_vector,
)
from rosbag2_py._writer import (
    SequentialWriter,
    get_registered_compressors,
    get_registered_serializers,
    get_registered_writers,
)

__all__ = [
    "BagMetadata",
    "ConverterOptions",
    "FileInformation",
    "Info",
    "LocalMessageDefinitionSource",
    "MessageDefinition",
    "MetadataIo",
    "Reindexer",
    "SequentialReader",
    "SequentialWriter",
    "StorageFilter",
    "StorageOptions",
    "TopicInformation",
    "TopicMetadata",
    "convert_rclcpp_qos_to_rclpy_qos",
    "get_default_storage_id",
    "get_registered_compressors",
    "get_registered_readers",
    "get_registered_serializers",
    "get_registered_writers",
    "to_rclcpp_qos_vector",
]

_OFFICIAL_ONLY = {
    "CompressionMode", "CompressionOptions", "PlayOptions", "Player", "ReadOrder", "ReadOrderSortBy", "RecordOptions",
    "Recorder",
    "SequentialCompressionReader", "SequentialCompressionWriter", "ServiceRequestsSource", "bag_rewrite",
    "compression_mode_from_string", "compression_mode_to_string",
}  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _OFFICIAL_ONLY:
        raise ImportError(
            f"rosbag2_py.{name} is not in this stand-in; it needs the official package"
            " (apt install ros-jazzy-rosbag2-py)"
        )
    raise AttributeError(f"module 'rosbag2_py' has no attribute '{name}'")
