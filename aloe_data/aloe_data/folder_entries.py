"""What a folder holds, by what it means for bags."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aloe_data.bag_metadata import FILE_NAME

STORAGES = (".mcap", ".db3")
PACKED = tuple(
    f"{storage}{packing}" for storage in STORAGES for packing in (".zstd", ".zst", ".lz4", ".gz", ".xz", ".bz2")
)
ROS1 = ".bag"
# What desktops, file systems and network storages keep beside the names that begin with a dot (.Trash-1000, .Trashes):
# what was removed, and former states of what is there. In lower case: Windows and macOS do not tell it apart.
_SYSTEM_FOLDERS = frozenset(
    {
        *("lost+found", "$recycle.bin", "recycler", "recycled", "found.000", "system volume information"),
        *("__macosx", "network trash folder", "temporary items"),
        *("@eadir", "#recycle", "@recycle", "#snapshot", "~snapshot", "@recently-snapshot"),
    }
)


@dataclass
class FolderEntries:
    """Names in a folder by kind; hidden files (such as ._NAME, which macOS leaves) are none of them.

    Attributes:
        files: Recordings, NAME.mcap.
        packed: Recordings that are compressed as files, without the unpacked file beside them.
        databases: Recordings as sqlite3, NAME.db3.
        misnamed: Recordings whose ending is in upper case, NAME.MCAP, as some file systems store it.
        ros1: Recordings of ROS 1, NAME.bag.
        folders: Folders that may hold bags.
        links: Links to folders.
        broken: Links that lead to nothing.
        hidden: Folders that are the system's, or begin with a dot.
        has_metadata: Whether metadata.yaml is there.
    """

    files: list[str] = field(default_factory=list)
    packed: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    ros1: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    has_metadata: bool = False

    @classmethod
    def of(cls, folder: Path) -> "FolderEntries":
        """Read a folder.

        Raises:
            OSError: it cannot be read.
        """
        found = cls()
        names = set[str]()
        for entry in os.scandir(folder):
            names.add(entry.name)
            found._take(entry)
        found.packed = sorted(name for name in found.packed if name.rpartition(".")[0] not in names)
        for kind in (found.files, found.folders, found.links):
            kind.sort()
        return found

    def _take(self, entry: "os.DirEntry[str]") -> None:
        name = entry.name
        hidden = name.startswith(".") or name.lower() in _SYSTEM_FOLDERS
        if _leads(entry.is_dir):
            self._kind_of_folder(entry, hidden).append(name)
        elif hidden:
            return
        elif not _leads(entry.is_file):  # a link to nothing; a pipe or a socket holds nothing to be read
            if entry.is_symlink():
                self.broken.append(name)
        elif name == FILE_NAME:
            self.has_metadata = True
        elif name.endswith(".mcap"):
            self.files.append(name)
        elif name.endswith(".db3"):
            self.databases.append(name)
        elif name.endswith(PACKED):
            self.packed.append(name)
        elif name.lower().endswith(".mcap"):
            self.misnamed.append(name)
        elif name.endswith(ROS1):
            self.ros1.append(name)

    def _kind_of_folder(self, entry: "os.DirEntry[str]", hidden: bool) -> list[str]:
        if hidden:
            return self.hidden
        return self.links if entry.is_symlink() else self.folders


def _leads(to: Callable[[], bool]) -> bool:
    """What `is_dir` or `is_file` of a folder's entry says; a link that leads to itself does neither."""
    try:
        return to()
    except OSError:
        return False
