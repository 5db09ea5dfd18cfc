"""Which bags a store's episodes came from, and where those bags are now: `bags.json` in the store's folder.

    store    where the store was when this was written: bags that move together with it are found again
    places   by key of a bag: the folders that hold it or a copy of it; of one that is gone, those that held it last
    gone     keys of bags that are nowhere any more
    after    by key of a bag whose folder holds another one now: the key of that one
    same     by fingerprint: key of the same episode, which was ingested before in another form or by a former version
    read     by folder: what its files looked like, and the fingerprint of its bag, so that it is not read again

A bag's key is the fingerprint that it had when its episode was ingested (`aloe_data.fingerprint`).
"""

import json
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from aloe_data.bag_folders import bag_files, moved_with
from aloe_data.durable import replacing
from aloe_data.fingerprint import fingerprint
from aloe_data.section import nearest
from aloe_data.sidecar import SidecarError, read_json

_KEYS = ("store", "places", "gone", "after", "same", "read")


class BagIndex:
    """What is known of the bags of a store.

    Args:
        folder: Folder of the store.
        ingested: Fingerprint and folder of every episode's bag, in the order in which they were ingested.

    Raises:
        OSError, ValueError: a file of the store is damaged; SidecarError names it.
    """

    def __init__(self, folder: Path, ingested: Iterable[tuple[str, str]]) -> None:
        self._folder = folder.resolve()
        self._file = folder / "bags.json"
        found: dict[str, Any] = _read(self._file, {})
        for key in found:
            if key not in _KEYS:
                raise SidecarError(f"{self._file}: unknown key '{key}'; {nearest(key, _KEYS)}")
        self._same: dict[str, str] = found.get("same", {})
        self._after: dict[str, str] = found.get("after", {})
        self._read: dict[str, list[str]] = found.get("read", {})
        self._places: dict[str, list[str]] = found.get("places", {})
        self._gone: set[str] = set(found.get("gone", ()))
        self._holds: dict[str, str] = {}  # key by folder
        self._look_up_folders()
        recorded = set(self._places)
        for content, bag in ingested:
            if self.key(content) not in recorded:  # ingested just before a crash, or by a former version
                self.add(content, bag)
        if not found:
            self._take_over_gone(folder / "gone.json")
        elif found["store"] != str(self._folder):
            self._follow_store(Path(found["store"]))

    def key(self, content: str) -> str:
        """The key of the bag with a fingerprint."""
        while content in self._same:
            content = self._same[content]
        return content

    def is_gone(self, key: str) -> bool:
        """Whether a bag is nowhere any more."""
        return key in self._gone

    @property
    def there(self) -> Collection[str]:
        """Keys of the bags that are not gone."""
        return self._places.keys() - self._gone

    def place(self, key: str) -> str:
        """The folder that holds a bag that is there; of several the one that was known first."""
        return self._places[key][0]

    def after(self, key: str) -> str | None:
        """What lies now where a bag was that is gone, as the repaired bag in place of the damaged one."""
        return self._after.get(key)

    def fingerprint(self, bag: Path) -> str:
        """The fingerprint of a bag, read anew only where its files have changed; a new one where it cannot be read."""
        files = [(file.name, file.stat()) for file in bag_files(bag)]
        state = " ".join(f"{name} {s.st_ino} {s.st_size} {s.st_mtime_ns}" for name, s in files)
        known = self._read.get(str(bag))
        if known is None or known[0] != state:
            try:
                self._read[str(bag)] = [state, fingerprint(bag)]
            except OSError as error:
                return f"unread: {bag}: {error.strerror}"  # reading its episode says so as well
        return self._read[str(bag)][1]

    def add(self, content: str, bag: str) -> None:
        """A bag was ingested from a folder; what that folder held before has been replaced by it."""
        added = self.key(content)
        before = self._holds.get(bag, added)
        if before != added:
            self._places[before].remove(bag)
            self._after[before] = added
            if not self._places[before]:
                self._gone.add(before)
        places = self._places.setdefault(added, [])
        if bag not in places:
            places.append(bag)
        self._holds[bag] = added
        self._gone.discard(added)

    def unite(self, content: str, key: str) -> None:
        """A fingerprint is that of the episode with a key; `save` keeps it."""
        self._same[content] = key
        for place in self._places.pop(content, []):
            if place not in self._places[key]:
                self._places[key].append(place)
        self._gone.discard(content)

    def follow(self, root: Path, found: Mapping[str, str], keep_gone: bool) -> list[str]:
        """Take note of where bags are now.

        Args:
            root: Folder that was searched.
            found: Fingerprint by folder of all bags below it.
            keep_gone: Whether bags that are gone from there count as if they were not.

        Returns:
            the folders that held the bags that are gone.
        """
        here: dict[str, list[str]] = defaultdict(list)
        for place, content in found.items():
            here[self.key(content)].append(place)
        roots = [root, *self._moved_here(here)]
        gone: list[str] = []
        for key in self._places:
            places = [place for place in self._places[key] if not self._is_replaced(key, place, found)]
            below = [place for place in places if any(Path(place).is_relative_to(folder) for folder in roots)]
            if not (below or key in here or places != self._places[key]):
                continue  # another folder's
            # A bag in place of this one that could not be ingested does not take its episode away.
            still = [p for p in places if p in found or (p not in below and self._is_at(Path(p), key))]
            now = still + [place for place in here[key] if place not in still]
            if now:
                self._places[key] = now
                self._gone.discard(key)
            elif below and keep_gone:
                self._gone.discard(key)
            elif below or not places:
                self._places[key] = below
                self._gone.add(key)
                gone += below
        for bag in [bag for bag in self._read if Path(bag).is_relative_to(root) and bag not in found]:
            del self._read[bag]
        self._look_up_folders()
        self.save()
        return sorted(gone)

    def save(self) -> None:
        """Write what is known; others find all of it or what was there before."""
        known = {
            "store": str(self._folder),
            "places": self._places,
            "gone": sorted(self._gone),
            "after": self._after,
            "same": self._same,
            "read": self._read,
        }
        text = json.dumps(known, indent=0) + "\n"
        if self._file.exists() and self._file.read_text() == text:
            return
        with replacing(self._file) as stream:
            stream.write(text.encode())

    def _moved_here(self, here: Collection[str]) -> set[Path]:
        """Folders that are no more, bags of which are among those that were found: what is missing of them is gone."""
        folders = {Path(place).parent for key in here for place in self._places.get(key, ())}
        return {folder for folder in folders if not folder.exists()}

    def _is_replaced(self, key: str, place: str, found: Mapping[str, str]) -> bool:
        """Whether a folder that held a bag holds another one that was ingested."""
        content = self.key(found[place]) if place in found else key
        return content != key and content in self._places

    def _is_at(self, bag: Path, key: str) -> bool:
        return bool(bag_files(bag)) and self.key(self.fingerprint(bag)) == key

    def _look_up_folders(self) -> None:
        there = {key: places for key, places in self._places.items() if key not in self._gone}
        self._holds = {place: key for key, places in there.items() for place in places}

    def _take_over_gone(self, file: Path) -> None:
        """Former versions kept the folders of bags that are gone."""
        folders: list[str] = _read(file, [])
        self._gone |= {key for key, places in self._places.items() if places and places[0] in folders}

    def _follow_store(self, before: Path) -> None:
        """Bags that were moved or copied together with the store lie where they did, as seen from it."""
        for key, places in self._places.items():
            moved = [moved_with(place, before, self._folder) for place in places]
            found = [str(bag) for bag in moved if self._is_at(bag, key)]
            left = [place for place in places if place not in found and os.path.exists(place)]
            self._places[key] = found + left or [str(bag) for bag in moved]
        self._look_up_folders()


def _read(file: Path, nothing: Any) -> Any:
    """What a file says; `nothing`, an empty one of the kind that it must hold, where it is missing."""
    if not file.exists():
        return nothing
    found = read_json(file)
    if not isinstance(found, type(nothing)):
        raise SidecarError(f"{file}: holds no {'mapping of keys to values' if nothing == {} else 'list'}")
    return found
