"""Folders and files whose content survives a power failure, and that one process at a time writes."""

import codecs
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO


class InUseError(RuntimeError):
    """Another process writes this folder."""


@contextmanager
def held(folder: Path, wait: str = "") -> Iterator[None]:
    """Hold a folder for writing; the hold ends with the process, however that ends.

    Args:
        folder: Folder to hold.
        wait: Words to say when another process holds it, before waiting for its end; "": do not wait.

    Raises:
        InUseError: another process holds it, and nobody waits.
        OSError: there is no such folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not wait:
                raise InUseError(f"{folder} is being written; stop that recording first") from error
            print(wait, flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync(folder: Path) -> None:
    """Bring the files of a folder and of those in it, and the lists of files, to the disk.

    Raises:
        OSError: the disk failed.
    """
    for path in (*folder.rglob("*"), folder):
        sync_one(path)


def put_in_place(draft: Path, path: Path) -> None:
    """Give a finished folder its name; what had it before is removed. It is on the disk, whole, before it has the name.

    Raises:
        OSError: the disk failed.
    """
    sync(draft)
    if path.exists():
        shutil.rmtree(path)
    os.replace(draft, path)
    sync_one(path.parent)


def copy_in_place(source: Path, path: Path) -> None:
    """Copy a folder; the copy has its name when it is whole and on the disk.

    Raises:
        OSError: there is no such folder, or the disk failed.
    """
    draft = path.with_name(f"{path.name}.copying")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(source, draft)
    put_in_place(draft, path)


def keep_aside(path: Path) -> Path:
    """Let a file stand under a second name, NAME.damaged or one with a number, before another takes its place.

    Raises:
        OSError: the disk failed.
    """
    aside = spare_name(path)
    try:
        os.link(path, aside)
    except OSError:  # some disks have no links
        shutil.copy2(path, aside)
    return aside


def spare_name(path: Path) -> Path:
    """NAME.damaged, or NAME.damaged2, ...: the first that nothing has, so that no earlier one is lost."""
    names = (path.with_name(f"{path.name}.damaged{number if number > 1 else ''}") for number in count(1))
    return next(name for name in names if not name.exists())


def append_line(path: Path, line: str) -> None:
    """Append a line to a file; it is on the disk when this returns. One that a crash has torn does not swallow it.

    It is written in the encoding that the file has, since an editor may have saved it in another.

    Raises:
        OSError: it cannot be written.
    """
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        encoding = text_encoding(os.pread(file.fileno(), 2, 0))
        end = "\n".encode(encoding)
        torn = size > 0 and os.pread(file.fileno(), len(end), max(size - len(end), 0)) != end
        before = "\n" if torn else ""
        file.write(f"{before}{line}\n".encode(encoding))
        file.flush()
        os.fsync(file.fileno())
    if not size:
        sync_one(path.parent)  # which knows of the file only now


def text_encoding(beginning: bytes) -> str:
    """The encoding of a text file that begins so: UTF-16 where its byte order mark says so, as Windows' editors write.

    Args:
        beginning: Two bytes of the file or more.
    """
    if beginning.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    return "utf-16-be" if beginning.startswith(codecs.BOM_UTF16_BE) else "utf-8"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes the place of `path`: it is there complete, or what was there before still is.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_one(path.parent)


def sync_one(path: Path) -> None:
    """Bring one file, or a folder's list of files, to the disk.

    Raises:
        OSError: the disk failed.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
