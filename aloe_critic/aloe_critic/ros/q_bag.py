"""A bag with a critic's opinions added: an ordinary bag, with /critic/q beside all that was recorded."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import merge
from pathlib import Path

from aloe_msgs.msg import QEstimate
from rclpy.serialization import serialize_message

from aloe_data.recording import RecordedTopic, RecordingError, recorded_topics
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import read_own_record, read_serialized, topic_types
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.verdicts import give_verdict, verdict_of

TOPIC = RecordedTopic("/critic/q", "aloe_msgs/msg/QEstimate")


def copy_with_estimates(bag: Path, out: Path, rig: Rig, estimates: Iterable[QEstimate]) -> None:
    """Copy a bag, with these estimates instead of those that it may hold, each at the time of its observation.

    Args:
        bag: the bag's folder.
        out: folder to make.
        rig: that it was recorded with.
        estimates: in order of their stamps.

    Raises:
        RecordingError: no bag, or the copy cannot be written.
    """
    known = {topic.name: topic for topic in recorded_topics(rig, use_sim_time=False)}
    kinds = topic_types(bag)
    topics = [known.get(name, RecordedTopic(name, kind)) for name, kind in kinds.items() if name != TOPIC.name]
    writer = open_bag(out, read_own_record(bag), dict.fromkeys([*topics, TOPIC]))
    try:
        for stamp_ns, topic, data in merge(_recorded(bag), _added(estimates), key=lambda row: row[0]):
            writer.write(topic, data, stamp_ns)
    except RuntimeError as error:
        raise RecordingError(f"cannot write {out}: {error}") from error
    finally:
        writer.close()
    if given := verdict_of(bag):  # it does not stand in the bag
        give_verdict(out.resolve().parent, replace(given, episode_id=out.resolve().name))


def _recorded(bag: Path) -> Iterator[tuple[int, str, bytes]]:
    return ((stamp_ns, topic, data) for topic, data, stamp_ns in read_serialized(bag) if topic != TOPIC.name)


def _added(estimates: Iterable[QEstimate]) -> Iterator[tuple[int, str, bytes]]:
    return ((stamp_to_ns(m.header.stamp), TOPIC.name, serialize_message(m)) for m in estimates)
