"""Where bags are: a bag is a folder with NAME_0.mcap, NAME_1.mcap, ..., and metadata.yaml once it is closed.

Folders are searched to any depth, also behind symbolic links; every folder is entered once. What looks like a bag and
is none that can be read is never passed over in silence: `find_bags` names it, with the reason and the remedy.
"""

import json
import os
import shlex
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from aloe_data.bag_metadata import FILE_NAME, ROOT
from aloe_data.folder_entries import PACKED, STORAGES, FolderEntries
from aloe_data.recording import RecordingError

_UNPACKERS = {
    ".zstd": "zstd -d --rm",
    ".zst": "zstd -d --rm",
    ".lz4": "lz4 -d --rm -m",
    ".gz": "gzip -d",
    ".xz": "xz -d",
    ".bz2": "bzip2 -d",
}
_LOOK_INTO = 2000  # entries of a hidden folder that are looked at to tell whether it holds bags


def find_bags(folder: Path, say: Callable[[str], object] | None = None) -> list[Path]:
    """The bag that `folder` is, or all bags below it, in order of their paths; each once, whatever links lead to it.

    Args:
        folder: Bag, or folder of bags.
        say: Function called with a line for everything that looks like a bag and is left out; None: nobody asks.

    Raises:
        RecordingError: there is no bag; what was left out is named.
    """
    search = _Search()
    search.begin(folder)
    lines = [f"left out: {path}: {reason}" for path, reason in sorted(search.left_out.items())]
    if not search.bags:
        none = f"{folder}: no bags found (folders with .mcap files); give a bag or a folder of bags"
        raise RecordingError("\n".join([none, *lines]))
    if say is not None:
        for line in lines:
            say(line)
    return sorted(search.bags)


def bag_files(bag: Path) -> list[Path]:
    """The files of a bag in the order of their numbers; hidden ones (._NAME of macOS) are no part of it."""
    present = (path for path in bag.glob("*.mcap") if not path.name.startswith(".") and path.is_file())
    return sorted(present, key=_number)


def moved_with(bag: str | Path, before: Path, now: Path) -> Path:
    """Where a bag is if it was moved together with a folder, such as a store's or a run's, that lay elsewhere before.

    Args:
        bag: Folder in which the bag was.
        before: Folder that lay in the same place as seen from the bag.
        now: Where that folder is now.
    """
    return Path(os.path.normpath(now / os.path.relpath(bag, before)))


def _number(path: Path) -> tuple[int, str]:
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0, path.name


def _base(name: str) -> str:
    """What the files of one bag have in common: NAME of NAME_0.mcap."""
    stem = name.removesuffix(".mcap")
    base, _, digits = stem.rpartition("_")
    return base if digits.isdecimal() else stem


class _Search:
    """Walks through folders; links come last, so that a bag is known by its own path and not by that of a link."""

    def __init__(self) -> None:
        self.bags: list[Path] = []
        self.left_out: dict[Path, str] = {}  # what looks like a bag: why it is none, and what to do
        self._entered: set[tuple[int, int]] = set()  # device and inode
        self._links: list[Path] = []

    def begin(self, folder: Path) -> None:
        """Search a folder and everything below it."""
        if not folder.is_dir():
            return
        self._enter(folder)
        while self._links:
            self._enter(self._links.pop(0))

    def _enter(self, folder: Path) -> bool:
        """Search a folder; whether there is something in it that is a bag or looks like one."""
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in self._entered:
                return False
            self._entered.add((status.st_dev, status.st_ino))
            entries = FolderEntries.of(folder)
        except OSError as error:
            self._leave_out(folder, f"cannot be read: {error.strerror}; give yourself the right to read it")
            return False
        self._name_hidden(folder, entries)
        before = len(self.bags), len(self.left_out)
        for name in entries.folders:
            self._enter(folder / name)
        links = [folder / name for name in entries.links]
        if entries.files and not entries.has_metadata:
            for link in links:  # now: whether these files are a bag depends on what lies beside them
                self._enter(link)
        else:
            self._links += links
        below = (len(self.bags), len(self.left_out)) != before
        return self._take(folder, entries, below, before[0]) or below

    def _take(self, folder: Path, entries: FolderEntries, below: bool, first_below: int) -> bool:
        """Judge the files of a folder itself; whether they are a bag or look like one.

        Args:
            folder: Folder that holds them.
            entries: Entries of that folder.
            below: Whether there are bags in its folders.
            first_below: Index in `bags` of the first of those.
        """
        for name in entries.ros1:
            self._leave_out(folder / name, _rewrite(folder / name))
        if entries.misnamed and not entries.files:
            self._leave_out(folder, _rename(folder, entries.misnamed))
        elif entries.packed:
            self._leave_out(folder, _unpack(folder, entries.packed))
        elif entries.databases and not (entries.files and _names_one(folder, entries.files)):
            self._leave_out(folder, _convert(folder))
        elif entries.files and entries.has_metadata:
            self._leave_out_inner(folder, first_below)
            self.bags.append(folder)
        elif entries.files and (below or len({_base(name) for name in entries.files}) > 1):
            for name in entries.files:
                self._leave_out(folder / name, _move(folder / name))
        elif entries.files:
            self.bags.append(folder)  # its recording was cut short
        elif entries.has_metadata and _is_of_bag(folder / FILE_NAME):
            self._leave_out(folder, f"its {FILE_NAME} is there, its .mcap files are not; copy the bag once more, whole")
        else:
            return False
        return True

    def _leave_out_inner(self, folder: Path, first: int) -> None:
        inner = self.bags[first:]
        del self.bags[first:]
        for bag in inner:
            self._leave_out(bag, f"lies inside the bag {folder}; move it beside that one")

    def _name_hidden(self, folder: Path, entries: FolderEntries) -> None:
        for name in sorted(entries.hidden):
            if _holds_bags(folder / name):
                self._leave_out(folder / name, "a hidden or system folder with bags; move out of it what is to be read")
        for name in sorted(entries.broken):
            target = os.readlink(folder / name)
            self._leave_out(folder / name, f"a link to {target}, which is not there; correct or remove the link")

    def _leave_out(self, path: Path, reason: str) -> None:
        self.left_out[path] = reason


def _names_one(folder: Path, files: list[str]) -> bool:
    """Whether a bag's metadata tells of one of the files."""
    try:
        text = (folder / FILE_NAME).read_text(errors="replace")
    except OSError:
        return True
    return any(name in text for name in files)


def _is_of_bag(metadata: Path) -> bool:
    try:
        with metadata.open("rb") as file:
            return ROOT.encode() in file.read(256)  # rosbag2's begins with it
    except OSError:
        return False


def _holds_bags(folder: Path) -> bool:
    names = (name for _, _, files in os.walk(folder) for name in files)
    return any(_looks_recorded(name) for name in islice(names, _LOOK_INTO))


def _looks_recorded(name: str) -> bool:
    return not name.startswith("._") and name.endswith((*STORAGES, *PACKED))


def _unpack(folder: Path, packed: list[str]) -> str:
    ending = "".join(Path(packed[0]).suffixes[-2:])
    tool = _UNPACKERS[Path(packed[0]).suffix]
    place = _shell(folder)
    return (
        f"compressed as files, {packed[0]}; unpack it, and have its {FILE_NAME} made anew: {tool} {place}/*{ending} && "
        f"rm -f {_shell(folder / FILE_NAME)} && ros2 run aloe_data repair {place}"
    )


def _convert(folder: Path) -> str:
    new = json.dumps(f"{folder}_mcap", ensure_ascii=False)  # in quotes, as YAML needs them for some names
    return (
        f"stored as sqlite3 (.db3); on a machine with ROS 2 make an MCAP bag of it: ros2 bag convert -i "
        f"{_shell(folder)} -o FILE, with FILE: {{output_bags: [{{uri: {new}, storage_id: mcap, all: true}}]}}"
    )


def _move(file: Path) -> str:
    own = _shell(file.with_suffix(""))
    return (
        f"a file on its own, beside other recordings; give it a folder if it is an episode: mkdir {own} && mv "
        f"{_shell(file)} {own} && ros2 run aloe_data repair {own}"
    )


def _rename(folder: Path, names: list[str]) -> str:
    moves = [f"mv {_shell(folder / name)} {_shell((folder / name).with_suffix('.mcap'))}" for name in sorted(names)]
    commands = " && ".join([*moves, f"ros2 run aloe_data repair {_shell(folder)}"])
    return f"the ending of its files is in upper case; rename them: {commands}"


def _rewrite(file: Path) -> str:
    return f"{file.name} is a bag of ROS 1; make an MCAP bag of it: rosbags-convert (pip install rosbags)"


def _shell(path: Path) -> str:
    """A path as a shell takes it, also with spaces."""
    return shlex.quote(str(path))
