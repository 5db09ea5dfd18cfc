"""Whether every byte of a bag can be read, and it holds what its metadata tells of."""

from collections import Counter
from pathlib import Path

from mcap.records import Channel, Message

from aloe_data.bag_folders import bag_files
from aloe_data.mcap_recovery import Damage, lacks_checksums, recover
from aloe_data.ros.checks.findings import Findings
from aloe_data.ros.repair import told_counts


def check(bag: Path, found: Findings) -> None:
    """Find bytes that cannot be read, and counts that differ from what the metadata tells; reads all of the bag.

    Raises:
        OSError: a file cannot be opened.
    """
    held_counts = Counter[str]()
    for file in bag_files(bag):
        channels: dict[int, str] = {}
        numbers = Counter[int]()
        for record in recover(file):
            if isinstance(record, Damage):
                found.problems.append(f"{file.name}: {record}")
            elif isinstance(record, Channel):
                channels[record.id] = record.topic
            elif isinstance(record, Message):
                numbers[record.channel_id] += 1
        for number, count in numbers.items():
            held_counts[channels.get(number, "a topic without a name")] += count
        if lacks_checksums(file):
            found.notes.append(f"{file.name}: written without checksums: damage inside cannot be seen")
    told = told_counts(bag)
    if told is None:
        found.problems.append("metadata.yaml is missing or cannot be read")
        return
    for topic in sorted(told.keys() | held_counts.keys()):
        if told[topic] != held_counts[topic]:
            found.problems.append(f"{topic}: {held_counts[topic]} messages, its metadata tells of {told[topic]}")
