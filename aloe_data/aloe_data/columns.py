"""Arrays on disk that only grow: rows of one type and shape, one after the other, memory-mapped to be read."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Column:
    """Type and shape of one row."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Size of a row."""
        return np.dtype(self.dtype).itemsize * int(np.prod(self.shape, dtype=int))


def mapped(path: Path, column: Column, rows: int) -> NDArray[Any]:
    """The first rows of a file [rows, ...]."""
    if rows == 0:
        return np.zeros((0, *column.shape), column.dtype)
    return np.memmap(path, dtype=column.dtype, mode="r", shape=(rows, *column.shape))


def write_rows(path: Path, column: Column, first: int, values: NDArray[Any]) -> None:
    """Write rows from row `first` on; they are on the disk when this returns."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(first * column.row_bytes)
        file.write(np.ascontiguousarray(values, dtype=column.dtype).tobytes())
        file.flush()
        os.fsync(file.fileno())
