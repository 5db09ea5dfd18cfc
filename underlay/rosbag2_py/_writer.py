"""Writing a bag: a folder with MCAP files and metadata.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from rosbag2_py._file_writer import FileWriter, StorageConfig
from rosbag2_py._metadata import BagMetadata, FileInformation, MetadataIo, TopicInformation, span
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


class SequentialWriter:
    """Writes serialised messages into a new bag; close() completes it, at the latest the object's death."""

    def __init__(self) -> None:
        self._file: FileWriter | None = None

    def open(self, storage_options: StorageOptions, converter_options: ConverterOptions) -> None:
        """Make the bag's folder and first file.

        Raises:
            RuntimeError: The folder exists already or cannot be written.
        """
        storage_options.refuse_unknown()
        converter_options.refuse_unknown()
        self._folder = Path(os.path.abspath(storage_options.uri))
        self._config = StorageConfig.of(storage_options)
        self._max_file_bytes = storage_options.max_bagfile_size
        self._topics: dict[str, TopicInformation] = {}
        self._finished: list[FileInformation] = []
        self._custom_data = dict(storage_options.custom_data)
        self._make_folder()
        try:
            self._file = self._next_file()
        except RuntimeError:
            self._folder.rmdir()
            raise

    def create_topic(self, topic_with_type: TopicMetadata) -> None:
        """Declare a topic; a second declaration of the same topic does nothing."""
        file, topic = self._opened(), topic_with_type
        if topic.name in self._topics:
            return
        if topic.serialization_format not in ("", "cdr"):
            raise refuse(f"serialization format '{topic.serialization_format}'")
        file.declare(topic)
        self._topics[topic.name] = TopicInformation(topic, 0)

    def remove_topic(self, topic_with_type: TopicMetadata) -> None:
        """Take back a declaration."""
        raise refuse("SequentialWriter.remove_topic")

    def write(self, topic_name: str, message: bytes, time_stamp: int) -> None:
        """Append one serialised message; where a file's size is limited, to a new file when it is reached.

        Args:
            topic_name: a declared topic.
            message: the message in CDR.
            time_stamp: time of reception [ns].

        Raises:
            RuntimeError: The topic was not declared, or the disk is full; close() then still ends the bag in order.
        """
        file = self._opened()
        topic = self._topics.get(topic_name)
        if topic is None:
            raise RuntimeError(f"Failed to write on topic '{topic_name}'. Call create_topic() before first write.")
        if 0 < self._max_file_bytes <= file.size and file.error is None:
            self.split_bagfile()
        try:
            self._opened().write(topic_name, message, time_stamp, topic.message_count + 1)
        except OSError as error:
            raise RuntimeError(
                f"Message on topic '{topic_name}' failed to write to {self._folder}: {error.strerror}. It will be lost."
            ) from error
        topic.message_count += 1

    def split_bagfile(self) -> None:
        """Go on in a new file.

        Raises:
            RuntimeError: The disk is full; the bag goes on in the file it has.
        """
        file, after = self._opened(), self._next_file()
        self._file = after
        self._finish(file)

    def close(self) -> None:
        """Finish the file and write metadata.yaml. A second call does nothing."""
        file, self._file = self._file, None
        if file is None:
            return
        self._finish(file)
        try:
            MetadataIo().write_metadata(str(self._folder), self._metadata(self._finished))
        except OSError as error:
            raise RuntimeError(f"Failed to close bag {self._folder}: {error.strerror}") from error

    def take_snapshot(self) -> bool:
        """Write the messages in the cache."""
        raise refuse("SequentialWriter.take_snapshot")

    def __del__(self) -> None:
        self.close()

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True)
        except FileExistsError:
            raise RuntimeError(f"Bag directory already exists ({self._folder}), can't overwrite existing bag") from None
        except OSError as error:
            raise RuntimeError(f"Failed to create bag directory ({self._folder}): {error.strerror}") from error

    def _next_file(self) -> FileWriter:
        number = len(self._finished) + (self._file is not None)
        try:
            file = FileWriter(self._folder / f"{self._folder.name}_{number}.mcap", self._config)
            for topic in self._topics.values():
                file.declare(topic.topic_metadata)
            # What is known now survives a crash.
            file.describe(MetadataIo().serialize_metadata(self._metadata([file.information])))
            return file
        except OSError as error:
            raise RuntimeError(f"Failed to create a file in {self._folder}: {error.strerror}") from error

    def _finish(self, file: FileWriter) -> None:
        try:
            file.finish(MetadataIo().serialize_metadata(self._metadata([*self._finished, file.information])))
        except OSError as error:
            raise RuntimeError(f"Failed to close bag {self._folder}: {error.strerror}") from error
        self._finished.append(file.information)

    def _opened(self) -> FileWriter:
        if self._file is None:
            raise RuntimeError("Bag is not open. Call open() before writing.")
        return self._file

    def _metadata(self, files: list[FileInformation]) -> BagMetadata:
        start, duration = span(files)
        return BagMetadata(
            storage_identifier="mcap",
            relative_file_paths=[file.path for file in files],
            files=files,
            duration=duration,
            starting_time=start,
            message_count=sum(file.message_count for file in files),
            topics_with_message_count=list(self._topics.values()),
            custom_data=self._custom_data,
            ros_distro=os.environ.get("ROS_DISTRO", "jazzy"),
        )
