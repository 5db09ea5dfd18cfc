"""Opening a bag: its MCAP files one after the other, whatever `metadata.yaml` says.

Each file holds its topics, types and definitions itself. rosbag2 would read them from the folder's metadata first, and
refuse a bag whose metadata another version has written or a person has edited.
"""

import json
import shlex
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import rosbag2_py
from mcap.exceptions import McapError
from mcap.reader import make_reader

from aloe_data.bag_state import BagState, bag_state
from aloe_data.recording import RecordingError


class OpenBag:
    """A whole bag, opened for reading.

    Args:
        bag: Folder of the bag, its .mcap file, or its state where that is known.
        topics: Names of the wanted topics; empty: all.

    Attributes:
        bag: Folder of the bag, or its .mcap file.
        types: Type of each wanted topic that the bag declares, by the topic's name.

    Raises:
        RecordingError: there is no bag, or one that is not whole; names the remedy.
    """

    def __init__(self, bag: Path | BagState, topics: Collection[str] = ()) -> None:
        self._state = whole_bag(bag)
        self.bag = self._state.bag
        self._readers = [self._open(file, topics) for file in self._state.files]
        declared = [topic for reader in self._readers for topic in reader.get_all_topics_and_types()]
        self.types = {topic.name: topic.type for topic in declared if not topics or topic.name in topics}

    def definitions(self) -> Iterator[tuple[str, str, str]]:
        """Every type as it was when the bag was recorded: its name, the language of its definition, and the text.

        Raises:
            RecordingError: a file is damaged.
        """
        with self._naming():
            for reader in self._readers:
                for found in reader.get_all_message_definitions():
                    yield found.topic_type, found.encoding, found.encoded_message_definition

    def rows(self) -> Iterator[tuple[str, bytes, int]]:
        """(topic, serialised message, time of reception [ns]), file after file, each in the order of reception.

        Raises:
            RecordingError: a file is damaged.
        """
        for reader in self._readers:
            yield from self._rows(reader)

    def rows_as_written(self) -> Iterator[tuple[str, bytes, int]]:
        """As `rows`, in the order in which they stand in the files, which rosbag2 does not read in every version.

        Raises:
            RecordingError: a file is damaged.
        """
        for file in self._state.files:
            with self._naming(), file.open("rb") as stream:
                rows = make_reader(stream, validate_crcs=True).iter_messages(list(self.types), log_time_order=False)
                for _, channel, message in rows:
                    yield channel.topic, message.data, message.log_time

    def rows_from(self, share: float) -> Iterator[tuple[str, bytes, int]]:
        """As `rows`, from a place on, to the end of the file that it lies in.

        Args:
            share: Share of the bag's files and of the time in them, from 0 (its beginning) to below 1.
        """
        number, within = divmod(share * len(self._readers), 1)
        reader = self._readers[int(number)]
        summary = self._state.summaries[int(number)]
        assert summary is not None, "a whole bag's files have their ends"
        with self._naming():
            reader.seek(summary.start_ns + int(within * (summary.end_ns - summary.start_ns)))
        yield from self._rows(reader)

    def _open(self, file: Path, topics: Collection[str]) -> rosbag2_py.SequentialReader:
        with self._naming():
            reader = rosbag2_py.SequentialReader()
            reader.open(rosbag2_py.StorageOptions(str(file), "mcap"), rosbag2_py.ConverterOptions("cdr", "cdr"))
            if topics:
                reader.set_filter(rosbag2_py.StorageFilter(topics=sorted(topics)))
        return reader

    def _rows(self, reader: rosbag2_py.SequentialReader) -> Iterator[tuple[str, bytes, int]]:
        with self._naming():
            while reader.has_next():
                yield reader.read_next()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Whatever rosbag2's reader raises, with the bag's name."""
        try:
            yield
        except RecordingError:
            raise
        except (RuntimeError, NotImplementedError, ValueError, OSError, McapError) as error:
            raise RecordingError(f"{self.bag}: {error}; ros2 run aloe_data verify tells more") from error


def whole_bag(bag: Path | BagState) -> BagState:
    """The state of a bag that nothing is missing of; its metadata.yaml may have to be made anew.

    Args:
        bag: Folder of the bag, its .mcap file, or its state where that is known.

    Raises:
        RecordingError: there is none, or it is not whole; names the remedy.
    """
    state = bag if isinstance(bag, BagState) else readable_bag(bag)
    if state.missing:
        reasons = "; ".join(state.missing)
        folder = state.bag if state.bag.is_dir() else state.bag.parent
        repair = f"ros2 run aloe_data repair {shlex.quote(str(folder))}"
        raise RecordingError(f"{state.bag}: {reasons}; `{repair}` keeps what is readable")
    return state


def readable_bag(bag: Path) -> BagState:
    """The state of a bag, whole or not.

    Raises:
        RecordingError: there is none, or one that only ROS 2 itself reads; names the remedy.
    """
    try:
        state = bag_state(bag)
    except OSError as error:
        raise RecordingError(f"{bag}: {error.strerror}") from error
    if not state.files:
        raise RecordingError(f"{bag}: no bag is there; give the folder of one")
    if state.metadata.compressed_messages:
        plain = json.dumps(f"{bag}_plain", ensure_ascii=False)  # in quotes, as YAML needs them for some names
        remedy = f"{{output_bags: [{{uri: {plain}, storage_id: mcap, all: true}}]}}"
        raise RecordingError(
            f"{bag}: its messages are compressed one by one (compression_mode); with ROS 2 installed, make a plain bag"
            f" of it: ros2 bag convert -i {shlex.quote(str(bag))} -o FILE, with FILE: {remedy}"
        )
    return state
