"""Whether a bag is whole: the one definition, which every command asks.

A bag is whole when each of its files was finished in order, all files are there, and they hold what `metadata.yaml`
tells of. Without a readable `metadata.yaml` its files tell everything: nothing is lost, only the index has to be made
anew. Only the metadata and the files' ends are read here; bytes that were spoilt in between show when they are read.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from aloe_data.bag_facts import BagFacts, MetadataError, read_facts
from aloe_data.bag_folders import bag_files
from aloe_data.bag_metadata import FILE_NAME
from aloe_data.mcap_recovery import MAGIC
from aloe_data.mcap_summary import McapSummary, embedded_custom_data, read_summary

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"  # stands in a file's place until Git LFS fetches it


@dataclass(frozen=True)
class BagState:
    """What a bag is made of, and what is wrong with that.

    Attributes:
        bag: Folder of the bag, or its only file.
        files: Files to be read, in this order.
        summaries: Summary of each of these files; None of one that was not finished.
        metadata: Description in metadata.yaml; where that cannot be read, the one that the files give.
        missing: Reasons why messages are missing or cannot be read, a sentence each.
        index_fault: Reason why metadata.yaml has to be made anew though nothing is lost; "" for none.
        strays: MCAP files in the folder that do not belong to the bag.
    """

    bag: Path
    files: tuple[Path, ...]
    summaries: tuple[McapSummary | None, ...]
    metadata: BagFacts
    missing: tuple[str, ...]
    index_fault: str
    strays: tuple[Path, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """All that `ros2 run aloe_data repair` has to mend."""
        return (*self.missing, self.index_fault) if self.index_fault else self.missing

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.stat().st_size for file in self.files)

    def custom_data(self) -> Iterator[Mapping[str, str]]:
        """What the recorder wrote of the episode: in metadata.yaml, then in the files, the newest first."""
        yield self.metadata.custom_data
        yield from (embedded_custom_data(file) for file in reversed(self.files))


def bag_state(bag: Path) -> BagState:
    """Look at a bag: a folder, or one .mcap file.

    Raises:
        OSError: it cannot be read.
    """
    if bag.is_file():
        return _judge(bag, (bag,), None, "", ())
    present = tuple(bag_files(bag))
    try:
        told = read_facts(bag)
        fault = "" if told else f"{FILE_NAME} is missing"
        if told and present and not told.files:
            raise MetadataError(f"{FILE_NAME} cannot be read: it names no file")
    except MetadataError as error:
        told = None
        fault = str(error)
    if told is None:
        return _judge(bag, present, None, fault, ())
    named = tuple(bag / _unpacked(name) for name in told.files)
    files = named if set(named) <= set(present) else present
    return _judge(bag, files, told, "", tuple(file for file in present if file not in files))


def is_whole(bag: Path) -> bool:
    """Whether a bag was closed in order, and nothing of it is missing."""
    return not bag_state(bag).faults


def is_closed(bag: Path) -> bool:
    """Whether nobody records a bag any more: it has metadata.yaml, or all its files have their ends."""
    return (bag / FILE_NAME).exists() or not bag_state(bag).missing


def _judge(bag: Path, files: tuple[Path, ...], told: BagFacts | None, fault: str, strays: tuple[Path, ...]) -> BagState:
    summaries = tuple(map(read_summary, files))
    missing = [_unfinished(file) for file, summary in zip(files, summaries, strict=True) if not summary]
    if not files:
        missing.append("it has no .mcap file")
    finished = [summary for summary in summaries if summary]
    if told and not missing:
        absent = [name for name in told.files if not (bag / _unpacked(name)).exists()]
        differences = _differences(told.counts, sum((summary.counts for summary in finished), Counter()))
        if differences:
            missing += [f"{name} is not there, which {FILE_NAME} names" for name in absent]
            missing += differences
        elif absent:
            fault = f"{FILE_NAME} names {', '.join(absent)}, which is not there"
    metadata = told or _of_files(files, finished)
    return BagState(bag, files, summaries, metadata, tuple(missing), fault, strays)


def _unfinished(file: Path) -> str:
    with file.open("rb") as stream:
        beginning = stream.read(len(_LFS_POINTER))
    if beginning.startswith(MAGIC):
        return f"{file.name} was not finished"
    if beginning == _LFS_POINTER:
        return f"{file.name} is not the recording, but a pointer to it; fetch it with `git lfs pull`"
    return f"{file.name} does not begin as an MCAP file does" if beginning else f"{file.name} is empty"


def _differences(told: Counter[str], held: Counter[str]) -> list[str]:
    return [
        f"{topic}: {held[topic]} messages, its metadata tells of {told[topic]}"
        for topic in sorted(told.keys() | held.keys())
        if told[topic] != held[topic]
    ]


def _of_files(files: tuple[Path, ...], finished: list[McapSummary]) -> BagFacts:
    """The metadata that files give together; those without messages do not count for the time."""
    told = [summary for summary in finished if summary.counts.total()]
    start_ns = min((summary.start_ns for summary in told), default=0)
    end_ns = max((summary.end_ns for summary in told), default=0)
    counts = sum((summary.counts for summary in finished), Counter())
    return BagFacts(start_ns, end_ns - start_ns, counts, tuple(file.name for file in files))


def _unpacked(name: str) -> str:
    """The name that a file of a compressed bag has when it is unpacked: NAME.mcap of NAME.mcap.zstd."""
    stem, mcap, _ = name.partition(".mcap")
    return stem + mcap
