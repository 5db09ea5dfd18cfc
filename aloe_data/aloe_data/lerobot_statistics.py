"""Statistics of features as LeRobot datasets carry them, per episode and for all of them together.

Of every feature: min, max, mean, std, count and quantiles; of images per channel, in [0, 1], as [3, 1, 1].
Source: huggingface/lerobot, src/lerobot/datasets/compute_stats.py (codebase version v3.0).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
_EVERY_FRAME = 25  # images are sampled: one of so many frames,
_EVERY_PIXEL = 4  # and one of so many pixels along each axis
Statistics = Mapping[str, NDArray[Any]]


def of_rows(values: NDArray[Any]) -> Statistics:
    """Of numbers [n] or vectors [n, F]: each [F], `count` [1]."""
    rows = values.reshape(len(values), -1).astype(np.float64)
    quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
    measures = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    return measures | {"count": np.array([len(rows)])} | dict(zip(QUANTILES, quantiles, strict=True))


def of_images(frames: NDArray[np.uint8]) -> Statistics:
    """Of images [n, h, w, 3], from a sample of them: each [3, 1, 1], `count` [1] in images."""
    sample = frames[::_EVERY_FRAME]
    pixels = of_rows(sample[:, ::_EVERY_PIXEL, ::_EVERY_PIXEL].reshape(-1, 3) / 255.0)
    return {name: value.reshape(3, 1, 1) for name, value in pixels.items() if name != "count"} | {
        "count": np.array([len(sample)])
    }


def together(parts: Sequence[Statistics]) -> Statistics:
    """Of several episodes: exact, but for quantiles, which are the mean of the episodes' by count."""
    column = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    weights = column["count"].reshape(-1, *[1] * parts[0]["mean"].ndim) / column["count"].sum()

    def weighted(values: NDArray[Any]) -> NDArray[Any]:
        return (weights * values).sum(0)

    mean = weighted(column["mean"])
    variance = weighted(column["std"] ** 2 + (column["mean"] - mean) ** 2)
    exact = {"min": column["min"].min(0), "max": column["max"].max(0), "mean": mean, "std": np.sqrt(variance)}
    return exact | {"count": column["count"].sum(0)} | {name: weighted(column[name]) for name in QUANTILES}
