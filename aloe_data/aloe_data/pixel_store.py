"""Frames of a store as small JPEGs on disk, for policies that train their own encoder.

features/HASH/frames.jpg       the JPEGs of all frames, one after the other
features/HASH/places.i8        first byte and number of bytes of the JPEG of each frame, as the store counts frames
The rest of the folder: see `frame_store`. What a crash leaves at the end of `frames.jpg` is never looked at.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aloe_data.codecs import Image, resize_image
from aloe_data.columns import Column, mapped, write_rows
from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.frame_store import FrameStore

QUALITY = 95
_PLACE = Column("<i8", (2,))
_THREADS = min(4, os.cpu_count() or 1)
_PER_THREAD = 32  # frames from which on another thread is worth its start
# Full resolution of colours: at 128 px a cube is five pixels wide, and its colour half of them with the usual sampling.
_ENCODING = [
    cv2.IMWRITE_JPEG_QUALITY,
    QUALITY,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
]


class PixelStore(FrameStore):
    """Frames of a store, uint8 [h, w, 3], decoded when they are asked for.

    Args:
        store: Episodes whose frames they are.
        spec: Description of the frames, see `pixel_spec`.

    Raises:
        StoreError: Something else stands under that hash.
    """

    def __init__(self, store: EpisodeStore, spec: FeatureSpec) -> None:
        super().__init__(store, spec)
        self._jpegs_file = self._folder / "frames.jpg"
        self._places_file = self._folder / "places.i8"
        self._mapped: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None
        self._pool: ThreadPoolExecutor | None = None

    def write(self, episode: StoredEpisode, values: NDArray[np.uint8]) -> None:
        """Keep the frames [frames, h, w, 3] of an episode, camera by camera."""
        self._check_size(episode, values)
        jpegs = [_encode(frame) for frame in values]
        first = _append(self._jpegs_file, b"".join(jpegs))
        sizes = np.array([len(jpeg) for jpeg in jpegs], np.int64)
        starts = first + np.cumsum(sizes) - sizes
        write_rows(self._places_file, _PLACE, episode.first_frame, np.stack([starts, sizes], axis=1))
        self._confirm(episode)
        self._mapped = None  # it has grown

    def take(self, frame: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Frames uint8 [..., h, w, 3] of these numbers [...].

        Raises:
            StoreError: A frame that is not there, or damaged.
        """
        numbers = np.asarray(frame).ravel()
        found = np.empty((len(numbers), *self.spec.shape), np.uint8)
        parts = np.array_split(np.arange(len(numbers)), max(1, min(_THREADS, len(numbers) // _PER_THREAD)))
        if len(parts) == 1:
            self._decode(numbers, found, parts[0])
        else:
            # OpenCV decodes without holding Python's lock.
            list(self._threads().map(lambda part: self._decode(numbers, found, part), parts))
        return found.reshape(*np.shape(frame), *self.spec.shape)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS, "pixels")
        return self._pool

    def _decode(self, numbers: NDArray[np.int64], found: NDArray[np.uint8], part: NDArray[np.int64]) -> None:
        """Decode the frames numbers[part] into found[part]."""
        jpegs, places = self._files()
        for index in part:
            number = int(numbers[index])
            start, size = places[number] if 0 <= number < len(places) else (0, 0)
            if size == 0:
                raise StoreError(
                    f"{self._folder}: no pixels of frame {number} ({self._bag_of(number)}); ingest its bag again"
                )
            image = cv2.imdecode(jpegs[start : start + size], cv2.IMREAD_COLOR)
            if image is None or image.shape != self.spec.shape:
                raise StoreError(
                    f"{self._jpegs_file}: the JPEG of frame {number} at byte {start} is damaged; "
                    f"remove {self._folder}, and ingest again"
                )
            cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=found[index])

    def _files(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """All JPEGs as bytes, and the places of the frames' JPEGs in them [frames, 2]; memory-mapped."""
        if self._mapped is None:
            rows = _size(self._places_file) // _PLACE.row_bytes
            jpegs = mapped(self._jpegs_file, Column("|u1", ()), _size(self._jpegs_file))
            self._mapped = jpegs, mapped(self._places_file, _PLACE, rows)
        return self._mapped


def shrink(frames: NDArray[np.uint8], spec: FeatureSpec) -> NDArray[np.uint8]:
    """Frames uint8 [n, h, w, 3] at the size of a description."""
    return np.stack([resize_image(frame, spec.image_size) for frame in frames])


def _encode(frame: Image) -> bytes:
    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), _ENCODING)
    if not done:
        raise ValueError("OpenCV could not encode a frame as JPEG")
    return jpeg.tobytes()


def _append(path: Path, data: bytes) -> int:
    """Append to a file; it is on the disk when this returns. Returns where it begins."""
    with path.open("ab") as file:
        first = file.seek(0, os.SEEK_END)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return first


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
