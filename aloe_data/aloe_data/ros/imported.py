"""Which episodes of a dataset a folder of bags holds already: told by what was executed, not by names or places."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_data.bag_folders import bag_files, find_bags
from aloe_data.recording import EXECUTED, RecordingError
from aloe_data.ros.bag_reader import read_messages, read_own_record

IMPORTED = "imported from "  # the reason of every imported episode begins with it


class ImportedEpisodes:
    """The imported episodes of a folder, each of which stands for one episode of a dataset.

    An episode of which a stopped import left half is none of them.

    Args:
        folder: Folder of the bags.
    """

    def __init__(self, folder: Path) -> None:
        try:
            bags = find_bags(folder)
        except RecordingError:
            bags = []  # there is none yet
        self._left = Counter(key for bag in bags if (key := _key_of_bag(bag)))

    def take(self, action: NDArray[np.float32]) -> bool:
        """Whether an episode with these set points [T, S] is there; of equal episodes each bag stands for one."""
        key = _key(action)
        there = self._left[key] > 0
        if there:
            self._left[key] -= 1
        return there


def _key_of_bag(bag: Path) -> str:
    """The key of an imported episode; "" for other bags."""
    try:
        if not read_own_record(bag).reason.startswith(IMPORTED):
            return ""
    except RecordingError:
        pass  # its metadata is gone; what it holds tells
    try:
        messages = [message for file in bag_files(bag) for _, message, _ in read_messages(file, [EXECUTED])]
        rows = [np.concatenate([arm.executed for arm in message.arms]) for message in messages]
    except (RecordingError, ValueError):
        return ""
    return _key(np.array(rows, np.float32))


def _key(action: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(action, np.float32).tobytes()).hexdigest()
