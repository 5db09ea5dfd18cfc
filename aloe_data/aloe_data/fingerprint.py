"""What a bag is known by: a fingerprint of its recorded messages, wherever it lies and whatever its folder is named.

Moving, copying, touching and linking a bag leave it as it is; so do a metadata.yaml made anew (`ros2 bag reindex`), a
verdict, and whatever else lies in the folder. To be cheap it reads a part of every .mcap file only:

- its size and its end: the summary, with the counts of all topics and the times and sizes of all chunks;
- its beginning and those of its chunks, with the checksum of all that is in a chunk where the writer made one.

A file without a summary (its recording was cut short) is read in blocks at equal distances.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from mcap.reader import SeekingReader

from aloe_data.bag_folders import bag_files
from aloe_data.mcap_chunk import DAMAGE
from aloe_data.verdicts import SIDECAR

KIND = "mcap1:"  # how it is made; former versions had none, see `fingerprint_by_times`
_END_BYTES = 64 << 10
_BLOCK_BYTES = 512
_MAX_BLOCKS = 256


def fingerprint(bag: Path) -> str:
    """The fingerprint of a bag, from the content of its files.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in bag_files(bag):
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            digest.update(size.to_bytes(8, "little"))
            for offset in _blocks(stream, size):
                digest.update(os.pread(stream.fileno(), _BLOCK_BYTES, offset))
            digest.update(os.pread(stream.fileno(), _END_BYTES, max(0, size - _END_BYTES)))
    return KIND + digest.hexdigest()


def fingerprint_by_times(bag: Path) -> str:
    """What former versions knew a bag by: the names, sizes and times of all files that they left in its folder."""
    digest = hashlib.sha256()
    for file in sorted(file for file in bag.iterdir() if file.name != SIDECAR):
        digest.update(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
    return digest.hexdigest()


def without_copies(bags: Iterable[Path], say: Callable[[str], object]) -> list[Path]:
    """The bags without those that are copies of one before them.

    Args:
        bags: Folders of bags in the order in which they are preferred.
        say: Function that is called with a line for each copy.
    """
    first: dict[str, Path] = {}
    for bag in bags:
        try:
            content = fingerprint(bag)
        except OSError:
            content = str(bag)  # whoever reads it says why it cannot be read
        if content in first:
            say(f"left out: {bag}: a copy of {first[content]}, which counts")
        else:
            first[content] = bag
    return list(first.values())


def _blocks(stream: BinaryIO, size: int) -> Sequence[int]:
    """Where to look into a file of so many bytes: at its beginning, and at its chunks'."""
    stream.seek(0)
    try:
        summary = SeekingReader(stream).get_summary()
    except (*DAMAGE, OSError):  # OSError: too short to have one
        summary = None
    if summary is None or not summary.chunk_indexes:
        return [size * k // _MAX_BLOCKS for k in range(_MAX_BLOCKS)]
    chunks = [0, *(chunk.chunk_start_offset for chunk in summary.chunk_indexes)]
    chosen = np.unique(np.linspace(0, len(chunks) - 1, _MAX_BLOCKS).astype(int))
    return [chunks[k] for k in chosen]
