"""Images and joint states between their bytes on the wire and arrays, with every fault named."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aloe_data.image_header import read_header
from aloe_data.rig import Arm, Camera

Image = NDArray[np.uint8]
_BITS = 8  # per channel of a picture
# What EXIF says of the camera's orientation turns no image: calibration and policy know it as the sensor has it.
_AS_STORED = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_MAX_POSITION = 4 * np.pi  # no joint is there: such a value is in degrees or garbage


class CodecError(ValueError):
    """Data that is not what its stream must carry; the message says what, where and what to do."""


class Undecoded(Protocol):
    """A checked picture that becomes RGB only where an observation uses it."""

    def decode(self) -> Image:
        """RGB image uint8 [h, w, 3]; CodecError where it cannot be converted."""
        ...


class RgbCompressed(bytes):
    """A JPEG or PNG whose channels are red, green, blue where every decoder expects blue, green, red."""


def encode_jpeg(image: Image, quality: int = 85) -> bytes:
    """JPEG bytes of an RGB image uint8 [h, w, 3]."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise CodecError(f"expected an RGB image uint8 [h, w, 3], got {image.dtype} {list(image.shape)}")
    ok, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not ok:
        raise CodecError("OpenCV could not encode the image as JPEG")
    return data.tobytes()


def check_compressed(data: bytes, camera: Camera) -> None:
    """Check, without decoding, that bytes are a complete JPEG or PNG of the camera's size with 8 bits per channel.

    Raises:
        CodecError: naming the camera and the fault.
    """
    header = read_header(data)
    if header is None:
        raise CodecError(f"{_where(camera)}: neither JPEG nor PNG (starts with {data[:4].hex()}); publish JPEG")
    if not header.complete:
        raise CodecError(f"{_where(camera)}: image ends early ({len(data)} bytes); check the driver and the network")
    if header.bits > _BITS:
        raise CodecError(
            f"{_where(camera)}: image has {header.bits} bits per channel, as depth images have; publish {_BITS}"
        )
    check_size(header.width, header.height, camera)


def check_size(width: int, height: int, camera: Camera) -> None:
    """Raise CodecError if an image's size [px] is not the camera's."""
    if (width, height) != (camera.width, camera.height):
        raise CodecError(
            f"{_where(camera)}: image is {width}x{height}, the rig file says {camera.width}x{camera.height}; "
            "set the driver to that size or correct the rig file (policies trained on the old size will refuse it)"
        )


def check_pixels(image: Image, camera: Camera) -> None:
    """Raise CodecError if an array is no RGB image uint8 [h, w, 3] of the camera's size."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise CodecError(f"{_where(camera)}: expected RGB uint8 [h, w, 3], got {image.dtype} {list(image.shape)}")
    check_size(image.shape[1], image.shape[0], camera)


def decode_compressed(data: bytes, camera: Camera) -> Image:
    """RGB image uint8 [h, w, 3] of JPEG or PNG bytes.

    Raises:
        CodecError: broken data or not the camera's size.
    """
    check_compressed(data, camera)
    return decode_checked(data, camera)


def decode_checked(data: bytes, camera: Camera) -> Image:
    """The same of bytes that `check_compressed` has passed.

    Raises:
        CodecError: broken data.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_STORED)
    if image is None:
        raise CodecError(f"{_where(camera)}: OpenCV cannot decode the image ({len(data)} bytes); check the driver")
    if isinstance(data, RgbCompressed):
        return np.asarray(image, dtype=np.uint8)
    return _rgb(image, cv2.COLOR_BGR2RGB)


def encode_for(camera: Camera, image: Image, quality: int = 85) -> bytes | Image:
    """What a camera's transport carries of an RGB image uint8 [h, w, 3]: JPEG bytes, or the image itself."""
    return image if camera.is_raw else encode_jpeg(image, quality)


def decode_of(camera: Camera, sent: bytes | Image) -> Image:
    """The RGB image uint8 [h, w, 3] that arrives, of what `encode_for` gave.

    Raises:
        CodecError: broken data or not the camera's size.
    """
    return decode_compressed(sent, camera) if isinstance(sent, bytes) else sent


def resize_image(image: Image, size: tuple[int, int]) -> Image:
    """The image [h, w, 3] at `size` = (height, width) [px]; the one way in which live and recorded images shrink."""
    if image.shape[:2] == size:
        return image
    return np.asarray(cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def is_foreign(names: Sequence[str], arm: Arm) -> bool:
    """Whether a joint state is another device's that uses the same topic: it holds none of the arm's joints."""
    return len(names) > 0 and set(names).isdisjoint(arm.joint_names)


def select_joints(names: Sequence[str], positions: Sequence[float], arm: Arm) -> NDArray[np.float64]:
    """Positions [dof] of an arm's joints in the rig's order, gripper last; joints the rig does not know are ignored.

    Raises:
        CodecError: naming the missing, repeated, non-finite or impossible joints.
    """
    where = f"{arm.name} ({arm.joint_state_topic})"
    missing = [name for name in arm.joint_names if name not in names]
    if missing:
        has = ", ".join(_nearest_first(missing[0], names)) or "nothing"
        raise CodecError(
            f"{where}: no position of {', '.join(missing)}; it has {has}; correct the rig file or the driver"
        )
    if len(names) != len(positions):
        raise CodecError(f"{where}: {len(names)} names but {len(positions)} positions; check the driver")
    by_name = dict(zip(names, positions, strict=True))
    if len(by_name) != len(names):
        twice = [name for name in arm.joint_names if list(names).count(name) > 1]
        if twice:
            raise CodecError(f"{where}: joint {', '.join(twice)} is given twice; check the driver")
    values = [by_name[name] for name in arm.joint_names]
    selected = np.array(values, dtype=np.float64)
    if all(abs(value) <= _MAX_POSITION for value in values):  # NaN is not
        return selected
    finite = np.isfinite(selected)
    if not finite.all():
        raise CodecError(f"{where}: position of {_bad_names(arm, ~finite)} is not a number; check encoder and driver")
    far = np.abs(selected) > _MAX_POSITION
    raise CodecError(f"{where}: position of {_bad_names(arm, far)} is beyond any joint's range; publish rad and m")


def _nearest_first(name: str, others: Sequence[str]) -> list[str]:
    return sorted(others, key=lambda other: SequenceMatcher(None, name, other).ratio(), reverse=True)


def _bad_names(arm: Arm, bad: NDArray[np.bool_]) -> str:
    return ", ".join(name for name, is_bad in zip(arm.joint_names, bad, strict=True) if is_bad)


def _rgb(image: NDArray[Any], code: int) -> Image:
    return np.asarray(cv2.cvtColor(image, code), dtype=np.uint8)


def _where(camera: Camera) -> str:
    return f"camera {camera.name} ({camera.topic})"
