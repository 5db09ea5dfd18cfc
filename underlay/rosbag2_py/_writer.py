"""Writing a bag: a folder with one MCAP file and metadata.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._message_definitions import LocalMessageDefinitionSource
from rosbag2_py._metadata import BagMetadata, FileInformation, MetadataIo, TopicInformation, _dump
from rosbag2_py._qos import qos_to_yaml
from rosbag2_py._refusal import refuse
from rosbag2_py._sink import FileSink
from rosbag2_py._storage import ConverterOptions, StorageOptions, TopicMetadata

# What a killed process loses: 2 of 1,984 messages with this chunk size, 15 with 1 MiB.
CHUNK_BYTES = 256 << 10


def get_registered_writers() -> set[str]:
    """Storage ids that can be written."""
    return {"mcap"}


def get_registered_compressors() -> set[str]:
    """Compressors of files or messages: none; MCAP compresses chunks (storage_preset_profile 'zstd_fast')."""
    return set()


def get_registered_serializers() -> set[str]:
    """Serialisation formats that can be written."""
    return {"cdr"}


def open_mcap(sink: FileSink, preset: str) -> McapWriter:
    """A started MCAP writer with rosbag2's profile and options."""
    compression = CompressionType.ZSTD if preset == "zstd_fast" else CompressionType.NONE
    writer = McapWriter(sink, CHUNK_BYTES, compression, use_chunking=preset != "fastwrite")  # type: ignore[arg-type]
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
        self._folder = Path(os.path.abspath(storage_options.uri))
        self._sink = self._create()
        self._topics: dict[str, TopicInformation] = {}
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns, self._last_ns = 2**63 - 1, 0
        self._custom_data = dict(storage_options.custom_data)
        self._writer = open_mcap(self._sink, storage_options.storage_preset_profile)
        self._write_metadata_record()  # what is known now survives a crash

    def create_topic(self, topic_with_type: TopicMetadata) -> None:
        """Declare a topic; a second declaration of the same topic does nothing."""
        writer = self._opened()
        topic = topic_with_type
        if topic.name in self._topics:
            return
        if topic.serialization_format not in ("", "cdr"):
            raise refuse(f"serialization format '{topic.serialization_format}'")
        definition = LocalMessageDefinitionSource().get_full_text(topic.type)
        topic.type_description_hash = topic.type_description_hash or definition.type_hash
        if topic.type not in self._schemas:
            text = definition.encoded_message_definition.encode()
            self._schemas[topic.type] = writer.register_schema(topic.type, definition.encoding, text)
        profiles = _dump([qos_to_yaml(qos) for qos in topic.offered_qos_profiles]) if topic.offered_qos_profiles else ""
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
            RuntimeError: The topic was not declared, or the disk is full; close() then still ends the bag in order.
        """
        writer = self._opened()
        topic = self._topics.get(topic_name)
        if topic is None:
            raise RuntimeError(f"Failed to write on topic '{topic_name}'. Call create_topic() before first write.")
        if self._sink.error is not None:
            raise self._lost(topic_name, self._sink.error)
        try:
            writer.add_message(self._channels[topic_name], time_stamp, message, time_stamp, topic.message_count + 1)
        except OSError as error:
            raise self._lost(topic_name, error) from error
        topic.message_count += 1
        self._first_ns, self._last_ns = min(self._first_ns, time_stamp), max(self._last_ns, time_stamp)

    def _lost(self, topic: str, error: OSError) -> RuntimeError:
        return RuntimeError(
            f"Message on topic '{topic}' failed to write to {self._folder}: {error.strerror}. It will be lost."
        )

    def close(self) -> None:
        """Finish the MCAP file and write metadata.yaml. A second call does nothing."""
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            self._write_metadata_record(writer)
            writer.finish()
            MetadataIo().write_metadata(str(self._folder), self._metadata())
        except OSError as error:
            raise RuntimeError(f"Failed to close bag {self._folder}: {error.strerror}") from error
        finally:
            self._sink.close()

    def take_snapshot(self) -> bool:
        """Write the messages in the cache."""
        raise refuse("SequentialWriter.take_snapshot")

    def split_bagfile(self) -> None:
        """Go on in a new file."""
        raise refuse("SequentialWriter.split_bagfile")

    def __del__(self) -> None:
        self.close()

    def _create(self) -> FileSink:
        try:
            self._folder.mkdir(parents=True)
        except FileExistsError:
            raise RuntimeError(f"Bag directory already exists ({self._folder}), can't overwrite existing bag") from None
        except OSError as error:
            raise RuntimeError(f"Failed to create bag directory ({self._folder}): {error.strerror}") from error
        try:
            return FileSink(self._folder / f"{self._folder.name}_0.mcap")
        except OSError as error:
            self._folder.rmdir()
            raise RuntimeError(f"Failed to create a file in {self._folder}: {error.strerror}") from error

    def _opened(self) -> McapWriter:
        if self._writer is None:
            raise RuntimeError("Bag is not open. Call open() before writing.")
        return self._writer

    def _write_metadata_record(self, writer: McapWriter | None = None) -> None:
        serialized = MetadataIo().serialize_metadata(self._metadata())
        (writer or self._opened()).add_metadata("rosbag2", {"serialized_metadata": serialized})

    def _metadata(self) -> BagMetadata:
        count = sum(topic.message_count for topic in self._topics.values())
        start = Time(nanoseconds=self._first_ns if count else 0)
        duration = Duration(nanoseconds=self._last_ns - self._first_ns if count else 0)
        file = FileInformation(f"{self._folder.name}_0.mcap", start, duration, count)
        return BagMetadata(
            storage_identifier="mcap",
            relative_file_paths=[file.path],
            files=[file],
            duration=duration,
            starting_time=start,
            message_count=count,
            topics_with_message_count=list(self._topics.values()),
            custom_data=self._custom_data,
            ros_distro=os.environ.get("ROS_DISTRO", "jazzy"),
        )
