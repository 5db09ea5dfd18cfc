"""Bags to episodes and features of their frames, by as many processes as asked for."""

import pickle
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.frames import Episode, EpisodeError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_policy.encoders.registry import FrameEncoder, restore_encoder


@dataclass(frozen=True)
class ReadBag:
    """One bag as it comes from a reading process.

    Attributes:
        bag: Folder of the bag.
        episode: The episode without its images; None: it could not be read.
        features: Features of its frames [frames, *shape], camera by camera, by the number of the encoder.
        problem: Why it could not be read.
    """

    bag: Path
    episode: Episode | None
    features: Mapping[int, NDArray[Any]]
    problem: str = ""


def read_bags(
    wanted: Mapping[Path, Sequence[int]], rig: Path, encoders: Sequence[FrameEncoder], processes: int
) -> Iterator[ReadBag]:
    """Read each bag once, whatever the number of encoders.

    Args:
        wanted: Numbers of the encoders that are to make features of a bag, by the bag's folder.
        rig: Rig file that the bags were recorded with.
        encoders: Encoders of frames, all of the same image size.
        processes: Number of processes that read at the same time.
    """
    if processes == 1 or len(wanted) < 2:
        reader = _Reader(load_rig(rig), encoders)
        yield from (reader.read(bag, chosen) for bag, chosen in wanted.items())
        return
    # Plain pickling copies the weights. The multiprocessing of torch would share their memory with every child.
    made = [(encoder.description(), {k: v.cpu() for k, v in encoder.weights().items()}) for encoder in encoders]
    start: dict[str, Any] = {"initializer": _start, "initargs": (rig, pickle.dumps(made))}
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), **start) as pool:
        yield from pool.map(_read, wanted.keys(), wanted.values())


class _Reader:
    def __init__(self, rig: Rig, encoders: Sequence[FrameEncoder]) -> None:
        self._rig = rig
        self._encoders = encoders

    def read(self, bag: Path, chosen: Sequence[int]) -> ReadBag:
        image_size = self._encoders[0].spec.image_size
        try:
            episode = read_episode(bag, self._rig, image_size=image_size)
        except EpisodeError as error:
            return ReadBag(bag, None, {}, str(error))
        features = {number: _features(episode, self._encoders[number]) for number in chosen}
        without_pixels = {name: frames[:, :0, :0].copy() for name, frames in episode.frames.items()}
        return ReadBag(bag, replace(episode, frames=without_pixels), features)


def _features(episode: Episode, encoder: FrameEncoder) -> NDArray[Any]:
    return np.concatenate([encoder.encode(episode.frames[camera.name]) for camera in episode.rig.cameras])


_reader: _Reader | None = None  # of a reading process


def _start(rig: Path, made: bytes) -> None:
    global _reader
    torch.set_num_threads(1)  # here, and not in the process that trains
    encoders = [restore_encoder(description, weights) for description, weights in pickle.loads(made)]
    _reader = _Reader(load_rig(rig), encoders)


def _read(bag: Path, chosen: Sequence[int]) -> ReadBag:
    assert _reader is not None, "see _start"
    return _reader.read(bag, chosen)
