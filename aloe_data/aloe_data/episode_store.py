"""Episodes as flat arrays on disk: appended one by one, memory-mapped, never held in memory.

    store.json          rig, contract, image size
    episodes.jsonl      one line per episode, written last: what it does not name does not exist
    gone.json           bags that are no longer there: their episodes are left out, and come back with them
    ticks/NAME.TYPE     rows of all episodes' control ticks, one after the other
    features/HASH/      features of all frames, by the hash of the encoder that made them

A crash leaves at most rows that no line names; the next append writes over them.
"""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.durable import append_line, replacing
from aloe_data.frames import Episode
from aloe_data.rig import Rig

FORMAT = 1


class StoreError(ValueError):
    """A store that cannot be used; the message names the file, the fault and the remedy."""


@dataclass(frozen=True)
class StoredEpisode:
    """One line of `episodes.jsonl`.

    Attributes:
        bag: folder of the bag.
        fingerprint: of the bag's content; a bag that changed is ingested anew.
        episode_id, prompt, seed, verdict: as in EpisodeFacts; the verdict is the bag's own at the time of ingest.
        policy: version of the policy that commanded most of its ticks, "" for none.
        first_tick, ticks: its rows in `ticks/`.
        first_frame, frames: its rows in `features/`, camera by camera.
    """

    bag: str
    fingerprint: str
    episode_id: str
    prompt: str
    seed: int
    verdict: str
    policy: str
    first_tick: int
    ticks: int
    first_frame: int
    frames: int


@dataclass(frozen=True)
class _Column:
    """Type and shape of one row."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize * int(np.prod(self.shape, dtype=int))


class EpisodeStore:
    """A folder of episodes of one rig, at one image size.

    Args:
        folder: created if it does not exist.
        rig: of all episodes.
        image_size: (height, width) in px that frames have when features are made of them.

    Raises:
        StoreError: the folder holds something else, or episodes of another rig or image size.
    """

    def __init__(self, folder: Path, rig: Rig, image_size: tuple[int, int]) -> None:
        self.folder, self.rig = folder, rig
        cameras, arms = len(rig.cameras), len(rig.arms)
        self._columns = {
            "stamps_ns": _Column("<i8", ()),
            "state": _Column("<f4", (rig.state_dim,)),
            "executed": _Column("<f4", (rig.state_dim,)),
            "source": _Column("|u1", (arms,)),
            "observed": _Column("|u1", ()),
            "frame": _Column("<i8", (cameras,)),  # row in features; -1 where not observed
        }
        self._check_header({"format": FORMAT, "rig": rig.name, "contract": rig.contract, "image_size": [*image_size]})
        self.episodes = read_index(folder)
        self._gone = _read_gone(folder / "gone.json")

    @property
    def bags(self) -> Mapping[str, StoredEpisode]:
        """The newest episode of each bag, by its folder, without those that are gone."""
        return {episode.bag: episode for episode in self.episodes if episode.bag not in self._gone}

    def follow(self, folder: Path, bags: Collection[str]) -> list[str]:
        """Leave out what was ingested from a folder and is not among its bags now; returns which bags are gone."""
        below = {episode.bag for episode in self.episodes if Path(episode.bag).is_relative_to(folder)}
        gone = below - set(bags)
        if gone != self._gone & below:
            self._gone = self._gone - below | gone
            _write_json(self.folder / "gone.json", sorted(self._gone))
        return sorted(gone)

    def column(self, name: str) -> NDArray[Any]:
        """All rows of a column, memory-mapped: [ticks, ...]."""
        column = self._columns[name]
        return _mapped(self._path(name), column, self._end("first_tick", "ticks"))

    def append(self, episode: Episode, bag: str, fingerprint: str) -> StoredEpisode:
        """Add an episode; it is on the disk when this returns."""
        first_tick, first_frame = self._end("first_tick", "ticks"), self._end("first_frame", "frames")
        counts = [len(episode.frames[camera.name]) for camera in self.rig.cameras]
        starts = first_frame + np.cumsum([0, *counts[:-1]])
        frame = np.where(episode.frame_index >= 0, episode.frame_index + starts, -1)
        rows: dict[str, NDArray[Any]] = {
            "stamps_ns": episode.stamps_ns,
            "state": episode.state,
            "executed": episode.executed,
            "source": episode.source,
            "observed": episode.observed,
            "frame": frame,
        }
        for name, values in rows.items():
            _write_rows(self._path(name), self._columns[name], first_tick, values)
        facts = episode.facts
        stored = StoredEpisode(
            bag=bag,
            fingerprint=fingerprint,
            episode_id=facts.episode_id,
            prompt=facts.prompt,
            seed=facts.seed,
            verdict=facts.verdict,
            policy=_most_common(episode.policy_version),
            first_tick=first_tick,
            ticks=len(episode),
            first_frame=first_frame,
            frames=sum(counts),
        )
        append_line(self.folder / "episodes.jsonl", json.dumps(asdict(stored)))
        self.episodes = (*self.episodes, stored)
        return stored

    def _check_header(self, header: dict[str, Any]) -> None:
        path = self.folder / "store.json"
        if not path.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise StoreError(f"{self.folder}: not empty and no store of episodes; give another folder")
            (self.folder / "ticks").mkdir(parents=True)
            _write_json(path, header)
            return
        try:
            found = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise StoreError(f"{path}: cannot be read: {error}; ingest into another folder") from error
        for key, wanted in header.items():
            if found.get(key) != wanted:
                raise StoreError(f"{path}: {key} is {found.get(key)!r}, not {wanted!r}; ingest into another folder")

    def _end(self, first: str, count: str) -> int:
        return max((getattr(e, first) + getattr(e, count) for e in self.episodes), default=0)

    def _path(self, name: str) -> Path:
        return self.folder / "ticks" / f"{name}.{self._columns[name].dtype[1:]}"


def read_index(folder: Path) -> tuple[StoredEpisode, ...]:
    """The episodes of a store's folder; none where there is no store.

    Raises:
        StoreError: a line of another kind.
    """
    path = folder / "episodes.jsonl"
    episodes = []
    for number, line in enumerate(path.read_text().split("\n") if path.exists() else (), start=1):
        if not line:
            continue
        try:
            episodes.append(StoredEpisode(**json.loads(line)))
        except json.JSONDecodeError:
            continue  # torn by a crash while it was written
        except TypeError as error:
            raise StoreError(f"{path}:{number}: {error}; ingest into another folder") from error
    return tuple(episodes)


def _read_gone(path: Path) -> set[str]:
    try:
        return set(json.loads(path.read_text())) if path.exists() else set()
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}; remove it, and ingest again") from error


class FeatureStore:
    """Features of a store's frames, float16 [frames, ...] memory-mapped, made once per encoder.

    Args:
        store: whose frames they are of.
        encoder: hash of the encoder.
        shape: of one frame's features.

    Attributes:
        encoder: that hash.

    Raises:
        StoreError: features of another shape stand under that hash.
    """

    def __init__(self, store: EpisodeStore, encoder: str, shape: tuple[int, ...]) -> None:
        self.encoder, self._store, self._column = encoder, store, _Column("<f2", tuple(shape))
        self._folder = store.folder / "features" / encoder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._check_header(self._folder / "shape.json")
        done = self._folder / "episodes.jsonl"
        self._done = {int(row) for row in done.read_text().split()} if done.exists() else set[int]()

    def _check_header(self, header: Path) -> None:
        said, shape = header.read_text().strip() if header.exists() else "", list(self._column.shape)
        if not header.exists():
            _write_json(header, shape)
        elif said != json.dumps(shape):
            raise StoreError(f"{header}: '{said}' is not {shape}; remove {self._folder}")

    def has(self, episode: StoredEpisode) -> bool:
        """Whether an episode's features are there."""
        return episode.first_frame in self._done

    def write(self, episode: StoredEpisode, features: NDArray[np.float16]) -> None:
        """Keep the features [frames, ...] of an episode, camera by camera."""
        if features.shape != (episode.frames, *self._column.shape):
            raise ValueError(f"features are {features.shape}, not {(episode.frames, *self._column.shape)}")
        _write_rows(self._folder / "frames.f2", self._column, episode.first_frame, features)
        append_line(self._folder / "episodes.jsonl", str(episode.first_frame))
        self._done.add(episode.first_frame)

    def rows(self) -> NDArray[np.float16]:
        """All of them; rows of episodes that are not there are zero."""
        ends = [e.first_frame + e.frames for e in self._store.episodes if self.has(e)]
        return _mapped(self._folder / "frames.f2", self._column, max(ends, default=0))


def _write_json(path: Path, value: Any) -> None:
    """Others may open the store at any time: they find all of it or nothing."""
    with replacing(path) as whole:
        whole.write((json.dumps(value) + "\n").encode())


def _mapped(path: Path, column: _Column, rows: int) -> NDArray[Any]:
    if rows == 0:
        return np.zeros((0, *column.shape), column.dtype)
    return np.memmap(path, dtype=column.dtype, mode="r", shape=(rows, *column.shape))


def _write_rows(path: Path, column: _Column, first: int, values: NDArray[Any]) -> None:
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.seek(first * column.row_bytes)
        file.write(np.ascontiguousarray(values, dtype=column.dtype).tobytes())
        file.flush()
        os.fsync(file.fileno())


def _most_common(versions: tuple[str, ...]) -> str:
    named = [version for version in versions if version]
    return max(set(named), key=named.count) if named else ""
