"""Whether messages fit their types, and learning can use the images and joint states among them."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from aloe_data.codecs import CodecError
from aloe_data.observation import ObservationAssembler
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import read_messages, read_samples
from aloe_data.ros.bag_streams import BagStreams
from aloe_data.ros.checks.findings import Findings, Subject
from aloe_data.ros.convert import image_from_message, stamp_to_ns
from aloe_data.stream_buffer import Sample

_PLACES = (0.0, 0.5, 0.95)  # of the bag: from there on, one message of each stream is tried when it is to be quick
_STATES = 20  # of a topic that several arms share
_IMAGES = 30  # of each camera are decoded otherwise, evenly spread


def check(bag: Subject, found: Findings) -> None:
    """Take images and joint states as a live node does, and say which streams it would refuse.

    Raises:
        RecordingError: the bag cannot be read, or a message does not fit its type.
    """
    trial = _Trial(bag.rig)
    for topic, message in _some(bag, trial.topics) if bag.quick else _all(bag):
        trial.take(topic, message)
    for topic, (refused, fault) in trial.faults().items():
        tried = trial.tried[topic]
        said = f"{topic}: {refused} of {tried} messages that were tried cannot be used: {fault}"
        if refused >= tried:
            found.problems.append(said)
        else:
            found.notes.append(said)


def _some(bag: Subject, topics: Collection[str]) -> Iterator[tuple[str, Any]]:
    # Where arms share a topic, the first message may be another arm's.
    wanted = {topic: _STATES if len(bag.rig.arms_on(topic)) > 1 else 1 for topic in topics}
    return read_samples(bag.state, wanted, _PLACES)


def _all(bag: Subject) -> Iterator[tuple[str, Any]]:
    """Every message, so that each is seen to fit its type; of the images only some, which are costly to decode."""
    cameras = {camera.topic for camera in bag.rig.cameras}
    seen = Counter[str]()
    for topic, message, _ in read_messages(bag.state):
        every = max(1, bag.state.metadata.counts[topic] // _IMAGES) if topic in cameras else 1
        if seen[topic] % every == 0:
            yield topic, message
        seen[topic] += 1


class _Trial:
    """Takes messages as a live node takes them from its subscriptions; of images it keeps none.

    Attributes:
        tried: Number of messages by topic.
    """

    def __init__(self, rig: Rig) -> None:
        self.tried: Counter[str] = Counter()
        self._assembler = ObservationAssembler(rig)
        self._cameras = {camera.topic: camera for camera in rig.cameras}
        self._images: dict[str, list[str]] = {topic: [] for topic in self._cameras}  # why they were refused
        self._states = {arm.joint_state_topic: BagStreams(rig) for arm in rig.arms}

    @property
    def topics(self) -> list[str]:
        """Whose messages it tries."""
        return [*self._cameras, *self._states]

    def take(self, topic: str, message: Any) -> None:
        """One message; those of other topics are passed over."""
        if topic in self._cameras:
            self._take_image(topic, message)
        elif topic in self._states:
            self._states[topic].take(topic, message)
        else:
            return
        self.tried[topic] += 1

    def faults(self) -> dict[str, tuple[int, str]]:
        """Of the topics with messages that were refused, their number and the first reason."""
        images = {topic: (len(reasons), reasons[0]) for topic, reasons in self._images.items() if reasons}
        states = {
            topic: (taken.refused[topic], taken.fault)
            for topic, taken in self._states.items()
            if topic in taken.refused
        }
        return images | states

    def _take_image(self, topic: str, message: Any) -> None:
        camera = self._cameras[topic]
        stamp_ns = stamp_to_ns(message.header.stamp)
        try:
            image = image_from_message(message, camera)
            self._assembler.push_image(camera.name, stamp_ns, image)
            self._assembler.decode(camera, Sample(stamp_ns, image))
        except CodecError as error:
            self._images[topic].append(str(error))
