"""Episodes in the LeRobot dataset format v3.0, written and read without that library.

    meta/info.json                             features with types, shapes and names; totals; fps
    meta/stats.json                            statistics of every feature, see `lerobot_statistics`
    meta/tasks.parquet                         tasks in words, by task_index
    meta/episodes/chunk-000/file-000.parquet   a row per episode: task, length, rows, data's place, statistics
    data/chunk-000/file-000.parquet            one row per control tick; a file per episode here

Images stand in the data as JPEG. A tick has LeRobot's columns of data with a human in the loop: `next.reward` (1 in the
last tick of a success, else 0), `next.done` (in the last tick), `next.success` (in the last tick of a success), and
`complementary_info.is_intervention` (a human commands an arm). Of its own, a tick has `source` (who commanded each
arm), and an episode has `episode_id`, `verdict`, `policy` and `seed`.
Source: huggingface/lerobot, src/lerobot/datasets (codebase version v3.0).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode
from aloe_data.lerobot_format import (
    DATA,
    DONE,
    EPISODES,
    INTERVENTION,
    REWARD,
    SUCCESS,
    TASKS,
    VERSION,
    DatasetEpisode,
    DatasetError,
    image_key,
    joint_names,
)
from aloe_data.lerobot_reader import read_dataset
from aloe_data.lerobot_statistics import Statistics, of_images, of_rows, together
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority

__all__ = ["DatasetEpisode", "DatasetError", "DatasetWriter", "joint_names", "read_dataset"]

FILES_PER_CHUNK = 1000
_COUNTERS = {"timestamp": "float32"} | dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
_OUTCOMES = {REWARD: "float32", DONE: "bool", SUCCESS: "bool", INTERVENTION: "bool"}
_QUALITY = 95


class DatasetWriter:
    """Writes episodes of one rig; the dataset is whole after `close`.

    Args:
        folder: Folder of the dataset, which must not exist.
        rig: Rig of all episodes.

    Raises:
        DatasetError: the folder exists.
    """

    def __init__(self, folder: Path, rig: Rig) -> None:
        if folder.exists():
            raise DatasetError(f"{folder}: exists already; name a new folder")
        self._folder = folder
        self._rig = rig
        self._tasks: dict[str, int] = {}
        self._episodes: list[dict[str, Any]] = []
        self._rows = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._statistics: list[dict[str, Statistics]] = []  # of every episode, by feature

    def add(self, episode: Episode) -> None:
        """Append the observed ticks of an episode."""
        number = len(self._episodes)
        ticks = np.flatnonzero(episode.observed)
        task = self._tasks.setdefault(episode.prompt, len(self._tasks))
        vectors = self._columns(episode, ticks, number, task)
        columns = {name: _array(values) for name, values in vectors.items()}
        statistics = {name: of_rows(values) for name, values in vectors.items()}
        for index, camera in enumerate(self._rig.cameras):
            frames = episode.frames[camera.name]
            self._shapes[camera.name] = frames.shape[1:]
            statistics[image_key(camera.name)] = of_images(frames)
            encoded = [{"bytes": encode_jpeg(frame, _QUALITY), "path": None} for frame in frames]
            images = [encoded[row] for row in episode.frame_index[ticks, index]]
            columns[image_key(camera.name)] = pa.array(images, _IMAGE)
        where = {"chunk_index": number // FILES_PER_CHUNK, "file_index": number % FILES_PER_CHUNK}
        path = self._folder / DATA.format(**where)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
        self._statistics.append(statistics)
        self._episodes.append(self._row(episode, len(ticks), where) | _flat(statistics))
        self._rows += len(ticks)

    def close(self) -> None:
        """Write what describes the dataset.

        Raises:
            DatasetError: nothing was added.
        """
        if not self._episodes:
            raise DatasetError(f"{self._folder}: no episode to write")
        meta = self._folder / "meta"
        (self._folder / EPISODES).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._episodes), self._folder / EPISODES)
        pq.write_table(_task_table(list(self._tasks)), self._folder / TASKS)
        (meta / "info.json").write_text(json.dumps(self._info(), indent=4) + "\n")
        (meta / "stats.json").write_text(json.dumps(self._all_statistics(), indent=4) + "\n")

    def _columns(self, episode: Episode, ticks: NDArray[Any], number: int, task: int) -> dict[str, NDArray[Any]]:
        count = len(ticks)
        source = episode.source[ticks]
        last = np.arange(count) == count - 1
        success = last & (episode.facts.verdict == "success")
        return {
            "observation.state": episode.state[ticks],
            "action": episode.executed[ticks],
            "source": source.astype(np.int64),
            REWARD: success.astype(np.float32),
            DONE: last,
            SUCCESS: success,
            INTERVENTION: (source == Authority.HUMAN).any(axis=1),
            "timestamp": (np.arange(count) / self._rig.rate_hz).astype(np.float32),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": self._rows + np.arange(count),
            "task_index": np.full(count, task),
        }

    def _row(self, episode: Episode, count: int, where: Mapping[str, int]) -> dict[str, Any]:
        facts = episode.facts
        versions = [version for version in episode.policy_version if version]
        return {
            "episode_index": len(self._episodes),
            "tasks": [episode.prompt],
            "length": count,
            "dataset_from_index": self._rows,
            "dataset_to_index": self._rows + count,
            **{f"data/{key}": value for key, value in where.items()},
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            "episode_id": facts.episode_id,
            "verdict": facts.verdict,
            "policy": versions[0] if versions else "",
            "seed": facts.seed,
        }

    def _info(self) -> dict[str, Any]:
        rig = self._rig
        names = joint_names(self._rig)
        joints = {"dtype": "float32", "shape": [rig.state_dim], "names": names}
        arms = [arm.name for arm in rig.arms]
        features: dict[str, Any] = {"observation.state": joints, "action": joints}
        features["source"] = {"dtype": "int64", "shape": [len(arms)], "names": arms}
        for camera, shape in self._shapes.items():
            pixels = {"dtype": "image", "shape": [*shape], "names": ["height", "width", "channels"]}
            features[image_key(camera)] = pixels
        single = _OUTCOMES | _COUNTERS
        features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in single.items()}
        return {
            "codebase_version": VERSION,
            "robot_type": rig.name,
            "total_episodes": len(self._episodes),
            "total_frames": self._rows,
            "total_tasks": len(self._tasks),
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 500,
            "fps": round(rig.rate_hz) if rig.rate_hz == round(rig.rate_hz) else rig.rate_hz,
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": DATA,
            "video_path": None,
            "features": features,
        }

    def _all_statistics(self) -> dict[str, dict[str, list[Any]]]:
        whole = {name: together([part[name] for part in self._statistics]) for name in self._statistics[0]}
        return {name: {key: value.tolist() for key, value in of.items()} for name, of in whole.items()}


def _task_table(tasks: list[str]) -> pa.Table:
    """Tasks as pandas would write a frame of their numbers with their words as its index."""
    index = "__index_level_0__"
    number = {"name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    words = {"name": None, "pandas_type": "unicode", "numpy_type": "object"}
    columns = [number | {"field_name": "task_index", "metadata": None}, words | {"field_name": index, "metadata": None}]
    pandas = {"index_columns": [index], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), index: pa.array(tasks, pa.string())})
    return table.replace_schema_metadata({"pandas": json.dumps(pandas)})


_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _array(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1 or values.shape[1] == 1:  # the format has numbers, not lists of one, where the shape is [1]
        return pa.array(values.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _flat(statistics: Mapping[str, Statistics]) -> dict[str, list[Any]]:
    """As columns of an episode."""
    return {f"stats/{name}/{key}": value.tolist() for name, of in statistics.items() for key, value in of.items()}
