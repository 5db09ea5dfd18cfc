"""Whether a bag is one episode with a beginning, an end and a verdict."""

from aloe_msgs.msg import EpisodeEvent

from aloe_data.recording import EVENTS
from aloe_data.ros.bag_reader import read_messages
from aloe_data.ros.checks.findings import Findings, Subject


def check(bag: Subject, found: Findings) -> None:
    """Find START and STOP events that are missing or too many, and a missing verdict.

    Raises:
        RecordingError: the bag cannot be read.
    """
    events = [message for _, message, _ in read_messages(bag.state, [EVENTS])]
    starts = sum(event.kind == EpisodeEvent.START for event in events)
    stops = sum(event.kind == EpisodeEvent.STOP for event in events)
    if (starts, stops) != (1, 1):
        found.problems.append(f"{starts} START and {stops} STOP events instead of one each")
    if bag.record.verdict == "NONE":
        found.notes.append("no verdict")
