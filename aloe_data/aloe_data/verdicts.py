"""Verdicts that were changed after the fact: `verdicts.jsonl` beside the bags, one JSON per line, only ever appended.

A copy of each line lies in the bag's own folder, so that a verdict goes where its bag goes; the later one counts.

ros2 run aloe_data verdict BAG success --reason 'the cube lay in the tray after all'
"""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from aloe_data.bag_folders import bag_files
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.durable import append_line
from aloe_data.section import nearest
from aloe_data.sidecar import SidecarError, read_rows
from aloe_data.vocabulary import VERDICT_WORDS

SIDECAR = "verdicts.jsonl"
VERDICTS = VERDICT_WORDS[1:]  # all but NONE can be given


class VerdictError(ValueError):
    """A verdict that cannot be given or read; the message names the episode or the line, and the remedy."""


@dataclass(frozen=True)
class GivenVerdict:
    """What somebody said about an episode: one of VERDICTS, who says so, why, and when [ns since the epoch]."""

    episode_id: str
    verdict: str
    source: str
    reason: str
    stamp_ns: int


def verdict_of(bag: Path) -> GivenVerdict | None:
    """The last verdict given on a bag after its recording; None where the bag's own holds. Every reader asks this.

    Raises:
        VerdictError: see `read_verdicts`.
    """
    folder = bag.resolve()
    if folder.suffix == ".mcap":
        folder = folder.parent
    beside = read_verdicts(folder.parent).get(folder.name)
    inside = read_verdicts(folder).values()  # by whatever name the bag had then
    given = [one for one in (beside, *inside) if one is not None]
    return max(given, key=lambda one: one.stamp_ns, default=None)


def verdict_now(bag: str | Path, recorded: str) -> str:
    """The word that counts for a bag: the last verdict given on it, else the one that was recorded.

    Raises:
        VerdictError: see `read_verdicts`.
    """
    given = verdict_of(Path(bag))
    return given.verdict if given else recorded


def read_verdicts(folder: Path) -> Mapping[str, GivenVerdict]:
    """The last given verdict by episode of a folder of bags.

    A line that a crash tore while it was written was never confirmed to anybody: it is said, and passed over.

    Raises:
        VerdictError: a line that is no verdict; the file cannot be read.
    """
    path = folder / SIDECAR
    try:
        status = path.stat()
        return _read(path, (status.st_mtime_ns, status.st_size))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise VerdictError(f"{path} cannot be read: {error.strerror}") from error


@lru_cache(maxsize=16)  # every bag of a folder asks
def _read(path: Path, state: tuple[int, int]) -> Mapping[str, GivenVerdict]:
    """The verdicts of a file, as long as time [ns] and size of its last change are the same."""
    given: dict[str, GivenVerdict] = {}
    try:
        for number, verdict in read_rows(path, GivenVerdict, "verdict"):
            if verdict.verdict not in VERDICTS:
                hint = nearest(verdict.verdict, VERDICTS)
                raise VerdictError(f"{path}:{number}: '{verdict.verdict}' is no verdict; {hint}")
            given[verdict.episode_id] = verdict
    except SidecarError as error:
        raise VerdictError(str(error)) from error
    return given


def give_verdict(folder: Path, given: GivenVerdict) -> None:
    """Append a verdict on an episode of a folder of bags, beside the bags and inside; it is on the disk on return.

    Raises:
        VerdictError: no such verdict or episode, naming what there is; the folder cannot be written. Nothing changes.
    """
    if given.verdict not in VERDICTS:
        raise VerdictError(f"unknown verdict '{given.verdict}'; {nearest(given.verdict, VERDICTS)}")
    known = _episodes(folder)
    if given.episode_id not in known:
        holds = f"{len(known)} bags, {known[0]} to {known[-1]}" if known else "no bags"
        raise VerdictError(f"unknown episode '{given.episode_id}': {folder} holds {holds}; nothing was changed")
    line = json.dumps(asdict(given), ensure_ascii=False)
    try:
        append_line(folder / SIDECAR, line)
    except OSError as error:
        raise VerdictError(f"{folder / SIDECAR} cannot be written: {error.strerror}; nothing was changed") from error
    with contextlib.suppress(OSError):  # a bag that may not be written: its verdict stays here if it is moved
        append_line(folder / given.episode_id / SIDECAR, line)


def _episodes(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if bag_files(path))
    except OSError:
        return []


@dataclass(frozen=True)
class VerdictConfig:
    """Which verdict is given on which bag."""

    bag: Path = parameter(positional=True, doc="folder of the episode's bag")
    verdict: str = parameter(positional=True, choices=VERDICTS, doc="what it was")
    reason: str = parameter("", doc="why, for the record")
    source: str = parameter("operator", doc="who says so")


def change_verdict(config: VerdictConfig) -> None:
    """Give a verdict on a recorded episode, and print where it is kept.

    Raises:
        VerdictError: see `give_verdict`.
    """
    bag = config.bag.expanduser().resolve()
    given = GivenVerdict(bag.name, config.verdict, config.source, config.reason, time.time_ns())
    give_verdict(bag.parent, given)
    print(f"{bag}: {given.verdict} ({bag.parent / SIDECAR})")


def main() -> None:
    """Entry point of `verdict`."""
    about = "Change the verdict on a recorded episode; the bag stays as it is."
    run_command("verdict", change_verdict, VerdictConfig, about=about, refused=(VerdictError,))


if __name__ == "__main__":
    main()
