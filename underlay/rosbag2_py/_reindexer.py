"""Making a bag whole again after a crash."""

from __future__ import annotations

import os
from pathlib import Path

from mcap.records import Channel, Message, Metadata, Schema

from rosbag2_py._mcap_file import metadata_of_files, read_contents, records
from rosbag2_py._metadata import MetadataIo
from rosbag2_py._storage import StorageOptions
from rosbag2_py._writer import open_mcap


class Reindexer:
    """Writes metadata.yaml anew from the MCAP file; a file without its end is finished first."""

    def reindex(self, storage_options: StorageOptions) -> None:
        """Reindex the bag in the folder `storage_options.uri`.

        Raises:
            RuntimeError: The folder holds no MCAP file.
        """
        storage_options.refuse_unknown()
        folder = Path(storage_options.uri)
        files = sorted(folder.glob("*.mcap"), key=_number)
        if not files:
            raise RuntimeError(f"No storage files were found in {folder}: a bag is a folder with an .mcap file")
        for file in files:
            if not read_contents(file).finished:
                _finish(file)
        MetadataIo().write_metadata(str(folder), metadata_of_files(files))


def _number(path: Path) -> tuple[int, str]:
    """The place of a file in its bag: NAME_0.mcap, NAME_1.mcap, ..."""
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0, path.name


def _finish(path: Path) -> None:
    """Copy the whole records into a finished file that takes the place of the unfinished one."""
    copy = path.with_suffix(".mcap.tmp")
    schemas: dict[int, int] = {0: 0}
    channels: dict[int, int] = {}
    with copy.open("wb") as stream:
        writer = open_mcap(stream)
        for record in records(path):
            if isinstance(record, Schema) and record.id not in schemas:
                schemas[record.id] = writer.register_schema(record.name, record.encoding, record.data)
            elif isinstance(record, Channel) and record.id not in channels:
                schema = schemas[record.schema_id]
                channels[record.id] = writer.register_channel(
                    record.topic, record.message_encoding, schema, record.metadata
                )
            elif isinstance(record, Message):
                channel = channels[record.channel_id]
                writer.add_message(channel, record.log_time, record.data, record.publish_time, record.sequence)
            elif isinstance(record, Metadata):
                writer.add_metadata(record.name, record.metadata)
        writer.finish()
    os.replace(copy, path)
