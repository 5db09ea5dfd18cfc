"""One MCAP file of a bag, while it is written."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from mcap.writer import CompressionType
from mcap.writer import Writer as McapWriter
from rclpy.duration import Duration
from rclpy.time import Time

from rosbag2_py._message_definitions import LocalMessageDefinitionSource
from rosbag2_py._metadata import FileInformation, _dump
from rosbag2_py._qos import qos_to_yaml
from rosbag2_py._refusal import refuse
from rosbag2_py._sink import FileSink
from rosbag2_py._storage import StorageOptions, TopicMetadata

# What a killed process loses: 2 of 1,984 messages with this chunk size, 15 with 1 MiB.
CHUNK_BYTES = 256 << 10
CHUNK_S = 0.5  # slow streams must not stay in memory for long: a chunk ends after this, at the next message
_COMPRESSIONS = {"None": CompressionType.NONE, "Lz4": CompressionType.LZ4, "Zstd": CompressionType.ZSTD}


@dataclass(frozen=True)
class StorageConfig:
    """How MCAP stores messages: what the preset says, and over it the file `storage_config_uri`."""

    compression: CompressionType = CompressionType.NONE
    chunk_bytes: int = CHUNK_BYTES
    chunking: bool = True

    @classmethod
    def of(cls, options: StorageOptions) -> StorageConfig:
        """Of storage options.

        Raises:
            RuntimeError: The configuration file cannot be read.
        """
        preset = options.storage_preset_profile
        compression = CompressionType.ZSTD if preset == "zstd_fast" else CompressionType.NONE
        if not options.storage_config_uri:
            return cls(compression, chunking=preset != "fastwrite")
        try:
            values = dict(yaml.safe_load(Path(options.storage_config_uri).read_text()))
            compression = _COMPRESSIONS[values.pop("compression", "None")]
            chunk_bytes = int(values.pop("chunkSize", CHUNK_BYTES))
        except (OSError, yaml.YAMLError, TypeError, ValueError, KeyError) as error:
            raise RuntimeError(f"storage_config_uri {options.storage_config_uri}: {error!r}") from error
        if values:
            raise refuse(f"{', '.join(values)} in storage_config_uri (this one has 'compression' and 'chunkSize')")
        return cls(compression, chunk_bytes)


def open_mcap(sink: FileSink, config: StorageConfig) -> McapWriter:
    """A started MCAP writer with rosbag2's profile."""
    writer = McapWriter(sink, config.chunk_bytes, config.compression, use_chunking=config.chunking)  # type: ignore[arg-type]
    writer.start(profile="ros2", library="rosbag2_py stand-in")
    return writer


class FileWriter:
    """Topics and messages into one file; `error` says when the disk was full."""

    def __init__(self, path: Path, config: StorageConfig) -> None:
        self._path = path
        self._sink = FileSink(path)
        self._writer = open_mcap(self._sink, config)
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._first_ns, self._last_ns, self._count = 2**63 - 1, 0, 0
        self._flushed_s = time.monotonic()

    @property
    def error(self) -> OSError | None:
        """Why nothing more can be written."""
        return self._sink.error

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._sink.tell()

    @property
    def information(self) -> FileInformation:
        """What metadata.yaml says about the file."""
        start = Time(nanoseconds=self._first_ns if self._count else 0)
        duration = Duration(nanoseconds=self._last_ns - self._first_ns if self._count else 0)
        return FileInformation(self._path.name, start, duration, self._count)

    def declare(self, topic: TopicMetadata) -> None:
        """Add a topic, with the definition of its type."""
        definition = LocalMessageDefinitionSource().get_full_text(topic.type)
        topic.type_description_hash = topic.type_description_hash or definition.type_hash
        if topic.type not in self._schemas:
            text = definition.encoded_message_definition.encode()
            self._schemas[topic.type] = self._writer.register_schema(topic.type, definition.encoding, text)
        profiles = _dump([qos_to_yaml(qos) for qos in topic.offered_qos_profiles]) if topic.offered_qos_profiles else ""
        metadata = {"offered_qos_profiles": profiles, "topic_type_hash": topic.type_description_hash}
        schema = self._schemas[topic.type]
        self._channels[topic.name] = self._writer.register_channel(topic.name, "cdr", schema, metadata)

    def describe(self, serialized_metadata: str) -> None:
        """Add the bag's metadata as a record, so that the file can be read alone."""
        self._writer.add_metadata("rosbag2", {"serialized_metadata": serialized_metadata})

    def write(self, topic: str, message: bytes, stamp_ns: int, sequence: int) -> None:
        """Append a message.

        Raises:
            OSError: The disk is full.
        """
        if self._sink.error is not None:
            raise self._sink.error
        self._writer.add_message(self._channels[topic], stamp_ns, message, stamp_ns, sequence)
        self._count += 1
        self._first_ns, self._last_ns = min(self._first_ns, stamp_ns), max(self._last_ns, stamp_ns)
        if time.monotonic() - self._flushed_s >= CHUNK_S:
            self._writer.flush()
            self._flushed_s = time.monotonic()

    def finish(self, serialized_metadata: str) -> None:
        """Write the file's end and close it.

        Raises:
            OSError: The disk is full.
        """
        try:
            self.describe(serialized_metadata)
            self._writer.finish()
        finally:
            self._sink.close()
