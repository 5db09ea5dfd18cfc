"""Episodes in the LeRobot dataset format v3.0, written and read without that library.

    meta/info.json                             features with types, shapes and names; totals; fps
    meta/stats.json                            statistics of every feature, see `lerobot_statistics`
    meta/tasks.parquet                         tasks in words, by task_index
    meta/episodes/chunk-000/file-000.parquet   a row per episode: task, length, rows, data's place, statistics
    data/chunk-000/file-000.parquet            one row per control tick; a file per episode here

Images stand in the data as JPEG. Besides the usual columns a tick has `source` (who commanded each arm), and an episode
has `episode_id`, `verdict`, `policy` and `seed`.
Source: huggingface/lerobot, src/lerobot/datasets (codebase version v3.0).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from aloe_data.codecs import encode_jpeg
from aloe_data.frames import Episode
from aloe_data.lerobot_statistics import Statistics, of_images, of_rows, together
from aloe_data.rig import Rig

VERSION = "v3.0"
FILES_PER_CHUNK = 1000
_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_DATA, _EPISODES, _TASKS = "data/" + _FILE, "meta/episodes/chunk-000/file-000.parquet", "meta/tasks.parquet"
_COUNTERS = {"timestamp": "float32"} | dict.fromkeys(("frame_index", "episode_index", "index", "task_index"), "int64")
_QUALITY = 95
Columns = Mapping[str, NDArray[Any]]


class DatasetError(ValueError):
    """A dataset that cannot be written or read; the message names the folder, the fault and the remedy."""


@dataclass(frozen=True, eq=False)
class DatasetEpisode:
    """One episode of a dataset: T ticks of a rig with S joints.

    Attributes:
        prompt: the task in words.
        state, action: float32 [T, S], measured and commanded joint positions.
        images: camera name to T images as they stand in the data (JPEG or PNG).
        source: uint8 [T, A], who commanded each arm; None where the dataset does not say.
        facts: further columns of the episode, such as "verdict".
    """

    prompt: str
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    images: Mapping[str, list[bytes]]
    source: NDArray[np.uint8] | None
    facts: Mapping[str, Any]


def joint_names(rig: Rig) -> list[str]:
    """Names of the S values of states and actions."""
    return [f"{arm.name}.{joint}" for arm in rig.arms for joint in arm.joint_names]


class DatasetWriter:
    """Writes episodes of one rig; the dataset is whole after `close`.

    Args:
        folder: must not exist.
        rig: of all episodes.

    Raises:
        DatasetError: the folder exists.
    """

    def __init__(self, folder: Path, rig: Rig) -> None:
        if folder.exists():
            raise DatasetError(f"{folder}: exists already; name a new folder")
        self._folder, self._rig = folder, rig
        self._tasks: dict[str, int] = {}
        self._episodes: list[dict[str, Any]] = []
        self._rows = 0
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._statistics: list[dict[str, Statistics]] = []  # of every episode, by feature

    def add(self, episode: Episode) -> None:
        """Append the observed ticks of an episode."""
        number, ticks = len(self._episodes), np.flatnonzero(episode.observed)
        task = self._tasks.setdefault(episode.prompt, len(self._tasks))
        vectors = self._columns(episode, ticks, number, task)
        columns = {name: _array(values) for name, values in vectors.items()}
        statistics = {name: of_rows(values) for name, values in vectors.items()}
        for index, camera in enumerate(self._rig.cameras):
            frames = episode.frames[camera.name]
            self._shapes[camera.name] = frames.shape[1:]
            statistics[f"observation.images.{camera.name}"] = of_images(frames)
            encoded = [{"bytes": encode_jpeg(frame, _QUALITY), "path": None} for frame in frames]
            images = [encoded[row] for row in episode.frame_index[ticks, index]]
            columns[f"observation.images.{camera.name}"] = pa.array(images, _IMAGE)
        where = {"chunk_index": number // FILES_PER_CHUNK, "file_index": number % FILES_PER_CHUNK}
        path = self._folder / _DATA.format(**where)
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
        (self._folder / _EPISODES).parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._episodes), self._folder / _EPISODES)
        pq.write_table(_task_table(list(self._tasks)), self._folder / _TASKS)
        (meta / "info.json").write_text(json.dumps(self._info(), indent=4) + "\n")
        (meta / "stats.json").write_text(json.dumps(self._all_statistics(), indent=4) + "\n")

    def _columns(self, episode: Episode, ticks: NDArray[Any], number: int, task: int) -> dict[str, NDArray[Any]]:
        count = len(ticks)
        return {
            "observation.state": episode.state[ticks],
            "action": episode.executed[ticks],
            "source": episode.source[ticks].astype(np.int64),
            "timestamp": (np.arange(count) / self._rig.rate_hz).astype(np.float32),
            "frame_index": np.arange(count),
            "episode_index": np.full(count, number),
            "index": self._rows + np.arange(count),
            "task_index": np.full(count, task),
        }

    def _row(self, episode: Episode, count: int, where: Mapping[str, int]) -> dict[str, Any]:
        facts, versions = episode.facts, [version for version in episode.policy_version if version]
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
        rig, names = self._rig, joint_names(self._rig)
        joints = {"dtype": "float32", "shape": [rig.state_dim], "names": names}
        arms = [arm.name for arm in rig.arms]
        features: dict[str, Any] = {"observation.state": joints, "action": joints}
        features["source"] = {"dtype": "int64", "shape": [len(arms)], "names": arms}
        for camera, shape in self._shapes.items():
            pixels = {"dtype": "image", "shape": [*shape], "names": ["height", "width", "channels"]}
            features[f"observation.images.{camera}"] = pixels
        features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in _COUNTERS.items()}
        return {
            "codebase_version": VERSION,
            "robot_type": rig.name,
            "total_episodes": len(self._episodes),
            "total_frames": self._rows,
            "total_tasks": len(self._tasks),
            "chunks_size": FILES_PER_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 500,
            "fps": round(rig.rate_hz),
            "splits": {"train": f"0:{len(self._episodes)}"},
            "data_path": _DATA,
            "video_path": None,
            "features": features,
        }

    def _all_statistics(self) -> dict[str, dict[str, list[Any]]]:
        whole = {name: together([part[name] for part in self._statistics]) for name in self._statistics[0]}
        return {name: {key: value.tolist() for key, value in of.items()} for name, of in whole.items()}


def read_dataset(folder: Path, rig: Rig) -> Iterator[DatasetEpisode]:
    """The episodes of a dataset.

    Args:
        folder: of the dataset.
        rig: whose joints and cameras it must have, by name.

    Raises:
        DatasetError: no dataset of this version, of another rig, or with videos in place of images.
    """
    try:
        info = json.loads((folder / "meta" / "info.json").read_text())
        _check(folder, info, rig)
        tasks = _read_tasks(folder)
        paths = sorted((folder / "meta" / "episodes").glob("*/*.parquet"))
        for row in [row for path in paths for row in pq.read_table(path).to_pylist()]:
            where = {key: row[f"data/{key}"] for key in ("chunk_index", "file_index")}
            wanted = [("episode_index", "=", row["episode_index"])]
            table = pq.read_table(folder / info["data_path"].format(**where), filters=wanted)
            yield _episode(table, row, tasks, rig)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{folder}: no LeRobot dataset {VERSION}: {type(error).__name__}: {error}") from error


def _check(folder: Path, info: Mapping[str, Any], rig: Rig) -> None:
    if info["codebase_version"] != VERSION:
        raise DatasetError(f"{folder}: is version {info['codebase_version']}, not {VERSION}; convert it with lerobot")
    if abs(info["fps"] - rig.rate_hz) > 0.01 * rig.rate_hz:
        raise DatasetError(f"{folder}: has {info['fps']} frames/s, the rig '{rig.name}' {rig.rate_hz:g}; resample it")
    names = joint_names(rig)
    for key in ("observation.state", "action"):
        found = info["features"][key]["names"]
        if found != names:
            raise DatasetError(f"{folder}: {key} is {found}, the rig '{rig.name}' has {names}; name its own rig file")
    for camera in rig.cameras:
        feature = info["features"].get(f"observation.images.{camera.name}", {})
        if feature.get("dtype") != "image":
            has = "is stored as video: write it with images" if feature else "is not there"
            raise DatasetError(f"{folder}: observation.images.{camera.name} {has}")
        if feature["shape"][:2] != [camera.height, camera.width]:
            size = f"{camera.height} x {camera.width}"
            raise DatasetError(f"{folder}: images of {camera.name} are {feature['shape'][:2]}, the rig's {size}")


def _episode(table: pa.Table, row: Mapping[str, Any], tasks: Mapping[int, str], rig: Rig) -> DatasetEpisode:
    def matrix(name: str, kind: type) -> NDArray[Any]:
        return np.array(table[name].to_pylist(), dtype=kind)

    images = {c.name: [v["bytes"] for v in table[f"observation.images.{c.name}"].to_pylist()] for c in rig.cameras}
    return DatasetEpisode(
        prompt=tasks[table["task_index"][0].as_py()],
        state=matrix("observation.state", np.float32),
        action=matrix("action", np.float32),
        images=images,
        source=matrix("source", np.uint8) if "source" in table.column_names else None,
        facts=row,
    )


def _read_tasks(folder: Path) -> dict[int, str]:
    table = pq.read_table(folder / _TASKS)
    words = next(name for name in table.column_names if name != "task_index")
    return dict(zip(table["task_index"].to_pylist(), table[words].to_pylist(), strict=True))


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
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _flat(statistics: Mapping[str, Statistics]) -> dict[str, list[Any]]:
    """As columns of an episode."""
    return {f"stats/{name}/{key}": value.tolist() for name, of in statistics.items() for key, value in of.items()}
