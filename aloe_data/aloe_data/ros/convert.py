"""Between messages and the pure types; the only place that knows both."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from aloe_msgs.msg import ActionChunk
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_data import codecs
from aloe_data.chunk import Chunk
from aloe_data.codecs import CodecError
from aloe_data.image_header import read_header
from aloe_data.picture_format import picture_format
from aloe_data.rig import Arm, Camera
from aloe_data.ros.raw_image import RawImage
from aloe_data.vocabulary import NS


def stamp_to_ns(stamp: Time) -> int:
    """Nanoseconds of a header stamp."""
    return stamp.sec * NS + stamp.nanosec


def ns_to_stamp(stamp_ns: int) -> Time:
    """Header stamp of nanoseconds."""
    return Time(sec=stamp_ns // NS, nanosec=stamp_ns % NS)


def image_from_message(message: CompressedImage | Image, camera: Camera) -> bytes | RawImage:
    """What `ObservationAssembler.push_image` takes: compressed bytes as they are, raw pixels to be converted later.

    A bag may have been recorded by either transport, whatever the rig file says now.

    Raises:
        CodecError: another type of message; wrong size, encoding or format.
    """
    if isinstance(message, Image):
        return RawImage(message, camera)
    where = f"camera {camera.name} ({camera.topic})"
    if not isinstance(message, CompressedImage):
        raise CodecError(f"{where}: its messages are {type(message).__name__}, no images; name a camera's topic")
    kind = picture_format(message.format)
    if kind.problem:
        raise CodecError(f"{where}: {kind.problem}")
    data = bytes(message.data)
    if not kind.names_codec and read_header(data) is None:
        raise CodecError(f"{where}: format '{message.format}' is not supported; publish jpeg or png")
    return codecs.RgbCompressed(data) if kind.is_rgb else data


def image_to_message(sent: bytes | codecs.Image, stamp_ns: int, frame_id: str) -> CompressedImage | Image:
    """What a camera's transport carries (`codecs.encode_for`) as a message: JPEG bytes, or RGB uint8 [h, w, 3]."""
    if isinstance(sent, bytes):
        return compressed_to_message(sent, stamp_ns, frame_id)
    height, width = sent.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=array("B", sent.tobytes()))
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    return message


def compressed_to_message(data: bytes, stamp_ns: int, frame_id: str) -> CompressedImage:
    """JPEG bytes as a message."""
    message = CompressedImage(format="jpeg", data=array("B", data))
    message.header.stamp = ns_to_stamp(stamp_ns)
    message.header.frame_id = frame_id
    return message


def joint_state_to_message(arm: Arm, positions: Sequence[float], stamp_ns: int) -> JointState:
    """Positions [dof] of an arm, gripper last, as a message."""
    message = JointState(name=list(arm.joint_names), position=array("d", positions))
    message.header.stamp = ns_to_stamp(stamp_ns)
    return message


def joint_state_messages(
    arms: Sequence[Arm], positions: Mapping[str, Sequence[float]], stamp_ns: int
) -> dict[str, JointState]:
    """One message per topic of joint states; arms that share a topic share its message, as drivers do.

    Args:
        arms: Arms whose joints are published.
        positions: Joint positions of these arms by name [dof], gripper last.
        stamp_ns: Time at which they were measured [ns].
    """
    messages: dict[str, JointState] = {}
    for arm in arms:
        message = messages.setdefault(arm.joint_state_topic, JointState())
        message.header.stamp = ns_to_stamp(stamp_ns)
        message.name = [*message.name, *arm.joint_names]
        message.position = array("d", [*message.position, *positions[arm.name]])
    return messages


def joint_positions(message: JointState) -> tuple[int, list[str], Sequence[float]]:
    """Stamp [ns], joint names and positions of a message, as `ObservationAssembler.push_joint_state` takes them."""
    return stamp_to_ns(message.header.stamp), list(message.name), message.position


def chunk_to_message(chunk: Chunk, action_space: str, inference_s: float = 0.0) -> ActionChunk:
    """A chunk as a message."""
    data = np.ascontiguousarray(chunk.data, dtype=np.float32)
    message = ActionChunk(
        chunk_id=chunk.chunk_id,
        policy_version=chunk.policy_version,
        action_space=action_space,
        observation_id=chunk.observation_id,
        rate_hz=float(chunk.rate_hz),
        horizon=data.shape[0],
        action_dim=data.shape[1],
        data=array("f", data.tobytes()),
        inference_s=inference_s,
    )
    message.header.stamp = ns_to_stamp(chunk.stamp_ns)
    return message


def chunk_from_message(message: ActionChunk) -> Chunk:
    """The chunk of a message.

    Raises:
        CodecError: data that does not have horizon x action_dim finite values.
    """
    data = np.array(message.data, dtype=np.float32)
    if data.size != message.horizon * message.action_dim or data.size == 0:
        shape = f"{message.horizon} x {message.action_dim}"
        raise CodecError(f"action chunk {message.chunk_id}: {data.size} values are not {shape}; update its publisher")
    if not np.isfinite(data).all():
        raise CodecError(f"action chunk {message.chunk_id}: has values that are not finite; check its publisher")
    return Chunk(
        stamp_ns=stamp_to_ns(message.header.stamp),
        chunk_id=message.chunk_id,
        data=data.reshape(message.horizon, message.action_dim),
        policy_version=message.policy_version,
        observation_id=message.observation_id,
        rate_hz=message.rate_hz,
    )


def diagnostics(
    stamp_ns: int, name: str, text: str, values: Mapping[str, object], level: bytes = DiagnosticStatus.ERROR
) -> DiagnosticArray:
    """A message for /diagnostics with one entry, see `diagnostic_status`."""
    message = DiagnosticArray(status=[diagnostic_status(name, text, values, level)])
    message.header.stamp = ns_to_stamp(stamp_ns)
    return message


def diagnostic_status(
    name: str, text: str, values: Mapping[str, object], level: bytes = DiagnosticStatus.ERROR
) -> DiagnosticStatus:
    """One entry for /diagnostics.

    Args:
        name: Name of the node and, after a colon, of the part that is reported on.
        text: Problem in words, or what is done; "": "ok" stands there, with level OK.
        values: Figures by name.
        level: OK, WARN, ERROR or STALE of DiagnosticStatus.
    """
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    level = level if text else DiagnosticStatus.OK
    return DiagnosticStatus(level=level, name=name, message=text or "ok", values=pairs)
