"""Making bags whole again after a crash: `ros2 run aloe_data repair DIR`.

Every readable message is kept; what is missing is said. A bag that was closed in order is not touched, nor is one that
is being recorded.
"""

import struct
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import rosbag2_py
from aloe_msgs.msg import EpisodeEvent
from mcap.records import Channel, Message
from rclpy.serialization import deserialize_message

from aloe_data.bag_folders import find_bags
from aloe_data.bag_metadata import FILE_NAME
from aloe_data.bag_state import BagState
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.durable import InUseError, held, keep_aside, replacing, spare_name, sync
from aloe_data.mcap_recovery import read_content, recover
from aloe_data.mcap_rewrite import Rewritten, rewrite
from aloe_data.mcap_summary import McapSummary, read_summary
from aloe_data.recording import EVENTS, SEQUENCED, EpisodeRecord, RecordingError
from aloe_data.ros.bag_opening import readable_bag
from aloe_data.ros.bag_reader import read_own_record
from aloe_data.ros.bag_writer import complete_record
from aloe_data.serialized import leading_sequence
from aloe_data.stream_counts import StreamCounts
from aloe_data.vocabulary import NS, Verdict


@dataclass(frozen=True)
class RepairConfig:
    """Which bags are made whole."""

    dir: Path = parameter(positional=True, doc="a bag, or a folder of bags")


class Story:
    """What the messages of a bag say about it, as far as there are any."""

    def __init__(self) -> None:
        self.stop: EpisodeEvent | None = None
        self.stamps_ns: tuple[int, int] | None = None  # of the first message and the last
        self._losses = StreamCounts()
        self._losses.reset(SEQUENCED)

    def take(self, topic: str, message: Message) -> None:
        """One message, in the order of the file."""
        first, last = self.stamps_ns or (message.log_time, message.log_time)
        self.stamps_ns = min(first, message.log_time), max(last, message.log_time)
        try:
            if topic in SEQUENCED:
                self._losses.received(topic, message.log_time, leading_sequence(message.data))
                self._losses.written(topic)
            elif topic == EVENTS:
                event = deserialize_message(message.data, EpisodeEvent)
                self.stop = event if event.kind == EpisodeEvent.STOP else self.stop
        except (struct.error, IndexError, RuntimeError):
            return  # a message of another make tells nothing

    def complete(self, record: EpisodeRecord, nothing_lost: bool) -> EpisodeRecord:
        """The episode's record with what is known of its end.

        Args:
            record: Record in the bag's metadata.
            nothing_lost: Whether all that was recorded is there, so that a verdict in the record is about all of it.
        """
        counted = self._losses.losses()
        lost = {topic: max(record.lost.get(topic, 0), counted.get(topic, 0)) for topic in {*record.lost, *counted}}
        if self.stop is not None and self.stop.verdict in iter(Verdict):
            return replace(record, verdict=Verdict(self.stop.verdict).name, reason=self.stop.reason, lost=lost)
        if nothing_lost and record.verdict != Verdict.NONE.name:
            return replace(record, lost=lost)
        return replace(record, verdict=Verdict.NONE.name, reason="the recording was cut short", lost=lost)


def repair(bag: Path) -> list[str]:
    """Repair one bag; what is to be said about it, nothing where it was whole.

    Files that are sound are not touched. Of what is replaced the original stays until the new bag is whole on the disk,
    and for good where it holds bytes that could not be read, or another metadata.yaml.

    Raises:
        RecordingError: it holds nothing readable, or the disk fails.
        InUseError: it is being recorded.
    """
    with held(bag):
        state = readable_bag(bag)
        faulty = [file for file, summary in zip(state.files, state.summaries, strict=True) if _differs(file, summary)]
        if not state.faults and not faulty:
            return []
        if state.metadata.counts.total() and not any(file.stat().st_size for file in state.files):
            # The files were lost while they were copied; the metadata is what is left, and tells of them.
            raise RecordingError("its files are empty, and it stays as it is; copy it once more, whole")
        story = Story()
        results = {file: rewrite(file, story.take) if file in faulty else _heard(file, story) for file in state.files}
        sound = [file for file in results if read_summary(file)]
        if not sound:
            raise RecordingError("it holds nothing readable, and stays as it is; copy it once more, whole")
        for file in results.keys() - sound:
            results[file].aside = file.rename(spare_name(file))
        record = _record(state, story, nothing_lost=not faulty and not state.missing)
        _write_metadata(bag, sound, record)
        sync(bag)
        for result in results.values():
            if result.damage and all(damage.tail for damage in result.damage):
                _remove_aside(result)  # all that was readable is in the new file, and that is on the disk
        return [*_kept(results, story), *_missing(state, results), *_said(record)]


def _differs(file: Path, summary: McapSummary | None) -> bool:
    """Whether a file has to be written anew: it has no end, spoilt bytes, or not the messages that its end tells of."""
    if summary is None:
        return True
    content = read_content(file)
    return bool(content.damage) or content.counts != summary.counts


def _heard(file: Path, story: Story) -> Rewritten:
    """A sound file, which stays as it is: the story alone is taken from it."""
    result = Rewritten()
    topics: dict[int, str] = {}
    for record in recover(file):
        if isinstance(record, Channel):
            topics[record.id] = record.topic
        elif isinstance(record, Message):
            story.take(topics[record.channel_id], record)
            result.kept[topics[record.channel_id]] += 1
    return result


def _remove_aside(result: Rewritten) -> None:
    if result.aside:
        result.aside.unlink()
        result.aside = None


def _record(state: BagState, story: Story, nothing_lost: bool) -> EpisodeRecord | None:
    """What is known of the episode; None: nothing is."""
    try:
        record = read_own_record(state.bag)
    except RecordingError:
        return None
    return story.complete(record, nothing_lost)


def _write_metadata(bag: Path, files: Collection[Path], record: EpisodeRecord | None) -> None:
    """Make metadata.yaml anew from files; a former one that differs stays beside it."""
    with TemporaryDirectory() as folder:
        # Elsewhere, with these files alone: rosbag2 would take hidden files for the bag's, and writes in place.
        draft = Path(folder) / bag.name
        draft.mkdir()
        for file in files:
            (draft / file.name).symlink_to(file.resolve())
        try:
            rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(draft), "mcap"))
        except RuntimeError as error:
            raise RecordingError(f"{error} (rosbag2 wants files called NAME_0.mcap, NAME_1.mcap, ...)") from error
        if record:
            complete_record(draft, record)
        metadata = (draft / FILE_NAME).read_bytes()
    present = bag / FILE_NAME
    if present.exists() and present.read_bytes() != metadata:
        keep_aside(present)
    with replacing(present) as stream:
        stream.write(metadata)


def _kept(results: Mapping[Path, Rewritten], story: Story) -> list[str]:
    kept = sum((result.kept for result in results.values()), Counter())
    first, last = story.stamps_ns or (0, 0)
    return [f"kept {kept.total()} messages of {len(kept)} topics, {(last - first) / NS:.2f} s"]


def _missing(state: BagState, results: Mapping[Path, Rewritten]) -> list[str]:
    """What the files and the former metadata say is missing."""
    lines = [f"{state.index_fault}: made anew from its files"] if state.index_fault and not state.missing else []
    for file, result in results.items():
        lines += [f"{file.name}: {damage}" for damage in result.damage]
        if result.nameless:
            lines.append(f"{file.name}: {result.nameless} messages whose topic is not named any more")
        if result.aside:
            lines.append(f"{file.name}: as it was is kept in {result.aside.name}")
    gone = state.metadata.counts - sum((result.kept for result in results.values()), Counter())
    lines += [f"{topic}: {number} messages less than its metadata told" for topic, number in sorted(gone.items())]
    return lines


def _said(record: EpisodeRecord | None) -> list[str]:
    if record is None:
        return ["no record of its episode inside: rig, prompt and verdict are unknown"]
    lines = [f"{topic}: {number} messages missing by their numbers" for topic, number in record.lost.items()]
    return [*lines, f"verdict {record.verdict.lower()}: {record.reason}"]


def repair_all(config: RepairConfig) -> int:
    """Make bags whole, and print what was done; returns the exit code, 1 where one could not be repaired.

    Raises:
        RecordingError: There is no bag.
    """
    bags = find_bags(config.dir.expanduser(), print)
    failed = 0
    repaired = 0
    for bag in bags:
        try:
            lines = repair(bag)
        except (RecordingError, InUseError, OSError) as error:
            failed += 1
            print(f"{bag}: not repaired: {error}")
            continue
        if lines:
            repaired += 1
        print("".join(f"{bag}: {line}\n" for line in lines), end="")
    print(f"{len(bags)} bags: {len(bags) - repaired - failed} whole, {repaired} repaired, {failed} not repaired")
    return 1 if failed else 0


def main() -> None:
    """Entry point of `repair`."""
    run_command("repair", repair_all, RepairConfig, about=__doc__, refused=(RecordingError,))


if __name__ == "__main__":
    main()
