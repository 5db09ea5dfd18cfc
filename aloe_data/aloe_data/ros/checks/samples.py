"""Whether messages fit their types, and learning can use the images and joint states among them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from aloe_data.codecs import CodecError, is_foreign
from aloe_data.observation import ObservationAssembler
from aloe_data.rig import Camera, Rig
from aloe_data.ros.bag_reader import read_messages, read_samples
from aloe_data.ros.checks.findings import Findings, Subject
from aloe_data.ros.convert import image_from_message, joint_positions, stamp_to_ns
from aloe_data.stream_buffer import Sample

_PLACES = (0.0, 0.5, 0.95)  # of the bag: from there on, one message of each stream is tried when it is to be quick
_IMAGES = 100  # of each camera are decoded otherwise, evenly spread


def check(bag: Subject, found: Findings) -> None:
    """Take images and joint states as a live node does, and say which streams it would refuse.

    Raises:
        RecordingError: the bag cannot be read, or a message does not fit its type.
    """
    trial = _Trial(bag.rig)
    for topic, message in _some(bag, trial.topics) if bag.quick else _all(bag):
        trial.take(topic, message)
    for topic, refused in trial.refused.items():
        tried = trial.tried[topic]
        said = f"{topic}: {refused} of {tried} messages that were tried cannot be used: {trial.faults[topic]}"
        if refused == tried:
            found.problems.append(said)
        else:
            found.notes.append(said)


def _some(bag: Subject, topics: list[str]) -> Iterator[tuple[str, Any]]:
    return read_samples(bag.state.bag, topics, _PLACES)


def _all(bag: Subject) -> Iterator[tuple[str, Any]]:
    """Every message, so that each is seen to fit its type; of the images only some, which are costly to decode."""
    cameras = {camera.topic for camera in bag.rig.cameras}
    seen = Counter[str]()
    for topic, message, _ in read_messages(bag.state.bag):
        every = max(1, bag.state.metadata.counts[topic] // _IMAGES) if topic in cameras else 1
        if seen[topic] % every == 0:
            yield topic, message
        seen[topic] += 1


class _Trial:
    """Takes messages as a live node takes them from its subscriptions, and keeps none.

    Attributes:
        tried, refused: number of messages by topic.
        faults: topic to the first reason why one was refused.
    """

    def __init__(self, rig: Rig) -> None:
        self.tried: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.faults: dict[str, str] = {}
        self._rig = rig
        self._assembler = ObservationAssembler(rig)
        self._cameras = {camera.topic: camera for camera in rig.cameras}

    @property
    def topics(self) -> list[str]:
        """Whose messages it tries."""
        return [*self._cameras, *{arm.joint_state_topic for arm in self._rig.arms}]

    def take(self, topic: str, message: Any) -> None:
        """One message; those of other topics are passed over."""
        if topic not in self.topics or self._is_foreign(topic, message):
            return
        self.tried[topic] += 1
        try:
            if topic in self._cameras:
                self._take_image(self._cameras[topic], message)
            else:
                self._take_state(topic, message)
        except CodecError as error:
            self.refused[topic] += 1
            self.faults.setdefault(topic, str(error))

    def _take_image(self, camera: Camera, message: Any) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        image = image_from_message(message, camera)
        self._assembler.push_image(camera.name, stamp_ns, image)
        self._assembler.decode(camera, Sample(stamp_ns, image))

    def _take_state(self, topic: str, message: Any) -> None:
        arms = self._rig.arms_on(topic)
        for arm in arms:
            if len(arms) == 1 or not is_foreign(message.name, arm):
                self._assembler.push_joint_state(arm.name, *joint_positions(message))

    def _is_foreign(self, topic: str, message: Any) -> bool:
        """Whether a joint state on a topic that arms share is of none of them."""
        arms = self._rig.arms_on(topic)
        return len(arms) > 1 and all(is_foreign(message.name, arm) for arm in arms)
