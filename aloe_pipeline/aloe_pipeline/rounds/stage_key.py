"""What a stage is known by: changes with what it does and reads, not with how much of the machine it may use."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from aloe_data.bag_folders import bag_files, find_bags
from aloe_data.recording import RecordingError
from aloe_pipeline.rounds.stage import Stage

EFFORT = ("--threads=", "--processes=")


def stage_keys(stage: Stage, run: Path, begun: str) -> tuple[str, str]:
    """The keys of a stage.

    Args:
        stage: Stage of the run.
        run: Folder of the run, where it is now.
        begun: Folder in which the run was begun.

    Returns:
        the key that the log is given, which does not change when the run is moved, and that of former versions.
    """
    does = [word for word in stage.command if not word.startswith(EFFORT)]
    reads = [(str(path), signature(path)) for path in stage.inputs]

    def key(name: Callable[[str], str]) -> str:
        words = [*map(name, does), *(f"{name(path)} {content}" for path, content in reads)]
        return hashlib.sha256("\0".join(words).encode()).hexdigest()

    # A former version had the paths of the place where the run was begun.
    return key(lambda word: _wherever(word, run)), key(lambda word: word.replace(str(run), begun))


def _wherever(word: str, run: Path) -> str:
    """A word of a command, with a path as it is known after a move."""
    if word.startswith("/"):
        return _wherever_path(Path(word), run)
    name, equals, value = word.partition("=")
    return f"{name}={_wherever_path(Path(value), run)}" if equals and value.startswith("/") else word


def _wherever_path(path: Path, run: Path) -> str:
    return str(Path("RUN") / path.relative_to(run)) if path.is_relative_to(run) else path.name


def signature(path: Path) -> str:
    """Changes with the content of a file, a checkpoint, or a folder of recordings, which are never written over."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    if (path / "sha256").is_file():
        return (path / "sha256").read_text().strip()
    files = {file for file in path.rglob("*") if file.is_file()} | _behind_links(path)
    sizes = "".join(f"{file.relative_to(path)} {file.stat().st_size}\n" for file in sorted(files))
    return hashlib.sha256(sizes.encode()).hexdigest()


def _behind_links(folder: Path) -> set[Path]:
    """Files of bags, some of which may lie behind symbolic links."""
    try:
        return {file for bag in find_bags(folder) for file in bag_files(bag)}
    except RecordingError:
        return set()
