"""Making the metadata of a bag anew."""

from __future__ import annotations

from pathlib import Path

from rosbag2_py._mcap_file import metadata_of_files
from rosbag2_py._metadata import MetadataIo
from rosbag2_py._storage import StorageOptions


class Reindexer:
    """Writes metadata.yaml anew from the MCAP files; they stay as they are, also one that was never finished."""

    def reindex(self, storage_options: StorageOptions) -> None:
        """Reindex the bag in the folder `storage_options.uri`.

        Raises:
            RuntimeError: The folder holds no MCAP file.
        """
        storage_options.refuse_unknown()
        folder = Path(storage_options.uri)
        files = sorted((file for file in folder.glob("*.mcap") if not file.name.startswith(".")), key=_number)
        if not files:
            raise RuntimeError(f"No storage files were found in {folder}: a bag is a folder with an .mcap file")
        MetadataIo().write_metadata(str(folder), metadata_of_files(files))


def _number(path: Path) -> tuple[int, str]:
    """The place of a file in its bag: NAME_0.mcap, NAME_1.mcap, ..."""
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0, path.name
