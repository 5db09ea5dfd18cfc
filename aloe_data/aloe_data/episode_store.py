"""Episodes as flat arrays on disk: appended one by one, memory-mapped, never held in memory.

    store.json          rig, contract, image size
    episodes.jsonl      one line per episode, written last: what it does not name does not exist
    bags.json           where their bags are now; episodes of bags that are gone are left out, and come back with them
    ticks/NAME.TYPE     rows of all episodes' control ticks, one after the other
    features/HASH/      features of all frames, by the hash of the encoder that made them

A crash leaves at most rows that no line names; the next append writes over them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.columns import Column, mapped, write_rows
from aloe_data.durable import append_line
from aloe_data.episode_index import StoredEpisode, StoreError, open_bag_index, read_index
from aloe_data.frames import Episode
from aloe_data.rig import Rig
from aloe_data.sidecar import SidecarError, read_json, write_json

FORMAT = 1


class EpisodeStore:
    """A folder of episodes of one rig, at one image size.

    Args:
        folder: Folder of the store; created if it does not exist.
        rig: Rig of all episodes.
        image_size: (height, width) in px that frames have when features are made of them.

    Raises:
        StoreError: the folder holds something else, or episodes of another rig or image size.
    """

    def __init__(self, folder: Path, rig: Rig, image_size: tuple[int, int]) -> None:
        self.folder = folder
        self.rig = rig
        self.image_size = image_size
        cameras = len(rig.cameras)
        arms = len(rig.arms)
        self._columns = {
            "stamps_ns": Column("<i8", ()),
            "state": Column("<f4", (rig.state_dim,)),
            "executed": Column("<f4", (rig.state_dim,)),
            "source": Column("|u1", (arms,)),
            "observed": Column("|u1", ()),
            "frame": Column("<i8", (cameras,)),  # row in features; -1 where not observed
        }
        self._check_header({"format": FORMAT, "rig": rig.name, "contract": rig.contract, "image_size": [*image_size]})
        self.episodes = read_index(folder)
        self._index = open_bag_index(folder, self.episodes)
        self._newest = self._newest_by_key()

    @property
    def bags(self) -> Mapping[str, StoredEpisode]:
        """The newest episode of each bag, by its key, without those that are gone; a key is a fingerprint.

        A bag has one key wherever it lies; so do its copies, and the same episode in another form.
        """
        there = {key: episode for key, episode in self._newest.items() if not self._index.is_gone(key)}
        return {key: replace(episode, bag=self._index.place(key)) for key, episode in there.items()}

    def fingerprint(self, bag: Path) -> str:
        """The fingerprint of a bag, see `aloe_data.fingerprint`; remembered as long as its files stay as they are."""
        return self._index.fingerprint(bag)

    def find(self, fingerprint: str) -> StoredEpisode | None:
        """The newest episode of a bag, also of one that is gone; None where it was never ingested."""
        return self._newest.get(self._index.key(fingerprint))

    def key_of(self, name: str) -> str | None:
        """The key, among those of `bags`, of the bag that was named so before; None: it is not there.

        Args:
            name: Key of the bag when somebody wrote it down, or its folder, which was its name in former versions. A
                bag that has been replaced since, as `repair` does, is the one that is in its place now.
        """
        rows = [episode for episode in self.episodes if name in (episode.fingerprint, episode.bag)]
        key = self._index.key(rows[-1].fingerprint) if rows else None
        bags = self.bags
        while key is not None and key not in bags:
            key = self._index.after(key)
        return key

    def twin(self, episode: Episode) -> StoredEpisode | None:
        """The stored episode that is the same tick by tick, as that of a bag which was converted since; else None."""
        rows = (e for e in reversed(self.episodes) if e.episode_id == episode.facts.episode_id)
        return next((stored for stored in rows if self._holds(stored, episode)), None)

    def unite(self, fingerprint: str, known: StoredEpisode) -> None:
        """From now on a fingerprint is one of a stored episode."""
        own = self._index.key(fingerprint)
        key = self._index.key(known.fingerprint)
        if own == key:
            return
        self._index.unite(own, key)
        if own in self._newest:  # two rows are one episode from now on, also for whoever opens the store next
            self._index.save()
            self._newest = self._newest_by_key()

    def follow(self, folder: Path, found: Mapping[str, str], keep_gone: bool = False) -> list[str]:
        """Take note of which bags are below a folder now; returns the folders of those that are gone from it.

        Args:
            folder: Folder that was searched.
            found: Fingerprints of all bags below it, by their folders.
            keep_gone: Whether to go on with episodes of bags that are gone.
        """
        return self._index.follow(folder, found, keep_gone)

    def column(self, name: str) -> NDArray[Any]:
        """All rows of a column, memory-mapped: [ticks, ...]."""
        column = self._columns[name]
        return mapped(self._path(name), column, self._end("first_tick", "ticks"))

    def append(self, episode: Episode, bag: str, fingerprint: str) -> StoredEpisode:
        """Add an episode; it is on the disk when this returns."""
        first_tick = self._end("first_tick", "ticks")
        first_frame = self._end("first_frame", "frames")
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
            write_rows(self._path(name), self._columns[name], first_tick, values)
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
        self._index.add(fingerprint, bag)
        self._newest[self._index.key(fingerprint)] = stored
        return stored

    def _newest_by_key(self) -> dict[str, StoredEpisode]:
        return {self._index.key(episode.fingerprint): episode for episode in self.episodes}

    def _holds(self, stored: StoredEpisode, episode: Episode) -> bool:
        """Whether a stored episode has the ticks of another one, and as many frames."""
        frames = sum(len(views) for views in episode.frames.values())
        if (stored.ticks, stored.frames) != (len(episode), frames):
            return False
        rows = slice(stored.first_tick, stored.first_tick + stored.ticks)
        columns: dict[str, NDArray[Any]] = {
            "stamps_ns": episode.stamps_ns,
            "state": episode.state,
            "executed": episode.executed,
        }
        return all(_equal(self.column(name)[rows], values) for name, values in columns.items())

    def _check_header(self, header: dict[str, Any]) -> None:
        path = self.folder / "store.json"
        if not path.exists():
            if self.folder.exists() and any(self.folder.iterdir()):
                raise StoreError(f"{self.folder}: not empty and no store of episodes; give another folder")
            (self.folder / "ticks").mkdir(parents=True)
            write_json(path, header)
            return
        try:
            found = read_json(path)
        except SidecarError as error:
            raise StoreError(f"{error}; correct it, or ingest into another folder") from error
        if not isinstance(found, dict):
            raise StoreError(f"{path}: is no mapping of keys to values; ingest into another folder")
        for key, wanted in header.items():
            if found.get(key) != wanted:
                raise StoreError(f"{path}: {key} is {found.get(key)!r}, not {wanted!r}; ingest into another folder")

    def _end(self, first: str, count: str) -> int:
        return max((getattr(e, first) + getattr(e, count) for e in self.episodes), default=0)

    def _path(self, name: str) -> Path:
        return self.folder / "ticks" / f"{name}.{self._columns[name].dtype[1:]}"


def _equal(stored: NDArray[Any], values: NDArray[Any]) -> bool:
    return np.array_equal(stored, values.astype(stored.dtype), equal_nan=stored.dtype.kind == "f")


def _most_common(versions: tuple[str, ...]) -> str:
    named = [version for version in versions if version]
    return max(set(named), key=named.count) if named else ""
