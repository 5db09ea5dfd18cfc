"""Finds a bag's metadata."""

from __future__ import annotations

from pathlib import Path

from rosbag2_py._mcap_file import metadata_of
from rosbag2_py._metadata import BagMetadata, MetadataIo
from rosbag2_py._refusal import refuse


class Info:
    """Reads a bag's metadata; printed, that is what `ros2 bag info` shows."""

    def read_metadata(self, uri: str, storage_id: str = "") -> BagMetadata:
        """Metadata of a bag: a folder, or one .mcap file."""
        if storage_id not in ("", "mcap"):
            raise refuse(f"storage_id '{storage_id}' (this one has 'mcap')")
        return metadata_of(Path(uri)) if Path(uri).is_file() else MetadataIo().read_metadata(uri)
