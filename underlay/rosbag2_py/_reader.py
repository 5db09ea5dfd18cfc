"""Reading a bag in the order of reception."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rosbag2_py._mcap_file import Contents, Row, messages, metadata_of, read_contents
from rosbag2_py._metadata import BagMetadata, MetadataIo
from rosbag2_py._refusal import refuse
from rosbag2_py._storage import (
    ConverterOptions,
    MessageDefinition,
    StorageFilter,
    StorageOptions,
    TopicMetadata,
)


def get_registered_readers() -> set[str]:
    """Storage ids that can be read."""
    return {"mcap"}


class SequentialReader:
    """Reads the messages of a bag (a folder, or one .mcap file) one after the other."""

    def __init__(self) -> None:
        self._metadata: BagMetadata | None = None
        self._rows: Iterator[Row] = iter(())
        self._next: Row | None = None
        self._filter, self._start_ns = StorageFilter(), 0

    def open(self, storage_options: StorageOptions, converter_options: ConverterOptions) -> None:
        """Open a bag.

        Raises:
            RuntimeError: There is no readable bag there.
        """
        storage_options.refuse_unknown()
        converter_options.refuse_unknown()
        uri = Path(storage_options.uri)
        if uri.is_file():
            self._metadata, folder = metadata_of(uri), uri.parent
        else:
            self._metadata, folder = MetadataIo().read_metadata(str(uri)), uri
        storage = self._metadata.storage_identifier
        mode = self._metadata.compression_mode
        if storage not in ("", "mcap") or mode.lower() not in ("", "none"):
            raise refuse(f"a bag stored as '{storage}' with compression '{mode}' ({uri})")
        paths = [folder / name for name in self._metadata.relative_file_paths]
        self._files: list[tuple[Path, Contents]] = [(path, read_contents(path)) for path in paths]
        self._restart()

    def open_uri(self, uri: str) -> None:
        """Open a bag with default options."""
        self.open(StorageOptions(uri), ConverterOptions())

    def has_next(self) -> bool:
        """Whether read_next() has a message to give."""
        self._opened()
        if self._next is None:
            self._next = next(self._rows, None)
        return self._next is not None

    def read_next(self) -> Row:
        """The next (topic, serialised message, time of reception [ns]).

        Raises:
            RuntimeError: There is none left.
        """
        if not self.has_next():
            raise RuntimeError("No next message is available.")
        row, self._next = self._next, None
        assert row is not None
        return row

    def get_all_topics_and_types(self) -> list[TopicMetadata]:
        """All topics of the bag."""
        return [info.topic_metadata for info in self._opened().topics_with_message_count]

    def get_all_message_definitions(self) -> list[MessageDefinition]:
        """Definitions of the types, from inside the bag."""
        self._opened()
        schemas = {schema.name: schema for _, contents in self._files for schema in contents.schemas.values()}
        return [MessageDefinition(s.name, s.encoding, s.data.decode(errors="replace"), "") for s in schemas.values()]

    def get_metadata(self) -> BagMetadata:
        """The bag's metadata."""
        return self._opened()

    def set_filter(self, storage_filter: StorageFilter) -> None:
        """Read only the filter's topics from here on."""
        storage_filter.refuse_unknown()
        self._filter = storage_filter
        self._restart()

    def reset_filter(self) -> None:
        """Read all topics again."""
        self.set_filter(StorageFilter())

    def seek(self, time_stamp: int) -> None:
        """Go on with the first message at or after a time [ns]."""
        self._start_ns = time_stamp
        self._restart()

    def close(self) -> None:
        """Let go of the bag."""
        self._metadata, self._rows, self._next = None, iter(()), None

    def _opened(self) -> BagMetadata:
        if self._metadata is None:
            raise RuntimeError("Bag is not open. Call open() before reading.")
        return self._metadata

    def _restart(self) -> None:
        self._opened()
        self._next, self._rows = None, self._iterate()

    def _iterate(self) -> Iterator[Row]:
        for path, contents in self._files:
            yield from messages(path, contents, self._wanted, self._start_ns)

    def _wanted(self, topic: str) -> bool:
        chosen = self._filter
        if topic in chosen.exclude_topics or (chosen.regex_to_exclude and re.fullmatch(chosen.regex_to_exclude, topic)):
            return False
        if not chosen.topics and not chosen.regex:
            return True
        return topic in chosen.topics or bool(chosen.regex and re.fullmatch(chosen.regex, topic))
