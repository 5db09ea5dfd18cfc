"""Features of a store's frames on disk, made once per encoder.

features/HASH/frames.f2        rows of all frames, as `frame` in the store's ticks counts them
The rest of the folder: see `frame_store`.
"""

import numpy as np
from numpy.typing import NDArray

from aloe_data.columns import Column, mapped, write_rows
from aloe_data.episode_index import StoredEpisode
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.frame_store import FrameStore


class FeatureStore(FrameStore):
    """Features of a store's frames, float16 [frames, ...] memory-mapped, made once per encoder.

    Args:
        store: Episodes whose frames they are of.
        encoder: Hash of the encoder.
        shape: Shape of one frame's features.
        spec: Description of the features; default: those of a keypoint encoder of that hash.

    Attributes:
        encoder: Hash of the encoder.

    Raises:
        StoreError: Features of another shape stand under that hash.
    """

    def __init__(
        self, store: EpisodeStore, encoder: str, shape: tuple[int, ...], spec: FeatureSpec | None = None
    ) -> None:
        self.encoder = encoder
        spec = spec or FeatureSpec("keypoints", tuple(shape), "float16", encoder, store.image_size)
        super().__init__(store, spec)
        self._column = Column("<f2", spec.shape)
        self._file = self._folder / "frames.f2"
        self._mapped: NDArray[np.float16] | None = None

    def write(self, episode: StoredEpisode, values: NDArray[np.float16]) -> None:
        """Keep the features [frames, ...] of an episode, camera by camera."""
        self._check_size(episode, values)
        write_rows(self._file, self._column, episode.first_frame, values)
        self._confirm(episode)
        self._mapped = None  # it has grown

    def rows(self) -> NDArray[np.float16]:
        """All of them; rows of episodes that are not there are zero."""
        if self._mapped is None:
            ends = [e.first_frame + e.frames for e in self._store.episodes if self.has(e)]
            self._mapped = mapped(self._file, self._column, max(ends, default=0))
        return self._mapped

    def take(self, frame: NDArray[np.int64]) -> NDArray[np.float16]:
        """Features float16 [..., *shape] of the frames of these numbers [...]."""
        return np.asarray(self.rows()[frame])
