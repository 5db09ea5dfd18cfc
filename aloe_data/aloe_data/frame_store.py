"""What stores of features and of pixels have in common: whose they are, and which episodes are there.

features/HASH/spec.json        description of what is stored of one frame, see `FeatureSpec`
features/HASH/episodes.jsonl   first frames of the episodes that are there; written last, so that a crash loses an
                               episode whole
"""

from abc import ABC, abstractmethod
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.durable import append_line
from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.sidecar import SidecarError, read_json, read_lines, write_json

FOLDER = "features"
_SPEC = "spec.json"
_SHAPE = "shape.json"  # all that former versions wrote


class FrameStore(ABC):
    """What is stored of the frames of a store's episodes, by one description.

    Args:
        store: Episodes whose frames they are.
        spec: Description of what is stored of one frame.

    Attributes:
        spec: That description.

    Raises:
        StoreError: Something else stands under that hash.
    """

    def __init__(self, store: EpisodeStore, spec: FeatureSpec) -> None:
        self.spec = spec
        self._store = store
        self._folder = store.folder / FOLDER / spec.hash
        self._folder.mkdir(parents=True, exist_ok=True)
        _check_header(self._folder, spec)
        self._episodes_file = self._folder / "episodes.jsonl"
        self._done = _numbers(self._episodes_file)

    def has(self, episode: StoredEpisode) -> bool:
        """Whether what is stored of an episode's frames is there."""
        return episode.first_frame in self._done

    @abstractmethod
    def write(self, episode: StoredEpisode, values: NDArray[Any]) -> None:
        """Keep what is stored of an episode's frames [frames, *shape], camera by camera; on the disk when it returns.

        Raises:
            ValueError: The array has another shape.
        """

    @abstractmethod
    def take(self, frame: NDArray[np.int64]) -> NDArray[Any]:
        """What is stored of some frames, by their numbers in the column `frame` of the store.

        Args:
            frame: Numbers of frames, any shape [...].

        Returns:
            Array [..., *shape] of the description's type.

        Raises:
            StoreError: A frame that is not there, or damaged.
        """

    def _check_size(self, episode: StoredEpisode, values: NDArray[Any]) -> None:
        wanted = (episode.frames, *self.spec.shape)
        if values.shape != wanted:
            raise ValueError(f"what is to be stored of frames is {values.shape}, not {wanted}")

    def _confirm(self, episode: StoredEpisode) -> None:
        """Write down that an episode is there."""
        append_line(self._episodes_file, str(episode.first_frame))
        self._done.add(episode.first_frame)

    def _bag_of(self, frame: int) -> str:
        """The bag that a frame is of, for messages."""
        found = (e.bag for e in self._store.episodes if e.first_frame <= frame < e.first_frame + e.frames)
        return next(found, "no bag")


def stored_specs(store: EpisodeStore) -> list[FeatureSpec]:
    """Descriptions of all that a store holds of its frames, by hash.

    Raises:
        StoreError: A damaged description.
    """
    folders = sorted(path for path in (store.folder / FOLDER).glob("*") if path.is_dir())
    found = [_read_header(folder, store.image_size) for folder in folders]
    return [spec for spec in found if spec is not None]


def _check_header(folder: Path, spec: FeatureSpec) -> None:
    there = _read_header(folder, spec.image_size)
    if there is None:
        write_json(folder / _SPEC, asdict(spec))
        return
    for name, value in asdict(spec).items():
        said = getattr(there, name)
        if said != value:
            raise StoreError(f"{folder}: {name} of what is stored is {said}, not {value}; remove that folder")


def _read_header(folder: Path, image_size: tuple[int, int]) -> FeatureSpec | None:
    """The description in a folder; None where there is none yet.

    Args:
        folder: The folder of one hash.
        image_size: Height and width of frames in px, where a former version did not say.
    """
    header = folder / _SPEC
    try:
        if header.exists():
            return _spec_of(read_json(header))
        header = folder / _SHAPE
        if header.exists():
            return FeatureSpec("keypoints", tuple(map(int, read_json(header))), "float16", folder.name, image_size)
    except (SidecarError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{header}: is no description of what is stored ({error}); remove {folder}") from error
    return None


def _spec_of(fields: dict[str, Any]) -> FeatureSpec:
    height, width = fields["image_size"]
    return FeatureSpec(**{**fields, "shape": tuple(fields["shape"]), "image_size": (height, width)})


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
