"""Raw images (sensor_msgs/Image) as RGB: cv_bridge converts the encoding, whatever the row padding and byte order.

Which encodings there are is cv_bridge's business: every new one is tried once. Values of 16 bits become 8 by their
share of white, so mono16 is taken for brightness, never for a distance.
"""

import sys
from array import array
from functools import lru_cache

import numpy as np
from cv_bridge import CvBridge, CvBridgeError
from sensor_msgs.msg import Image

from aloe_data import codecs
from aloe_data.codecs import CodecError
from aloe_data.picture_format import matrix_problem
from aloe_data.raw_layout import PixelType, RawLayout, check_layout, is_plain, plain_pixels
from aloe_data.rig import Camera

_BRIDGE = CvBridge()
_TRIAL_PX = 8  # width and height of the image that an encoding is tried with
_USUAL = "publish rgb8, bgr8, rgba8, bgra8, mono8, bayer_* or yuv422_yuy2"


class RawImage:
    """A picture as its camera sent it; converted only where an observation uses it.

    Args:
        message: Image of the camera; its data must not be changed afterwards.
        camera: Camera that took it.

    Raises:
        CodecError: The encoding cannot be converted, or the data are no image of the camera's size.
    """

    def __init__(self, message: Image, camera: Camera) -> None:
        self._message = message
        self._camera = camera
        self._layout = RawLayout(
            message.height, message.width, message.encoding, bool(message.is_bigendian), message.step, len(message.data)
        )
        check_raw(self._layout, camera)

    def decode(self) -> codecs.Image:
        """RGB image uint8 [h, w, 3].

        Raises:
            CodecError: cv_bridge cannot convert it, as where packed YUV has an odd width.
        """
        try:
            return np.asarray(_BRIDGE.imgmsg_to_cv2(self._plain(), "rgb8"), dtype=np.uint8)
        except CvBridgeError as error:
            where = f"camera {self._camera.name} ({self._camera.topic})"
            raise CodecError(f"{where}: cv_bridge cannot convert its {self._layout.encoding} image: {error}") from error

    def _plain(self) -> Image:
        """The message, without padding and in this machine's byte order.

        cv_bridge takes padding that is no whole number of pixels for pixels, and cannot swap bytes beside NumPy 2.
        """
        layout = self._layout
        pixel = _pixel_type(layout.encoding)
        if is_plain(layout, pixel):
            return self._message
        plain = Image(height=layout.height, width=layout.width, encoding=layout.encoding)
        plain.step = layout.width * pixel.size
        plain.is_bigendian = sys.byteorder == "big"
        plain.data = array("B", plain_pixels(self._message.data, layout, pixel))
        return plain


def check_raw(layout: RawLayout, camera: Camera) -> None:
    """Check that a raw image can be converted and has the camera's size.

    Raises:
        CodecError: naming the camera, the fault and the remedy.
    """
    problem = encoding_problem(layout.encoding)
    if problem:
        raise CodecError(f"camera {camera.name} ({camera.topic}): {problem}")
    check_layout(layout, _pixel_type(layout.encoding), camera)


@lru_cache(maxsize=64)
def encoding_problem(encoding: str) -> str:
    """ "" or why cv_bridge makes no colours of an encoding, with the remedy."""
    problem = matrix_problem(encoding)
    if problem:
        return f"encoding '{encoding}' {problem}"
    try:
        pixel = _pixel_type(encoding)
        trial = Image(height=_TRIAL_PX, width=_TRIAL_PX, encoding=encoding, step=_TRIAL_PX * pixel.size)
        trial.is_bigendian = sys.byteorder == "big"
        trial.data = array("B", bytes(_TRIAL_PX * trial.step))
        _BRIDGE.imgmsg_to_cv2(trial, "rgb8")
    except CvBridgeError as error:
        return f"encoding '{encoding}' is none that cv_bridge converts to colours ({error}); {_USUAL}"
    return ""


@lru_cache(maxsize=64)
def _pixel_type(encoding: str) -> PixelType:
    return PixelType(*_BRIDGE.encoding_to_dtype_with_channels(encoding))
