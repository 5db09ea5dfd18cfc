"""What a bag says about itself: every topic's messages counted and timed, without decoding them."""

import struct
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState

from aloe_data.bag_state import BagState
from aloe_data.codecs import is_foreign
from aloe_data.recording import EpisodeRecord, RecordedTopic, RecordingError, recorded_topics, urdf_bytes
from aloe_data.rig import Arm, Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import changed_types, read_serialized
from aloe_data.serialized import header_stamp_ns, leading_sequence
from aloe_data.stream_counts import StreamCounts
from aloe_data.vocabulary import NS


@dataclass
class Survey:
    """The topics of a bag: counts, and the stamps of their messages [ns] (of the header where they have one)."""

    counts: StreamCounts = field(default_factory=StreamCounts)
    stamps_ns: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def intervals_s(self) -> dict[str, NDArray[np.float64]]:
        """Time between messages by topic, of those with an expected rate [s]."""
        streams = {topic for topic, count in self.counts.counts.items() if count.expected_hz}
        return {t: np.diff(stamps) / NS for t, stamps in self.stamps_ns.items() if t in streams and len(stamps) > 1}


def survey(bag: Path | BagState, rig: Rig | None) -> Survey:
    """Read a whole bag.

    Args:
        bag: Folder of the bag, or its state where that is known.
        rig: Rig whose rates are expected; None: unknown.

    Raises:
        RecordingError: no bag, or a damaged one.
    """
    folder = bag.bag if isinstance(bag, BagState) else bag
    topics = {topic.name: topic for topic in recorded_topics(rig, use_sim_time=False)} if rig else {}
    changed = changed_types(bag)  # their messages may begin with other fields
    shared = _shared_arms(rig) if rig else {}
    rates = {name: topic.rate_hz for name, topic in topics.items()} | dict.fromkeys(shared, 0.0)
    found = Survey()
    found.counts.reset(rates | {_of_arm(arm): arm.rate_hz for arms in shared.values() for arm in arms})
    for name, data, received_ns in read_serialized(bag):
        topic = topics.get(name, RecordedTopic(name, ""))
        if name not in found.counts.counts:
            found.counts.add(name)
        try:
            known = topic.type not in changed
            stamp_ns = header_stamp_ns(data) if topic.continuous and known else received_ns
            sequence = leading_sequence(data) if topic.sequenced and known else None
        except (struct.error, IndexError) as error:
            raise RecordingError(f"{folder}: a message on {name} at {received_ns} ns is too short: {error}") from error
        found.counts.received(name, stamp_ns, sequence)
        found.counts.written(name)
        found.stamps_ns[name].append(stamp_ns)
        if name not in shared:
            continue
        try:
            joints = deserialize_message(data, JointState).name
        except RuntimeError as error:
            raise RecordingError(
                f"{folder}: a message on {name} at {received_ns} ns is no joint state: {error}"
            ) from error
        for arm in shared[name]:
            if not is_foreign(joints, arm):
                found.counts.received(_of_arm(arm), stamp_ns)
                found.counts.written(_of_arm(arm))
                found.stamps_ns[_of_arm(arm)].append(stamp_ns)
    return found


def _shared_arms(rig: Rig) -> dict[str, tuple[Arm, ...]]:
    """The arms of every topic that several of them share: each has its own rate and order on it."""
    return {topic: arms for topic, arms in rig.arms_by_topic.items() if len(arms) > 1}


def _of_arm(arm: Arm) -> str:
    """What an arm's part of a topic is called among the topics."""
    return f"{arm.joint_state_topic} ({arm.name})"


def rig_of(record: EpisodeRecord) -> Rig:
    """The rig that a bag was recorded with, from the bag itself; without the URDF files that it names.

    Raises:
        RecordingError: the bag has none, or one that this version cannot read.
    """
    with rig_inside(record) as rig:
        return rig


@contextmanager
def rig_inside(record: EpisodeRecord) -> Iterator[Rig]:
    """The rig that a bag was recorded with; its URDF files are there as long as the context lasts.

    Raises:
        RecordingError: see `rig_of`.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rig.yaml"
        file.write_text(record.rig, encoding="utf-8")
        copies = {}
        for number, (name, text) in enumerate(record.urdfs.items()):
            # Two URDFs may have one file name, and a name may lead out of the folder: each has a folder of its own.
            copies[name] = Path(folder) / str(number) / Path(name).name
            copies[name].parent.mkdir()
            copies[name].write_bytes(urdf_bytes(text))
        try:
            rig = load_rig(file, copies)
        except RigError as error:
            raise RecordingError(f"the rig file inside cannot be used: {error}; name one with --rig") from error
        yield rig
