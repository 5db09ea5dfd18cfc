"""How the pixels of a raw image lie in its bytes, and the same pixels side by side in this machine's byte order.

Source: sensor_msgs/msg/Image.msg.
"""

import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aloe_data.codecs import CodecError, check_size
from aloe_data.rig import Camera


class PixelType(NamedTuple):
    """What one pixel of an encoding is: the type of its values, by NumPy's name, and how many there are."""

    dtype: str
    channels: int

    @property
    def size(self) -> int:
        """Bytes of a pixel."""
        return np.dtype(self.dtype).itemsize * self.channels


class RawLayout(NamedTuple):
    """What a sensor_msgs/Image says of its data.

    Attributes:
        height, width: Size of the image [px].
        encoding: Name of what a pixel is, as "rgb8".
        is_bigendian: Whether values of more than one byte begin with the highest.
        step: Bytes of a row, padding included.
        size: Bytes of the data.
    """

    height: int
    width: int
    encoding: str
    is_bigendian: bool
    step: int
    size: int


def check_layout(layout: RawLayout, pixel: PixelType, camera: Camera) -> None:
    """Check that the data hold an image of the camera's size.

    Raises:
        CodecError: naming the camera and the fault.
    """
    check_size(layout.width, layout.height, camera)
    if layout.step < layout.width * pixel.size or layout.size != layout.step * layout.height:
        raise CodecError(
            f"camera {camera.name} ({camera.topic}): {layout.size} bytes with step {layout.step} are no "
            f"{layout.width}x{layout.height} {layout.encoding} image; check its driver"
        )


def is_plain(layout: RawLayout, pixel: PixelType) -> bool:
    """Whether the rows follow each other without padding, in this machine's byte order."""
    return layout.step == layout.width * pixel.size and layout.is_bigendian == (sys.byteorder == "big")


def plain_pixels(data: bytes | bytearray | memoryview, layout: RawLayout, pixel: PixelType) -> bytes:
    """The pixels of a checked image, row by row without padding, in this machine's byte order.

    Padding need not be a whole number of pixels, nor a row begin at a multiple of a value's size.
    """
    rows: NDArray[np.uint8] = np.frombuffer(data, np.uint8).reshape(layout.height, layout.step)
    values = np.ascontiguousarray(rows[:, : layout.width * pixel.size]).view(pixel.dtype)
    if layout.is_bigendian != (sys.byteorder == "big"):
        values = values.byteswap()
    return values.tobytes()
