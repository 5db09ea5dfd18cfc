"""Weights of chunks as plain data, between whoever finds out what was good and the policy's training: one .npz file.

One entry per chunk, n in all; a chunk begins at a tick of a store of episodes.

    row        int64 [n]           tick of the store at which it begins
    stop       int64 [n]           its segment ends before this tick
    weight     float32 [n]         of its flow loss, at least 0
    advantage  float32 [n]         what the weight was made of; NaN where nobody asked
    source     int64 [n]           who acted, index into `sources.SOURCES`
    success    bool [n]            its segment ends in the episode's success, or was handed back in one
    chunks     float16 [n, H, A]   only where others than the executed chunks are to be learned, normalised
    good       bool [n]            only where the policy is to be told of each chunk whether it is good
    meta       JSON                how it was made: see META
Nothing in it is unpickled.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import ConfigError
from aloe_data.durable import replacing
from aloe_data.episode_index import StoredEpisode
from aloe_data.sources import SOURCES
from aloe_policy.actions import Normaliser

META = ("method", "options", "policy", "normaliser", "critic", "encoder", "store", "statistics")
CONDITION = {"good": "|b1"}
COLUMNS = {"row": "<i8", "stop": "<i8", "weight": "<f4", "advantage": "<f4", "source": "<i8", "success": "|b1"}
Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Weights:
    """What the file holds, see the module's docstring.

    `meta` has the method and its options; the versions of the policy and of the critic ("": none); the hashes of the
    encoder and of the normaliser; the mark of the store, see `store_mark`; and statistics of the weights.
    """

    row: Array
    stop: Array
    weight: Array
    advantage: Array
    source: Array
    success: Array
    meta: Mapping[str, Any]
    chunks: Array | None = None
    good: Array | None = None

    def __len__(self) -> int:
        return len(self.row)


def store_mark(episodes: Sequence[StoredEpisode], count: int | None = None) -> dict[str, Any]:
    """What tells a store from others, though it grows: how many episodes it has, and a hash over those [count]."""
    rows = [[e.fingerprint, e.first_tick, e.ticks] for e in episodes[:count]]
    return {"episodes": len(rows), "sha256": hashlib.sha256(json.dumps(rows).encode()).hexdigest()}


def normaliser_hash(normaliser: Normaliser) -> str:
    """sha256 (hex) over the statistics through which a policy sees states and chunks."""
    digest = hashlib.sha256()
    for array in asdict(normaliser).values():
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()


def file_hash(file: Path) -> str:
    """sha256 (hex) of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def effective_sample_size(weight: Array) -> float:
    """(sum w)^2 / (n sum w^2): the share of samples that count, 1 for equal weights."""
    return float(weight.sum() ** 2 / (len(weight) * np.square(weight).sum()))


def weight_by_source(weight: Array, source: Array) -> dict[str, float]:
    """Share of the total weight that each source has."""
    return {name: float(weight[source == k].sum() / weight.sum()) for k, name in enumerate(SOURCES)}


def say(statistics: Mapping[str, Any]) -> str:
    """Statistics of weights, in words."""
    size = statistics["effective_sample_size"]
    clipped = statistics["clipped"]
    said = f"effective sample size {size:.2f}, {clipped:.0%} at the clip, weight by source: {_by(statistics['share'])}"
    return f"{said}; good: {_by(statistics['good'])}" if "good" in statistics else said


def save_weights(file: Path, weights: Weights) -> None:
    """Write the file; it is there complete, or the one before it still is."""
    arrays: dict[str, Any] = {name: np.asarray(getattr(weights, name), dtype) for name, dtype in COLUMNS.items()}
    arrays["meta"] = np.array(json.dumps(dict(weights.meta)))
    if weights.chunks is not None:
        arrays["chunks"] = np.asarray(weights.chunks, np.float16)
    if weights.good is not None:
        arrays["good"] = np.asarray(weights.good, bool)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as stream:
        np.savez(stream, **arrays)  # NumPy 1 takes `allow_pickle` for the name of another array


def load_weights(file: Path) -> Weights:
    """Read the file and check that it makes sense by itself.

    Raises:
        ConfigError: missing, damaged, something else, or weights that are none.
    """
    try:
        with np.load(file, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files if name != "meta"}
            meta = json.loads(str(data["meta"]))
        found = Weights(meta=meta, **arrays)
        missing = [name for name in META if name not in meta]
        lengths = {len(getattr(found, f.name)) for f in fields(Weights) if f.name in (*COLUMNS, *arrays)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{file}: no weights ({error}); make them with `ros2 run aloe_critic weigh`") from error
    columns = COLUMNS | (CONDITION if "good" in arrays else {})
    wrong = [name for name, dtype in columns.items() if arrays[name].dtype != dtype or arrays[name].ndim != 1]
    if missing or wrong or len(lengths) != 1:
        what = f"meta lacks {', '.join(missing)}" if missing else "columns of wrong type or length"
        raise ConfigError(f"{file}: {what}; make it with `ros2 run aloe_critic weigh`")
    _check_values(file, found)
    return found


def _by(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in shares.items())


def _check_values(file: Path, found: Weights) -> None:
    bad = ~(np.isfinite(found.weight) & (found.weight >= 0))
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise ConfigError(
            f"{file}: {bad.sum()} of {len(found)} weights are no weights, the first is {found.weight[first]} at entry "
            f"{first} (row {found.row[first]}); weigh anew, and look for NaN in the critic or the data"
        )
    if not (found.weight > 0).any():
        raise ConfigError(f"{file}: no chunk left: all {len(found)} weights are 0; weigh with other options or data")
    if (found.stop <= found.row).any() or not np.isin(found.source, range(len(SOURCES))).all():
        raise ConfigError(f"{file}: chunks that end before they begin, or of unknown source; weigh anew")
