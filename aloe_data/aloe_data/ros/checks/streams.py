"""Losses, silence and disorder of a bag's topics, strangers on them, and messages that do not fit their type."""

from pathlib import Path

from aloe_data.recording import EpisodeRecord
from aloe_data.ros.bag_reader import read_messages
from aloe_data.ros.bag_survey import rig_of, survey
from aloe_data.ros.checks.findings import Findings


def check(bag: Path, record: EpisodeRecord, found: Findings) -> None:
    """Count and time the messages of every topic, and decode them all.

    Raises:
        RecordingError: the bag cannot be read, or a message does not fit its type.
    """
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
