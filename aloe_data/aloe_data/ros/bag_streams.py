"""The streams of a rig from its recorded messages, in the assembler that live nodes use."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aloe_data.chunk import Chunk
from aloe_data.clock_steps import StreamClock, belongs, describe_steps, stream_clocks
from aloe_data.codecs import CodecError, is_foreign
from aloe_data.observation import Observation, ObservationAssembler, StaleInput
from aloe_data.recording import CHUNKS
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.ros.bag_reader import read_messages, read_own_record
from aloe_data.ros.convert import chunk_from_message, image_from_message, joint_positions, stamp_to_ns
from aloe_data.stream_buffer import Sample


class BagStreams:
    """Takes recorded images and joint states as a live node takes them from its subscriptions.

    Args:
        rig: The rig that was recorded.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Attributes:
        assembler: Assembler of all that was taken.
    """

    def __init__(self, rig: Rig, image_size: tuple[int, int] | None = None) -> None:
        self.assembler = ObservationAssembler(rig, keep_all=True, image_size=image_size)
        self._refused: Counter[str] = Counter()
        self._fault = ""
        self._foreign: dict[str, tuple[int, str]] = {}  # arms not found yet: messages without their joints, why
        self._found: set[str] = set()  # arms that were found
        self._clocks = stream_clocks(rig)
        self._cameras = {camera.topic: camera for camera in rig.cameras}
        self._arms = rig.arms_by_topic

    @property
    def topics(self) -> list[str]:
        """Whose messages it takes."""
        return [*self._cameras, *self._arms]

    @property
    def refused(self) -> dict[str, int]:
        """Topic to the number of its messages that a live node would have refused as well."""
        lost = {self._clocks[arm].topic: count for arm, (count, _) in self._foreign.items()}
        return dict(self._refused + Counter(lost))

    @property
    def fault(self) -> str:
        """The first reason why; "" for none."""
        reasons = [self._fault, *(f"{self._clocks[arm].topic}: {why}" for arm, (_, why) in self._foreign.items())]
        return next(filter(None, reasons), "")

    def take(self, topic: str, message: Any, received_ns: int | None = None) -> None:
        """One message, in the order of reception; when it was received [ns], if that is known."""
        if topic in self._cameras:
            self._push_image(self._cameras[topic], message, received_ns)
            return
        for arm in self._arms[topic]:
            self._push_joints(arm, message, received_ns)

    def clock_problem(
        self, clock: StreamClock, stamp_ns: int, received_ns: int, samples: Mapping[str, Sample[Any]] | StaleInput
    ) -> str:
        """Why samples are not of the time that their stamps say, because a clock was set while they were recorded.

        Args:
            clock: Clock of the topic of the message that they were chosen for.
            stamp_ns: Stamp of that message [ns].
            received_ns: When it was received [ns].
            samples: Sample of every stream that its stamp chooses, or the stream that has none.

        Returns:
            "" where they are.
        """
        stepped = [each for each in (*self._clocks.values(), clock) if each.step_ns]
        if not stepped:
            return ""
        if isinstance(samples, StaleInput):
            is_spoilt = clock.step_ns or self._clocks[samples.stream].step_ns
        else:
            is_spoilt = not all(
                belongs(clock, self._clocks[name], stamp_ns, received_ns, sample.stamp_ns)
                for name, sample in samples.items()
            )
        return describe_steps(stepped) if is_spoilt else ""

    def _push_image(self, camera: Camera, message: Any, received_ns: int | None) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if received_ns is not None:
            self._clocks[camera.name].add(stamp_ns, received_ns)
        try:
            self.assembler.push_image(camera.name, stamp_ns, image_from_message(message, camera))
        except CodecError as error:
            self._refuse(camera.topic, error)

    def _push_joints(self, arm: Arm, message: Any, received_ns: int | None) -> None:
        """An arm's joints of a message; one without any of them is another device's on the same topic."""
        stamp_ns, names, positions = joint_positions(message)
        foreign = is_foreign(names, arm)
        if received_ns is not None and not foreign:
            self._clocks[arm.name].add(stamp_ns, received_ns)
        if foreign and arm.name in self._found:
            return
        try:
            self.assembler.push_joint_state(arm.name, stamp_ns, names, positions)
        except CodecError as error:
            if not foreign:
                self._refuse(arm.joint_state_topic, error)
                return
            count, why = self._foreign.get(arm.name, (0, str(error)))
            self._foreign[arm.name] = (count + 1, why)
        else:
            self._found.add(arm.name)
            self._foreign.pop(arm.name, None)

    def _refuse(self, topic: str, error: CodecError) -> None:
        self._refused[topic] += 1
        self._fault = self._fault or f"the first of {topic} that was refused: {error}"


def read_observations(
    bag: Path, rig: Rig, image_size: tuple[int, int] | None = None
) -> Iterator[tuple[Chunk, Observation | StaleInput]]:
    """Every chunk of a bag with the observation that the policy had made it of, to the byte.

    Args:
        bag: The bag's folder.
        rig: The rig that it was recorded with.
        image_size: (height, width) to resize images to [px]; None: as they are.

    Yields:
        (chunk, its observation, or the stream that the bag lacks at that time).

    Raises:
        RecordingError: no bag of the recorder, or a damaged one.
        CodecError: a chunk, or an image, that cannot be decoded.
    """
    streams = BagStreams(rig, image_size)
    chunks: list[tuple[Chunk, int]] = []  # and when it was received [ns]
    clock = StreamClock(CHUNKS, rig.rate_hz)
    for topic, message, received_ns in read_messages(bag, [*streams.topics, CHUNKS]):
        if topic == CHUNKS:
            chunks.append((chunk_from_message(message), received_ns))
            clock.add(stamp_to_ns(message.header.stamp), received_ns)
        else:
            streams.take(topic, message, received_ns)
    prompt = read_own_record(bag).prompt
    for chunk, received_ns in chunks:
        samples = streams.assembler.select_at(chunk.stamp_ns)
        problem = streams.clock_problem(clock, chunk.stamp_ns, received_ns, samples)
        if problem:
            yield chunk, StaleInput("every stream", 0.0, 0.0, problem=problem)
        else:
            yield chunk, streams.assembler.assemble_at(chunk.stamp_ns, prompt)
