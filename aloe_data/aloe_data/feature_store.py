"""Features of a store's frames on disk, made once per encoder.

features/HASH/shape.json       shape of one frame's features
features/HASH/frames.f2        rows of all frames, as `frame` in the store's ticks counts them
features/HASH/episodes.jsonl   first frames of the episodes that are there
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_data.columns import Column, mapped, write_rows
from aloe_data.durable import append_line
from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.sidecar import SidecarError, read_lines, write_json


class FeatureStore:
    """Features of a store's frames, float16 [frames, ...] memory-mapped, made once per encoder.

    Args:
        store: store whose frames they are of.
        encoder: hash of the encoder.
        shape: shape of one frame's features.

    Attributes:
        encoder: that hash.

    Raises:
        StoreError: features of another shape stand under that hash.
    """

    def __init__(self, store: EpisodeStore, encoder: str, shape: tuple[int, ...]) -> None:
        self.encoder = encoder
        self._store = store
        self._column = Column("<f2", tuple(shape))
        self._folder = store.folder / "features" / encoder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._check_header(self._folder / "shape.json")
        self._done = _numbers(self._folder / "episodes.jsonl")

    def _check_header(self, header: Path) -> None:
        shape = list(self._column.shape)
        if not header.exists():
            write_json(header, shape)
            return
        said = header.read_text().strip()
        if said != json.dumps(shape):
            raise StoreError(f"{header}: '{said}' is not {shape}; remove {self._folder}")

    def has(self, episode: StoredEpisode) -> bool:
        """Whether an episode's features are there."""
        return episode.first_frame in self._done

    def write(self, episode: StoredEpisode, features: NDArray[np.float16]) -> None:
        """Keep the features [frames, ...] of an episode, camera by camera."""
        if features.shape != (episode.frames, *self._column.shape):
            raise ValueError(f"features are {features.shape}, not {(episode.frames, *self._column.shape)}")
        write_rows(self._folder / "frames.f2", self._column, episode.first_frame, features)
        append_line(self._folder / "episodes.jsonl", str(episode.first_frame))
        self._done.add(episode.first_frame)

    def rows(self) -> NDArray[np.float16]:
        """All of them; rows of episodes that are not there are zero."""
        ends = [e.first_frame + e.frames for e in self._store.episodes if self.has(e)]
        return mapped(self._folder / "frames.f2", self._column, max(ends, default=0))


def _numbers(file: Path) -> set[int]:
    """The whole numbers in the lines of a file; none where it is missing."""
    try:
        rows = list(read_lines(file))
    except SidecarError as error:
        raise StoreError(str(error)) from error
    if rows and not file.read_bytes().endswith(b"\n"):
        rows.pop()  # what a crash tore is another number
    for number, row in rows:
        if type(row) is not int:
            raise StoreError(f"{file}:{number}: {row!r} is no whole number; remove that line, and ingest again")
    return {row for _, row in rows}
