"""From streams of images and joint states to one observation, or to the name of the stream that is stale.

Live nodes and bag readers use the same assembler: live ones call `assemble(now)`, bag readers `assemble_at(T)`.
Given T, the observation does not depend on the order in which the streams' messages came in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.codecs import (
    Image,
    Undecoded,
    check_compressed,
    check_pixels,
    decode_checked,
    resize_image,
    select_joints,
)
from aloe_data.joint_track import JointTrack
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.stream_buffer import Sample, StreamBuffer
from aloe_data.vocabulary import NS


@dataclass(frozen=True, eq=False)
class Observation:
    """What a policy sees at one time.

    Attributes:
        stamp_ns: Time T that it stands for [ns]; nothing in it is newer.
        state: Joint positions of all arms in the rig's order, float32 [S], grippers last in each [rad, m].
        images: RGB images by camera, uint8 [h, w, 3].
        prompt: Task in words.
        stamps: Stamp of the contribution of each stream (camera or arm), by its name [ns].
    """

    stamp_ns: int
    state: NDArray[np.float32]
    images: Mapping[str, Image]
    prompt: str
    stamps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class StaleInput:
    """A stream that cannot be acted on.

    Attributes:
        stream: Its name.
        age_s: Age of its newest sample [s]; infinite: nothing came yet.
        limit_s: Age from which on it is too old [s].
        topic: Its topic.
        problem: "" or why its samples do not count, whatever their age.
    """

    stream: str
    age_s: float
    limit_s: float
    topic: str = ""
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        where = f"{self.stream} ({self.topic})" if self.topic else self.stream
        if math.isinf(self.age_s):
            return f"{where}: nothing received; start its driver or correct the topic in the rig file"
        if self.age_s < 0:
            return f"{where}: stamped {-self.age_s:.3f} s in the future; synchronise the clocks"
        return f"{where}: newest is {self.age_s:.3f} s old (limit {self.limit_s:g} s); check its driver"


class ObservationAssembler:
    """Aligns the streams of a rig in time.

    Images are checked on arrival but decoded only when an observation uses them, once per frame. Of a bag, raw ones
    that are to shrink are decoded at once: whole, they might not fit into memory.
    One thread may push while another assembles.

    Args:
        rig: Rig that names the streams and their limits.
        keep_all: Whether to keep every sample (bags) instead of the recent past (live).
        image_size: (height, width) that images are resized to [px]; None: as they are.
    """

    def __init__(self, rig: Rig, keep_all: bool = False, image_size: tuple[int, int] | None = None) -> None:
        self._rig = rig
        self._image_size = image_size
        self._shrinks_at_once = keep_all and image_size is not None
        self._streams: dict[str, Camera | Arm] = {camera.name: camera for camera in rig.cameras}
        self._streams |= {arm.name: arm for arm in rig.arms}
        # T may lie as far back as the slowest stream allows: every stream must remember that long.
        memory_s = max(stream.max_age_s for stream in self._streams.values()) + 0.5
        self._buffers: dict[str, StreamBuffer[Any]] = {
            name: StreamBuffer(None if keep_all else math.ceil(stream.rate_hz * memory_s))
            for name, stream in self._streams.items()
        }
        self._tracks = {arm.name: JointTrack(arm, is_live=not keep_all) for arm in rig.arms}
        self._decoded: dict[str, Sample[Image]] = {}
        self._lock = Lock()

    def push_image(self, camera: str, stamp_ns: int, image: bytes | Undecoded | Image) -> bool:
        """Add an image; False if its stamp is not newer than the last.

        Args:
            camera: Name of the camera.
            stamp_ns: Time at which the image was taken.
            image: JPEG or PNG (bytes), a raw image, or an RGB image uint8 [h, w, 3].

        Raises:
            CodecError: broken image or not the camera's size.
        """
        described = self._rig.camera(camera)
        if isinstance(image, bytes):
            check_compressed(image, described)
        elif isinstance(image, np.ndarray):
            check_pixels(image, described)
        elif self._shrinks_at_once:
            image = self._resized(image.decode())
        with self._lock:
            return self._buffers[camera].push(stamp_ns, image)

    def push_joint_state(self, arm: str, stamp_ns: int, names: Sequence[str], positions: Sequence[float]) -> bool:
        """Add a joint state; False if its stamp is not newer than the last.

        Raises:
            CodecError: naming missing, repeated or non-finite joints.
        """
        selected = select_joints(names, positions, self._rig.arm(arm))
        with self._lock:
            self._tracks[arm].push(stamp_ns, selected)
            return self._buffers[arm].push(stamp_ns, selected)

    def assemble(self, now_ns: int, prompt: str) -> Observation | StaleInput:
        """The newest observation that all streams cover, or the stalest stream.

        Raises:
            CodecError: an image that is complete by its header but cannot be decoded.
        """
        stale = self.stale(now_ns)
        if stale:
            return max(stale, key=lambda item: abs(item.age_s) / item.limit_s)
        stamp_ns = self.common_stamp_ns
        assert stamp_ns is not None, "a stream without samples is stale"
        return self.assemble_at(stamp_ns, prompt)

    @property
    def common_stamp_ns(self) -> int | None:
        """The newest time that all streams cover; None while one of them has nothing."""
        with self._lock:
            newest = [buffer.newest_stamp_ns for buffer in self._buffers.values()]
        known = [stamp for stamp in newest if stamp is not None]
        return min(known) if len(known) == len(newest) else None

    def assemble_at(self, stamp_ns: int, prompt: str) -> Observation | StaleInput:
        """The observation at time T = `stamp_ns`: of every stream the newest sample that is not newer.

        Raises:
            CodecError: see `assemble`.
        """
        samples = self.select_at(stamp_ns)
        if isinstance(samples, StaleInput):
            return samples
        images = {camera.name: self.decode(camera, samples[camera.name]) for camera in self._rig.cameras}
        state = np.concatenate([samples[arm.name].value for arm in self._rig.arms]).astype(np.float32)
        stamps = {name: sample.stamp_ns for name, sample in samples.items()}
        return Observation(stamp_ns, state, images, prompt, stamps)

    def select_at(self, stamp_ns: int) -> dict[str, Sample[Any]] | StaleInput:
        """Of every stream the newest sample at `stamp_ns`, images not decoded; or a stream that has none or too old."""
        with self._lock:
            found = {name: self._buffers[name].latest_at(stamp_ns) for name in self._streams}
            spoilt = self._spoilt({name: sample.stamp_ns for name, sample in found.items() if sample is not None})
        samples: dict[str, Sample[Any]] = {}
        for name, sample in found.items():
            if name in spoilt and sample is not None:
                return self._stale_input(name, sample.stamp_ns, stamp_ns, spoilt[name])
            if sample is None:
                return self._stale_input(name, None, stamp_ns)
            if stamp_ns - sample.stamp_ns > self._streams[name].max_age_s * NS:
                return self._stale_input(name, sample.stamp_ns, stamp_ns)
            samples[name] = sample
        return samples

    def decode(self, camera: Camera, sample: Sample[Any]) -> Image:
        """The RGB image of a selected sample, resized if so asked; the last one of each camera is remembered.

        Raises:
            CodecError: see `assemble`.
        """
        cached = self._decoded.get(camera.name)
        if cached is not None and cached.stamp_ns == sample.stamp_ns:
            return cached.value
        image = _decoded(sample.value, camera)
        image = self._resized(image)
        self._decoded[camera.name] = Sample(sample.stamp_ns, image)
        return image

    def _resized(self, image: Image) -> Image:
        return image if self._image_size is None else resize_image(image, self._image_size)

    def stale(self, now_ns: int) -> tuple[StaleInput, ...]:
        """Every stream whose newest sample is missing, older than its limit at `now_ns`, as far ahead, or spoilt."""
        with self._lock:
            newest = {name: self._buffers[name].newest_stamp_ns for name in self._streams}
            spoilt = self._spoilt({name: stamp for name, stamp in newest.items() if stamp is not None})
        return tuple(
            self._stale_input(name, stamp, now_ns, spoilt.get(name, ""))
            for name, stamp in newest.items()
            if stamp is None or name in spoilt or abs(now_ns - stamp) > self._streams[name].max_age_s * NS
        )

    def clear(self) -> None:
        """Forget everything, as after a jump of the clock."""
        with self._lock:
            for buffer in self._buffers.values():
                buffer.clear()
            for track in self._tracks.values():
                track.clear()
            self._decoded.clear()

    def _spoilt(self, stamps_ns: Mapping[str, int]) -> dict[str, str]:
        """Why the samples of these stamps do not count, by stream, of those that do not."""
        return {
            name: track.problem
            for name, track in self._tracks.items()
            if name in stamps_ns and track.is_spoilt(stamps_ns[name])
        }

    def _stale_input(self, name: str, stamp_ns: int | None, now_ns: int, problem: str = "") -> StaleInput:
        stream = self._streams[name]
        age_s = math.inf if stamp_ns is None else (now_ns - stamp_ns) / NS
        topic = stream.topic if isinstance(stream, Camera) else stream.joint_state_topic
        return StaleInput(name, age_s, stream.max_age_s, topic, problem)


def _decoded(image: bytes | Undecoded | Image, camera: Camera) -> Image:
    if isinstance(image, bytes):
        return decode_checked(image, camera)
    return image if isinstance(image, np.ndarray) else image.decode()
