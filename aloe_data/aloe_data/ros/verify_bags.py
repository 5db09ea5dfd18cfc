"""Are these bags what they should be: `ros2 run aloe_data verify DIR`; reads every byte, changes nothing.

A problem makes a bag unfit for learning, or something is missing in it; a note is worth knowing.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from aloe_msgs.msg import EpisodeEvent
from mcap.records import Channel, Message

from aloe_data.bag_folders import bag_files, find_bags
from aloe_data.durable import InUseError, held
from aloe_data.mcap_recovery import Damage, recover
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.ros.bag_reader import read_messages, read_record
from aloe_data.ros.bag_survey import rig_of, survey
from aloe_data.ros.repair import told_counts

_EVENTS = "/episode/events"


@dataclass
class Findings:
    """What is wrong with a bag, and what is worth knowing of it."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(bag: Path) -> Findings:
    """Read all of a bag.

    Raises:
        InUseError: it is being recorded.
        OSError: it cannot be opened.
    """
    found = Findings()
    with held(bag):
        found.problems += _damage(bag)
        if found.problems:
            found.problems.append("ros2 run aloe_data repair keeps what is readable")
            return found
        try:
            record = read_record(bag)
            found.problems += _story(bag)
            _check_streams(bag, record, found)
        except RecordingError as error:
            found.problems.append(str(error).removeprefix(f"{bag}: "))
    return found


def _damage(bag: Path) -> list[str]:
    """Bytes that cannot be read, and counts that differ from what the metadata tells."""
    problems, held_counts = [], Counter[str]()
    for file in bag_files(bag):
        channels: dict[int, str] = {}
        numbers = Counter[int]()
        for record in recover(file):
            if isinstance(record, Damage):
                problems.append(f"{file.name}: {record.reason}: {record.size} bytes at {record.offset}")
            elif isinstance(record, Channel):
                channels[record.id] = record.topic
            elif isinstance(record, Message):
                numbers[record.channel_id] += 1
        for number, count in numbers.items():
            held_counts[channels.get(number, "a topic without a name")] += count
    told = told_counts(bag)
    if told is None:
        return [*problems, "metadata.yaml is missing or cannot be read"]
    wrong = sorted(topic for topic in told.keys() | held_counts.keys() if told[topic] != held_counts[topic])
    return problems + [
        f"{topic}: {held_counts[topic]} messages, its metadata tells of {told[topic]}" for topic in wrong
    ]


def _story(bag: Path) -> list[str]:
    """Whether there is one START and one STOP with a verdict."""
    events = [message for _, message, _ in read_messages(bag, [_EVENTS])]
    starts = sum(event.kind == EpisodeEvent.START for event in events)
    stops = sum(event.kind == EpisodeEvent.STOP for event in events)
    return [] if starts == stops == 1 else [f"{starts} START and {stops} STOP events instead of one each"]


def _check_streams(bag: Path, record: EpisodeRecord, found: Findings) -> None:
    """Losses, silence and disorder of the topics, and messages that do not fit their type."""
    counts = survey(bag, rig_of(record)).counts.heard()
    for topic, count in counts.items():
        lost = max(record.lost.get(topic, 0), count.lost)
        if lost:
            found.problems.append(f"{topic}: {lost} messages lost")
        if count.expected_hz and not count.received:
            found.problems.append(f"{topic}: no messages")
        elif count.slow or count.late:
            found.notes.append(f"{topic}: {count.late} late, {count}")
        if count.expected_hz and count.backwards:
            found.problems.append(f"{topic}: {count.backwards} stamps not newer than the one before")
    for _ in read_messages(bag):
        pass  # every message fits its type
    for topic, names in record.strangers.items():
        found.notes.append(f"{topic}: {', '.join(names)} published it as well; what it said is among the messages")
    if record.verdict == "NONE":
        found.notes.append("no verdict")


def main() -> None:
    """Entry point of `verify`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a bag, or a folder of bags")
    try:
        bags = find_bags(parser.parse_args().dir.expanduser())
    except RecordingError as error:
        sys.exit(f"verify: {error}")
    bad = 0
    for bag in bags:
        try:
            found = verify(bag)
        except (InUseError, OSError) as error:
            found = Findings([str(error)])
        bad += bool(found.problems)
        print(f"{bag}: {'; '.join(found.problems) or 'ok'}")
        print("".join(f"    {note}\n" for note in found.notes), end="", flush=True)
    print(f"{len(bags)} bags: {len(bags) - bad} sound, {bad} with problems")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
