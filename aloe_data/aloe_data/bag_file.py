"""Writing a bag: a folder with MCAP files and metadata.yaml, as rosbag2 lays them out.

rosbag2's own writer buffers: a killed process loses seconds of small messages, all of them in a short episode. This one
is MCAP's library on an unbuffered file, with chunks that the caller ends by `sync`, and with checksums of every chunk
and of everything between the chunks: no damage goes unseen.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from mcap.writer import CompressionType, Writer

from aloe_data.bag_metadata import FILE_NAME, ROOT, BagTopic, FileFacts, bag_information, to_yaml
from aloe_data.durable import replacing
from aloe_data.recording import RecordingError
from aloe_data.reserved_file import ReservedFile

# What a killed process loses of a fast stream: 2 of 1,984 messages with this chunk size, 15 with 1 MiB.
CHUNK_BYTES = 256 << 10
COMPRESSIONS = {"none": CompressionType.NONE, "lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}


def start_mcap(stream: IO[Any] | ReservedFile, compression: str = "none") -> Writer:
    """A started MCAP writer with rosbag2's profile and all checksums.

    Args:
        stream: File to write, at its beginning.
        compression: Compression of the chunks, one of COMPRESSIONS.
    """
    kind = COMPRESSIONS[compression]
    writer = Writer(stream, CHUNK_BYTES, kind, enable_crcs=True, enable_data_crcs=True)  # type: ignore[arg-type]
    writer.start(profile="ros2", library="aloe_data")
    return writer


class _BagFile:
    """One file of a bag while it is written."""

    def __init__(self, path: Path, topics: Sequence[BagTopic], compression: str) -> None:
        self.facts = FileFacts(path.name)
        self.sink = ReservedFile(path)
        self._writer = start_mcap(self.sink, compression)
        self._schemas: dict[str, int] = {}
        self._channels = {topic.name: self._declare(topic) for topic in topics}

    def _declare(self, topic: BagTopic) -> int:
        if topic.type not in self._schemas:
            definition = topic.definition.encode()
            self._schemas[topic.type] = self._writer.register_schema(topic.type, topic.encoding, definition)
        profiles = to_yaml(topic.profiles) if topic.profiles else ""
        metadata = {"offered_qos_profiles": profiles, "topic_type_hash": topic.type_hash}
        return self._writer.register_channel(topic.name, "cdr", self._schemas[topic.type], metadata)

    def describe(self, information: Mapping[str, Any]) -> None:
        """Add the bag's metadata as a record, so that the file can be read alone; it is written at once."""
        self._writer.add_metadata("rosbag2", {"serialized_metadata": to_yaml(information)})

    def write(self, topic: str, message: bytes, stamp_ns: int) -> None:
        """Append a message.

        Raises:
            OSError: The disk is full.
        """
        if self.sink.error is not None:
            raise self.sink.error
        self._writer.add_message(self._channels[topic], stamp_ns, message, stamp_ns)
        self.facts.add(topic, stamp_ns)

    def sync(self) -> None:
        """End the chunk, and bring it to the disk."""
        self._writer.flush()
        self.sink.sync()

    def finish(self, information: Mapping[str, Any]) -> None:
        """Write the file's end and close it."""
        try:
            self.describe(information)
            self._writer.finish()
        finally:
            self.sink.close()


class BagWriter:
    """Writes serialised messages into a new bag.

    What is written reaches the file when a chunk is full and at the latest with `sync`; custom data are in the file
    when the constructor returns.

    Args:
        folder: Folder of the bag, which must not exist.
        topics: All topics of the bag.
        custom_data: What is known at the start, text by key.
        compression: Compression of the chunks, one of COMPRESSIONS.
        split_bytes: Size of a file at which the bag goes on in a new one; 0: never.
        ros_distro: Name of the ROS distribution that records.

    Raises:
        RecordingError: The bag cannot be made.
    """

    def __init__(
        self,
        folder: Path,
        topics: Sequence[BagTopic],
        custom_data: Mapping[str, str],
        compression: str = "none",
        split_bytes: int = 0,
        ros_distro: str = "jazzy",
    ) -> None:
        self._folder = folder.absolute()
        self._topics = topics
        self._names = {topic.name for topic in topics}
        self._custom_data = custom_data
        self._compression = compression
        self._split_bytes = split_bytes
        self._ros_distro = ros_distro
        self._finished: list[FileFacts] = []
        with self._failing():
            self._folder.mkdir(parents=True)
        try:
            self._file: _BagFile | None = self._next_file(0)
        except RecordingError:
            for file in self._folder.iterdir():
                file.unlink()
            self._folder.rmdir()
            raise

    def write(self, topic: str, message: bytes, stamp_ns: int) -> None:
        """Append a serialised message, to a new file when this one has its size.

        Args:
            topic: Name of one of the bag's topics.
            message: The message in CDR.
            stamp_ns: Time of reception [ns].

        Raises:
            RecordingError: No such topic, or the disk is full; `close` then still ends the bag in order.
        """
        file = self._opened()
        if topic not in self._names:
            raise RecordingError(f"{self._folder}: topic {topic} was not declared; name all topics at the start")
        if 0 < self._split_bytes <= file.sink.tell() and file.sink.error is None:
            file = self._split(file)
        with self._failing():
            file.write(topic, message, stamp_ns)

    def sync(self) -> None:
        """Bring all that was written to the disk.

        Raises:
            RecordingError: The disk failed.
        """
        with self._failing():
            self._opened().sync()

    def close(self, custom_data: Mapping[str, str] | None = None) -> None:
        """End the file and write metadata.yaml; a second call does nothing.

        Args:
            custom_data: What is known at the end, in place of what was known at the start; None: the same.

        Raises:
            RecordingError: The disk is full.
        """
        if self._file is None:
            return
        if custom_data is not None:
            self._custom_data = custom_data
        file = self._file
        self._file = None
        with self._failing():
            self._finish(file)
            with replacing(self._folder / FILE_NAME) as stream:
                stream.write(to_yaml({ROOT: self._information(self._finished)}).encode())

    def _opened(self) -> _BagFile:
        if self._file is None:
            raise RecordingError(f"{self._folder} is closed; nothing can be written into it")
        return self._file

    def _next_file(self, number: int) -> _BagFile:
        with self._failing():
            file = _BagFile(self._folder / f"{self._folder.name}_{number}.mcap", self._topics, self._compression)
            file.describe(self._information([file.facts]))  # what is known now survives a crash
        return file

    def _split(self, file: _BagFile) -> _BagFile:
        """Go on in a new file; where that cannot be made, the bag goes on in the one that it has."""
        self._file = self._next_file(len(self._finished) + 1)
        with self._failing():
            self._finish(file)
        return self._file

    def _finish(self, file: _BagFile) -> None:
        # Of this file alone: with all files so far, the records of many files would grow with their square.
        file.finish(self._information([file.facts]))
        self._finished.append(file.facts)

    def _information(self, files: Sequence[FileFacts]) -> dict[str, Any]:
        return bag_information(files, self._topics, self._custom_data, self._ros_distro)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what failed, where, and what to do."""
        try:
            yield
        except OSError as error:
            raise RecordingError(
                f"cannot write {self._folder}: {error.strerror}; make room there or record elsewhere (record:=FOLDER)"
            ) from error
