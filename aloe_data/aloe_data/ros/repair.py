"""Making bags whole again after a crash: `ros2 run aloe_data repair DIR`.

Every readable message is kept; what is missing is said. A bag that was closed in order is not touched, nor is one that
is being recorded.
"""

import argparse
import struct
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import rosbag2_py
from aloe_msgs.msg import EpisodeEvent
from mcap.records import Message
from rclpy.serialization import deserialize_message

from aloe_data.bag_folders import bag_files, find_bags
from aloe_data.durable import InUseError, held
from aloe_data.episode import Verdict
from aloe_data.mcap_recovery import is_damaged
from aloe_data.mcap_rewrite import Rewritten, finished_counts, rewrite
from aloe_data.recording import SEQUENCED, EpisodeRecord, RecordingError
from aloe_data.ros.bag_reader import read_own_record
from aloe_data.ros.bag_writer import complete_record
from aloe_data.serialized import leading_sequence
from aloe_data.stream_counts import StreamCounts

_EVENTS = "/episode/events"
_NS = 1_000_000_000


def told_counts(bag: Path) -> Counter[str] | None:
    """Messages per topic that a bag's metadata tells of; None where it has none."""
    try:
        metadata = rosbag2_py.MetadataIo().read_metadata(str(bag))
    except RuntimeError:
        return None
    return Counter({info.topic_metadata.name: info.message_count for info in metadata.topics_with_message_count})


def is_whole(bag: Path) -> bool:
    """Whether a bag was closed in order: every file has its end, and the metadata tells of what they hold."""
    counts = [finished_counts(file) for file in bag_files(bag)]
    held_counts = sum((Counter(count) for count in counts if count is not None), Counter())
    return None not in counts and told_counts(bag) == held_counts


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
            elif topic == _EVENTS:
                event = deserialize_message(message.data, EpisodeEvent)
                self.stop = event if event.kind == EpisodeEvent.STOP else self.stop
        except (struct.error, IndexError, RuntimeError):
            return  # a message of another make tells nothing

    def complete(self, record: EpisodeRecord) -> EpisodeRecord:
        """The episode's record with what is known of its end."""
        lost = self._losses.losses()
        if self.stop is None or self.stop.verdict not in iter(Verdict):
            return replace(record, verdict=Verdict.NONE.name, reason="the recording was cut short", lost=lost)
        return replace(record, verdict=Verdict(self.stop.verdict).name, reason=self.stop.reason, lost=lost)


def repair(bag: Path) -> list[str]:
    """Repair one bag; what is to be said about it, nothing where it was whole.

    Raises:
        RecordingError: it holds nothing readable, or the disk fails.
        InUseError: it is being recorded.
    """
    with held(bag):
        if is_whole(bag) and not any(is_damaged(file) for file in bag_files(bag)):
            return []
        before, story = told_counts(bag), Story()
        results = {file: rewrite(file, story.take) for file in bag_files(bag)}
        unreadable = [file for file in results if finished_counts(file) is None]
        if len(unreadable) == len(results):
            raise RecordingError("it holds nothing readable, and stays as it is")
        for file in unreadable:
            file.rename(file.with_suffix(".mcap.damaged"))
        try:
            rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(bag), "mcap"))
        except RuntimeError as error:
            raise RecordingError(str(error)) from error
        return [*_kept(results, story), *_missing(results, before), *_complete(bag, story)]


def _kept(results: dict[Path, Rewritten], story: Story) -> list[str]:
    kept = sum((result.kept for result in results.values()), Counter())
    first, last = story.stamps_ns or (0, 0)
    return [f"kept {kept.total()} messages of {len(kept)} topics, {(last - first) / _NS:.2f} s"]


def _missing(results: dict[Path, Rewritten], before: Counter[str] | None) -> list[str]:
    """What the files and the former metadata say is missing."""
    lines = []
    for file, result in results.items():
        lines += [f"{file.name}: {damage}" for damage in result.damage]
        if result.nameless:
            lines.append(f"{file.name}: {result.nameless} messages whose topic is not named any more")
        if file.with_suffix(".mcap.damaged").exists():
            lines.append(f"{file.name}: as it was is kept in {file.name}.damaged")
    gone = (before or Counter()) - sum((result.kept for result in results.values()), Counter())
    lines += [f"{topic}: {number} messages less than its metadata told" for topic, number in sorted(gone.items())]
    return lines


def _complete(bag: Path, story: Story) -> list[str]:
    try:
        record = story.complete(read_own_record(bag))
    except RecordingError:
        return ["no record of its episode inside: rig, prompt and verdict are unknown"]
    complete_record(bag, record)
    lines = [f"{topic}: {number} messages missing by their numbers" for topic, number in record.lost.items()]
    return [*lines, f"verdict {record.verdict.lower()}: {record.reason}"]


def main() -> None:
    """Entry point of `repair`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a bag, or a folder of bags")
    folder = parser.parse_args().dir.expanduser()
    failed = repaired = 0
    try:
        bags = find_bags(folder, print)
    except RecordingError as error:
        sys.exit(f"repair: {error}")
    for bag in bags:
        try:
            lines = repair(bag)
        except (RecordingError, InUseError, OSError) as error:
            failed += 1
            print(f"{bag}: not repaired: {error}")
            continue
        repaired += bool(lines)
        print("".join(f"{bag}: {line}\n" for line in lines), end="")
    print(f"{len(bags)} bags: {len(bags) - repaired - failed} whole, {repaired} repaired, {failed} not repaired")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
