"""Losses, silence and disorder of a bag's topics, and strangers on them."""

from aloe_data.recording import recorded_topics
from aloe_data.ros.bag_survey import survey
from aloe_data.ros.checks.findings import Findings, Subject


def check(bag: Subject, found: Findings) -> None:
    """Count and time the messages of every topic; quick: count them by the metadata.

    Raises:
        RecordingError: the bag cannot be read.
    """
    if bag.quick:
        _check_metadata(bag, found)
    else:
        _check_messages(bag, found)
    for topic, names in bag.record.strangers.items():
        found.notes.append(f"{topic}: {', '.join(names)} published it as well; what it said is among the messages")


def _check_metadata(bag: Subject, found: Findings) -> None:
    for topic, lost in bag.record.lost.items():
        found.problems.append(f"{topic}: {lost} messages lost")
    for topic in recorded_topics(bag.rig, use_sim_time=False):
        if topic.continuous and not bag.state.metadata.counts[topic.name]:
            found.problems.append(f"{topic.name}: no messages")


def _check_messages(bag: Subject, found: Findings) -> None:
    counts = survey(bag.state, bag.rig).counts.heard()
    for topic, count in counts.items():
        lost = max(bag.record.lost.get(topic, 0), count.lost)
        if lost:
            found.problems.append(f"{topic}: {lost} messages lost")
        if count.expected_hz and not count.received:
            found.problems.append(f"{topic}: no messages")
        elif count.slow or count.late:
            found.notes.append(f"{topic}: {count.late} late, {count}")
        if count.expected_hz and count.backwards:
            found.problems.append(f"{topic}: {count.backwards} stamps not newer than the one before")
