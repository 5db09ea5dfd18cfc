"""What episodes are there: `ros2 run aloe_data list DIR`; a line per bag, from its metadata alone."""

import shlex
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aloe_data.bag_folders import find_bags
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.ros.bag_opening import whole_bag
from aloe_data.ros.bag_reader import read_record
from aloe_data.verdicts import SIDECAR, VerdictError, read_verdicts, verdict_of
from aloe_data.vocabulary import NS


@dataclass(frozen=True)
class ListConfig:
    """Which bags are listed."""

    dir: Path = parameter(positional=True, doc="a folder of bags")


@dataclass(frozen=True)
class Entry:
    """One bag of a list; `changed`: its verdict was given after the recording; `fault`: of its metadata.yaml."""

    bag: Path
    record: EpisodeRecord
    start_s: float
    length_s: float
    size_mib: float
    changed: bool
    fault: str

    def __str__(self) -> str:
        start = _date(self.start_s)
        verdict = self.record.verdict.lower()
        if self.changed:
            verdict += "*"
        lost = f"{sum(self.record.lost.values())} lost" if self.record.lost else ""
        facts = f"{self.bag.name:12} {start} {self.length_s:7.1f} s {self.size_mib:9.1f} MiB"
        return f"{facts}  {verdict:9} {lost:>9}  {self.record.prompt}"


def _date(stamp_s: float) -> str:
    """A time since the epoch [s] as a date; one that no calendar has as it is."""
    try:
        return f"{datetime.fromtimestamp(stamp_s):%Y-%m-%d %H:%M:%S}"
    except (OSError, OverflowError, ValueError):
        return f"{stamp_s:.6g} s"


def read_entry(bag: Path) -> Entry:
    """What the metadata of a bag says.

    Raises:
        RecordingError: it is not whole, or not the recorder's; the message names the remedy.
    """
    state = whole_bag(bag)
    record = read_record(bag, state)
    told = state.metadata
    place = shlex.quote(str(bag))
    return Entry(
        bag=bag,
        record=record,
        start_s=told.start_ns / NS,
        length_s=told.duration_ns / NS,
        size_mib=state.size_bytes / 2**20,
        changed=verdict_of(bag) is not None,
        fault=f"{bag}: {state.index_fault}; ros2 run aloe_data repair {place}" if state.index_fault else "",
    )


def summary(entries: list[Entry]) -> str:
    """Number, length and size of all together, and how many have which verdict."""
    verdicts = Counter(entry.record.verdict.lower() for entry in entries)
    said = ", ".join(f"{number} {verdict}" for verdict, number in verdicts.most_common())
    hours = sum(e.length_s for e in entries) / 3600
    gib = sum(e.size_mib for e in entries) / 1024
    changed = "; * verdict changed after the recording" if any(entry.changed for entry in entries) else ""
    return f"{len(entries)} episodes, {hours:.2f} h, {gib:.2f} GiB: {said or 'none'}{changed}"


def orphans(bags: list[Path]) -> list[str]:
    """A line for every verdict that was given on an episode that is not beside it: renamed, removed, or mistyped."""
    lines: list[str] = []
    for folder in sorted({bag.resolve().parent for bag in bags}):
        try:
            unknown = [name for name in read_verdicts(folder) if not (folder / name).exists()]
        except VerdictError:
            continue  # every bag beside it says so
        lines += [f"{folder / SIDECAR}: there is no {name}, of which a verdict is given" for name in unknown]
    return lines


def list_bags(config: ListConfig) -> None:
    """Print a line per bag, and a summary.

    Raises:
        RecordingError: There is no bag.
    """
    entries: list[Entry] = []
    unread: list[str] = []
    bags = find_bags(config.dir.expanduser(), unread.append)
    for bag in bags:
        try:
            entries.append(read_entry(bag))
        except RecordingError as error:
            unread.append(str(error))
            continue
        print(entries[-1])
    faults = [entry.fault for entry in entries if entry.fault] + orphans(bags)
    # One bad line of verdicts.jsonl is the reason of every bag beside it.
    print("\n".join([*faults, *dict.fromkeys(unread), summary(entries)]))


def main() -> None:
    """Entry point of `list`."""
    run_command("list", list_bags, ListConfig, about=__doc__, refused=(RecordingError,))


if __name__ == "__main__":
    main()
