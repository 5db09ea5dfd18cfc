"""The streams of a rig from its recorded messages, in the assembler that live nodes use."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aloe_data.chunk import Chunk
from aloe_data.codecs import CodecError
from aloe_data.observation import Observation, ObservationAssembler, StaleInput
from aloe_data.rig import Rig
from aloe_data.ros.bag_reader import read_messages, read_own_record
from aloe_data.ros.convert import chunk_from_message, image_from_message, joint_positions, stamp_to_ns

_CHUNKS = "/policy/action_chunk"


class BagStreams:
    """Takes recorded images and joint states as a live node takes them from its subscriptions.

    Args:
        rig: the rig that was recorded.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Attributes:
        assembler: holds all that was taken.
        refused: topic to the number of its messages that a live node would have refused as well.
        fault: the first reason why; "" for none.
    """

    def __init__(self, rig: Rig, image_size: tuple[int, int] | None = None) -> None:
        self.assembler = ObservationAssembler(rig, keep_all=True, image_size=image_size)
        self.refused: Counter[str] = Counter()
        self.fault = ""
        self._cameras = {camera.topic: camera for camera in rig.cameras}
        self._arms = {arm.joint_state_topic: arm for arm in rig.arms}

    @property
    def topics(self) -> list[str]:
        """Whose messages it takes."""
        return [*self._cameras, *self._arms]

    def take(self, topic: str, message: Any) -> None:
        """One message, in the order of reception."""
        try:
            self._push(topic, message)
        except CodecError as error:
            self.refused[topic] += 1
            self.fault = self.fault or f"the first of {topic} that was refused: {error}"

    def _push(self, topic: str, message: Any) -> None:
        if topic in self._cameras:
            camera, stamp_ns = self._cameras[topic], stamp_to_ns(message.header.stamp)
            self.assembler.push_image(camera.name, stamp_ns, image_from_message(message, camera))
        else:
            self.assembler.push_joint_state(self._arms[topic].name, *joint_positions(message))


def read_observations(
    bag: Path, rig: Rig, image_size: tuple[int, int] | None = None
) -> Iterator[tuple[Chunk, Observation | StaleInput]]:
    """Every chunk of a bag with the observation that the policy had made it of, to the byte.

    Args:
        bag: the bag's folder.
        rig: the rig that it was recorded with.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Yields:
        (chunk, its observation, or the stream that the bag lacks at that time).

    Raises:
        RecordingError: no bag of the recorder, or a damaged one.
        CodecError: a chunk, or an image, that cannot be decoded.
    """
    streams, chunks = BagStreams(rig, image_size), []
    for topic, message, _ in read_messages(bag, [*streams.topics, _CHUNKS]):
        if topic == _CHUNKS:
            chunks.append(chunk_from_message(message))
        else:
            streams.take(topic, message)
    prompt = read_own_record(bag).prompt
    for chunk in chunks:
        yield chunk, streams.assembler.assemble_at(chunk.stamp_ns, prompt)
