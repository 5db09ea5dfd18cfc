"""Reading of LeRobot datasets v3.0, the suite's own and those of other projects."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from aloe_data.lerobot_format import (
    DONE,
    INTERVENTION,
    REWARD,
    SUCCESS,
    TASKS,
    VERSION,
    DatasetEpisode,
    DatasetError,
    image_key,
)
from aloe_data.lerobot_images import read_picture
from aloe_data.lerobot_info import RADIANS, DatasetInfo, read_info
from aloe_data.lerobot_joints import Joints
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority


def read_dataset(folder: Path, rig: Rig, units: str = RADIANS) -> Iterator[DatasetEpisode]:
    """The episodes of a dataset.

    Args:
        folder: Folder of the dataset.
        rig: Rig whose joints and cameras the dataset must have, by name.
        units: Unit of its angles, "radians" or "degrees".

    Raises:
        DatasetError: no dataset of this version, of another rig, with videos in place of images, or with values that
            cannot be; names file or episode, frame and feature.
    """
    try:
        reader = _Reader(folder, rig, read_info(folder, rig, units), units)
        for row in _read_episodes(folder):
            yield reader.episode(row)
    except (OSError, LookupError, ValueError, TypeError, pa.ArrowException) as error:
        if isinstance(error, DatasetError):
            raise
        what = f"{type(error).__name__}: {error}"
        raise DatasetError(f"{folder}: no LeRobot dataset {VERSION}: {what}; copy or download all of it") from error


class _Reader:
    def __init__(self, folder: Path, rig: Rig, info: DatasetInfo, units: str) -> None:
        self._folder = folder
        self._rig = rig
        self._info = info
        self._joints = Joints(rig, units)
        self._tasks = _read_tasks(folder / TASKS)

    def episode(self, row: Mapping[str, Any]) -> DatasetEpisode:
        where = f"{self._folder}: episode {row['episode_index']}"
        table = self._table(row, where)
        return DatasetEpisode(
            prompt=self._prompt(table, where),
            state=self._matrix(table, "observation.state", where),
            action=self._matrix(table, "action", where),
            images=self._images(table, where),
            source=self._source(table, where),
            facts={"verdict": _verdict(table)} | {key: value for key, value in row.items() if value is not None},
        )

    def _table(self, row: Mapping[str, Any], where: str) -> pa.Table:
        """The frames of an episode, in their order."""
        place = {key: row[f"data/{key}"] for key in ("chunk_index", "file_index")}
        file = self._folder / self._info.data_path.format(**place)
        table = pq.read_table(file, filters=[("episode_index", "=", row["episode_index"])]).sort_by("frame_index")
        numbers = table["frame_index"].to_pylist()
        if not numbers or numbers != list(range(len(numbers))) or len(numbers) != row.get("length", len(numbers)):
            has = f"{len(numbers)} frames of {row.get('length')}, numbered {numbers[:1]} to {numbers[-1:]}"
            raise DatasetError(f"{where}: {file} has {has}; frames are missing: download or record it again")
        return table

    def _prompt(self, table: pa.Table, where: str) -> str:
        numbers = table["task_index"].to_pylist()
        number = numbers[0]
        other = next((frame for frame, task in enumerate(numbers) if task != number), None)
        if other is not None:  # an episode has one prompt; the first alone would be wrong for the rest
            raise DatasetError(
                f"{where}, frame {other}: task_index changes from {number} to {numbers[other]}; "
                "make two episodes of it, or give it one task"
            )
        if not isinstance(self._tasks.get(number), str):
            raise DatasetError(f"{where}: task_index is {number}, of which {TASKS} does not tell; correct it")
        return self._tasks[number]

    def _matrix(self, table: pa.Table, key: str, where: str) -> NDArray[np.float32]:
        """Positions [T, S] in the rig's order and units."""
        columns = self._info.columns[key]
        rows = self._rows(table, key, where)
        if rows.shape[1] <= columns.max():
            has = f"{rows.shape[1]} values per frame, described are more"
            raise DatasetError(f"{where}, {key}: has {has}; correct meta/info.json")
        return self._joints.convert(rows[:, columns], f"{where}, {key}")

    def _images(self, table: pa.Table, where: str) -> dict[str, list[bytes]]:
        images: dict[str, list[bytes]] = {}
        for camera in self._rig.cameras:
            key = image_key(camera.name)
            cells = self._column(table, key, where).to_pylist()
            images[camera.name] = [
                read_picture(cell, self._folder, camera, f"{where}, frame {frame}, {key}")
                for frame, cell in enumerate(cells)
            ]
        return images

    def _source(self, table: pa.Table, where: str) -> NDArray[np.uint8] | None:
        """Who commanded each arm [T, A]: the suite's own column, or else the convention of interventions."""
        arms = [arm.name for arm in self._rig.arms]
        if self._info.features.get("source", {}).get("names") == arms:  # other projects have other sources
            rows = self._rows(table, "source", where)
            if rows.shape[1] != len(arms):
                has = f"{rows.shape[1]} values per frame for the arms {', '.join(arms)}"
                raise DatasetError(f"{where}, source: has {has}; export the dataset again, or remove the column")
            if not np.isin(rows, list(Authority)).all():
                raise DatasetError(f"{where}, source: holds other values than 0 hold, 1 policy, 2 human; correct it")
            return rows.astype(np.uint8)
        if INTERVENTION not in table.column_names:
            return None
        human = self._rows(table, INTERVENTION, where)[:, :1] > 0
        return np.where(human, Authority.HUMAN, Authority.POLICY).astype(np.uint8).repeat(len(arms), axis=1)

    def _column(self, table: pa.Table, key: str, where: str) -> pa.ChunkedArray:
        if key not in table.column_names:
            raise DatasetError(f"{where}, {key}: is described, but not in the data; download the dataset again")
        return table[key]

    def _rows(self, table: pa.Table, key: str, where: str) -> NDArray[np.float64]:
        """Numbers [T, F] of a column of numbers or of lists of them."""
        values = self._column(table, key, where).to_pylist()
        for frame, value in enumerate(values):
            if value is None or (isinstance(value, list) and None in value):
                raise DatasetError(f"{where}, frame {frame}, {key}: is empty; record the episode again")
        try:
            rows = np.array(values, dtype=np.float64)
        except (ValueError, TypeError) as error:
            remedy = "its frames must have as many each"
            raise DatasetError(f"{where}, {key}: is no table of numbers ({error}); {remedy}") from error
        return rows.reshape(len(rows), -1)


def _read_episodes(folder: Path) -> list[Mapping[str, Any]]:
    """A row per episode, in their order; statistics stay where they are."""
    rows: list[Mapping[str, Any]] = []
    # Names with a dot before them are not the dataset's: macOS leaves such files on other systems' disks.
    for path in sorted((folder / "meta" / "episodes").glob("[!.]*/[!.]*.parquet")):
        names = [name for name in pq.read_schema(path).names if not name.startswith("stats/")]
        rows += pq.read_table(path, columns=names).to_pylist()
    if not rows:
        raise DatasetError(f"{folder}: meta/episodes tells of no episode; give the folder of a whole dataset")
    return sorted(rows, key=lambda row: row["episode_index"])


def _read_tasks(file: Path) -> dict[int, str]:
    """Tasks in words by their number: the words are the index of the table, or its column "task"."""
    table = pq.read_table(file)
    pandas = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in pandas.get("index_columns", []) if isinstance(name, str)]
    names = [name for name in (*index, "task", "__index_level_0__") if name in table.column_names]
    texts = [name for name in names if _is_text(table.schema.field(name).type)]
    if not texts or "task_index" not in table.column_names:
        has = ", ".join(table.column_names)
        raise DatasetError(f"{file}: has no column 'task' of texts beside 'task_index', but {has}; name it 'task'")
    return dict(zip(table["task_index"].to_pylist(), table[texts[0]].to_pylist(), strict=True))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _verdict(table: pa.Table) -> str:
    """How an episode ended by LeRobot's conventions; "none" where it does not say."""
    said = [value for value in _values(table, SUCCESS) if isinstance(_one(value), bool | int | float)]
    if said:
        return "success" if any(map(_truth, said)) else "failure"
    if REWARD in table.column_names and DONE in table.column_names:
        done = _truth(table[DONE][-1].as_py())
        reward = _number(table[REWARD][-1].as_py())
        if done and reward >= 1.0:  # a sparse reward; without it nobody knows why it ended
            return "success"
    return "none"


def _truth(value: Any) -> bool:
    return _number(value) > 0


def _values(table: pa.Table, key: str) -> list[Any]:
    return table[key].to_pylist() if key in table.column_names else []


def _number(value: Any) -> float:
    """Of a value or a list of one."""
    value = _one(value)
    return float(value) if isinstance(value, int | float) else 0.0


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
