"""Writing a bag: a folder with one MCAP file and metadata.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any

from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._message_definitions import LocalMessageDefinitionSource
from rosbag2_py._metadata import BagMetadata, FileInformation, MetadataIo, TopicInformation, _dump
from rosbag2_py._qos import qos_to_yaml
from rosbag2_py._refusal import refuse
from rosbag2_py._storage import ConverterOptions, StorageOptions, TopicMetadata


def get_registered_writers() -> set[str]:
    """Storage ids that can be written."""
    return {"mcap"}


def get_registered_compressors() -> set[str]:
    """Compressors of files or messages: none; MCAP compresses chunks (storage_preset_profile 'zstd_fast')."""
    return set()


def get_registered_serializers() -> set[str]:
    """Serialisation formats that can be written."""
    return {"cdr"}


def open_mcap(stream: IO[Any], preset: str = "") -> McapWriter:
    """A started MCAP writer with rosbag2's profile."""
    compression = CompressionType.ZSTD if preset == "zstd_fast" else CompressionType.NONE
    writer = McapWriter(stream, compression=compression, use_chunking=preset != "fastwrite")
    writer.start(profile="ros2", library="rosbag2_py stand-in")
    return writer


class SequentialWriter:
    """Writes serialised messages into a new bag; close() completes it, at the latest the object's death."""

    def __init__(self) -> None:
        self._writer: McapWriter | None = None

    def open(self, storage_options: StorageOptions, converter_options: ConverterOptions) -> None:
        """Make the bag's folder and file.

        Raises:
            RuntimeError: The folder exists already or cannot be written.
        """
        storage_options.refuse_unknown()
        converter_options.refuse_unknown()
        for name in ("max_bagfile_size", "storage_config_uri"):
            if getattr(storage_options, name):
                raise refuse(f"StorageOptions.{name}")
        self._folder = Path(os.path.abspath(storage_options.uri))
        self._path = self._folder / f"{self._folder.name}_0.mcap"
        self._topics: dict[str, TopicInformation] = {}
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns = 0
        self._last_ns = 0
        self._custom_data = dict(storage_options.custom_data)
        try:
            self._folder.mkdir(parents=True)
            self._stream = self._path.open("xb")
        except FileExistsError:
            raise RuntimeError(f"Bag directory already exists ({self._folder}), can't overwrite existing bag") from None
        except OSError as error:
            raise RuntimeError(f"Failed to create bag directory ({self._folder}): {error.strerror}") from error
        self._writer = open_mcap(self._stream, storage_options.storage_preset_profile)
        self._describe(self._writer)

    def create_topic(self, topic_with_type: TopicMetadata) -> None:
        """Declare a topic; a second declaration of the same topic does nothing."""
        writer, topic = self._opened(), topic_with_type
        if topic.name in self._topics:
            return
        if topic.serialization_format not in ("", "cdr"):
            raise refuse(f"serialization format '{topic.serialization_format}'")
        if topic.type not in self._schemas:
            definition = LocalMessageDefinitionSource().get_full_text(topic.type)
            text = definition.encoded_message_definition.encode()
            self._schemas[topic.type] = writer.register_schema(topic.type, definition.encoding, text)
        profiles = _dump([qos_to_yaml(qos) for qos in topic.offered_qos_profiles])
        metadata = {"offered_qos_profiles": profiles, "topic_type_hash": topic.type_description_hash}
        self._channels[topic.name] = writer.register_channel(topic.name, "cdr", self._schemas[topic.type], metadata)
        self._topics[topic.name] = TopicInformation(topic, 0)

    def remove_topic(self, topic_with_type: TopicMetadata) -> None:
        """Take back a declaration."""
        raise refuse("SequentialWriter.remove_topic")

    def write(self, topic_name: str, message: bytes, time_stamp: int) -> None:
        """Append one serialised message.

        Args:
            topic_name: a declared topic.
            message: the message in CDR.
            time_stamp: time of reception [ns].

        Raises:
            RuntimeError: The topic was not declared, or the disk is full.
        """
        writer, topic = self._opened(), self._topics.get(topic_name)
        if topic is None:
            raise RuntimeError(f"Failed to write on topic '{topic_name}'. Call create_topic() before first write.")
        try:
            writer.add_message(self._channels[topic_name], time_stamp, message, time_stamp)
        except OSError as error:
            raise RuntimeError(f"Failed to write to {self._path}: {error.strerror}") from error
        topic.message_count += 1
        self._first_ns = min(self._first_ns or time_stamp, time_stamp)
        self._last_ns = max(self._last_ns, time_stamp)

    def split_bagfile(self) -> None:
        """Go on in a new file."""
        raise refuse("SequentialWriter.split_bagfile")

    def take_snapshot(self) -> bool:
        """Write the messages in the cache."""
        raise refuse("SequentialWriter.take_snapshot")

    def close(self) -> None:
        """Finish the file and write metadata.yaml. A second call does nothing."""
        writer = self._writer
        self._writer = None
        if writer is None:
            return
        try:
            metadata = self._describe(writer)
            writer.finish()
            self._stream.close()
            MetadataIo().write_metadata(str(self._folder), metadata)
        except OSError as error:
            raise RuntimeError(f"Failed to close bag {self._folder}: {error.strerror}") from error

    def __del__(self) -> None:
        self.close()

    def _opened(self) -> McapWriter:
        if self._writer is None:
            raise RuntimeError("Bag is not open. Call open() before writing.")
        return self._writer

    def _describe(self, writer: McapWriter) -> BagMetadata:
        """What is known of the bag, added to the file as a record."""
        count = sum(topic.message_count for topic in self._topics.values())
        start, duration = Time(nanoseconds=self._first_ns), Duration(nanoseconds=self._last_ns - self._first_ns)
        metadata = BagMetadata(
            storage_identifier="mcap",
            relative_file_paths=[self._path.name],
            files=[FileInformation(self._path.name, start, duration, count)],
            duration=duration,
            starting_time=start,
            message_count=count,
            topics_with_message_count=list(self._topics.values()),
            custom_data=self._custom_data,
            ros_distro=os.environ.get("ROS_DISTRO", "jazzy"),
        )
        writer.add_metadata("rosbag2", {"serialized_metadata": MetadataIo().serialize_metadata(metadata)})
        return metadata
