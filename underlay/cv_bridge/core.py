"""CvBridge: conversions of sensor_msgs/Image and CompressedImage."""

from __future__ import annotations

import re
import sys
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

_DTYPES = {
    "8U": "uint8",
    "8S": "int8",
    "16U": "uint16",
    "16S": "int16",
    "32S": "int32",
    "32F": "float32",
    "64F": "float64",
}
# Colour encodings: channel order (as in cv2.COLOR_*) and OpenCV type.
_COLOURS = {
    f"{order}{bits}": (cv_order, f"{bits}UC{channels}")
    for bits in (8, 16)
    for order, cv_order, channels in (
        ("mono", "GRAY", 1), ("bgr", "BGR", 3), ("rgb", "RGB", 3), ("bgra", "BGRA", 4), ("rgba", "RGBA", 4),
    )
}  # fmt: skip
# What sensors send, which is no target: OpenCV names a mosaic by the second and third pixel of its second row.
_SENSORS = {
    f"bayer_{order}{bits}": (f"{cv_order}2{{}}", f"{bits}UC1")
    for bits in (8, 16)
    for order, cv_order in (("rggb", "BayerBG"), ("bggr", "BayerRG"), ("gbrg", "BayerGR"), ("grbg", "BayerGB"))
} | {"yuv422": ("YUV2{}_UYVY", "8UC2"), "yuv422_yuy2": ("YUV2{}_YUY2", "8UC2")}


class CvBridgeError(TypeError):
    """A conversion that is not possible."""


def _type_of(encoding: str) -> tuple[np.dtype[Any], int]:
    """Element type and number of channels of an encoding."""
    name = (_COLOURS | _SENSORS).get(encoding, ("", encoding))[1]
    match = re.fullmatch(r"(8U|8S|16U|16S|32S|32F|64F)(?:C([1-4]))?", name)
    if match is None:
        raise CvBridgeError(f"Unrecognized image encoding [{encoding}]")
    return np.dtype(_DTYPES[match[1]]), int(match[2] or 1)


def _type_name(image: np.ndarray) -> str:
    channels = 1 if image.ndim < 3 else image.shape[2]
    return f"{next(name for name, dtype in _DTYPES.items() if dtype == image.dtype.name)}C{channels}"


def _convert(image: np.ndarray, source: str, target: str) -> np.ndarray:
    if source == target or (_type_of(source) == _type_of(target) and target not in _COLOURS | _SENSORS):
        return image
    if source not in _COLOURS | _SENSORS or target not in _COLOURS:
        raise CvBridgeError(f"[{source}] to [{target}]: one is a color format, the other is not; it makes no sense")
    order = _COLOURS[target][0]
    code = _SENSORS[source][0].format(order) if source in _SENSORS else f"{_COLOURS[source][0]}2{order}"
    try:
        image = image if code == f"{order}2{order}" else cv2.cvtColor(image, getattr(cv2, f"COLOR_{code}"))
    except cv2.error as error:
        raise CvBridgeError(str(error)) from error
    if image.dtype == _type_of(target)[0]:
        return image
    return cv2.convertScaleAbs(image, alpha=255 / 65535) if image.dtype == np.uint16 else image.astype(np.uint16) * 257


class CvBridge:
    """Converts between OpenCV images (numpy arrays) and image messages."""

    def encoding_to_dtype_with_channels(self, encoding: str) -> tuple[str, int]:
        """Element type, by NumPy's name, and number of channels of an encoding."""
        dtype, channels = _type_of(encoding)
        return dtype.name, channels

    def imgmsg_to_cv2(self, img_msg: Image, desired_encoding: str = "passthrough") -> np.ndarray:
        """Image message to array [h, w] or [h, w, channels].

        Raises:
            CvBridgeError: The encoding is unknown, the data too short, or the conversion impossible.
        """
        dtype, channels = _type_of(img_msg.encoding)
        if img_msg.is_bigendian != (sys.byteorder == "big"):
            dtype = dtype.newbyteorder()
        height, width, step = img_msg.height, img_msg.width, img_msg.step
        if step < width * channels * dtype.itemsize or len(img_msg.data) < height * step:
            raise CvBridgeError(f"{len(img_msg.data)} bytes are no {width}x{height} {img_msg.encoding}, step {step}")
        rows = np.frombuffer(img_msg.data, np.uint8, height * step).reshape(height, step)
        rows = np.ascontiguousarray(rows[:, : width * channels * dtype.itemsize]) if step % dtype.itemsize else rows
        image = rows.view(dtype).reshape(height, -1)[:, : width * channels]
        image = image if channels == 1 else image.reshape(height, width, channels)
        image = image.astype(dtype.newbyteorder("="), copy=False)
        return image if desired_encoding == "passthrough" else _convert(image, img_msg.encoding, desired_encoding)

    def cv2_to_imgmsg(self, cvim: np.ndarray, encoding: str = "passthrough", header: Any = None) -> Image:
        """Array to image message.

        Raises:
            TypeError: `cvim` is no array.
            CvBridgeError: Its type does not fit the encoding.
        """
        if not isinstance(cvim, np.ndarray | np.generic):
            raise TypeError("Your input type is not a numpy array")
        cv_type = _type_name(cvim)
        if encoding != "passthrough":
            dtype, channels = _type_of(encoding)
            if (dtype, channels) != _type_of(cv_type):
                raise CvBridgeError(f"encoding specified as {encoding}, but image has incompatible type {cv_type}")
        msg = Image(height=cvim.shape[0], width=cvim.shape[1])
        msg.encoding = cv_type if encoding == "passthrough" else encoding
        msg.is_bigendian = int(cvim.dtype.byteorder == ">" or (cvim.dtype.byteorder == "=" and sys.byteorder == "big"))
        msg.data.frombytes(cvim.tobytes())
        msg.step = len(msg.data) // msg.height
        if header is not None:
            msg.header = header
        return msg

    def compressed_imgmsg_to_cv2(
        self, cmprs_img_msg: CompressedImage, desired_encoding: str = "passthrough"
    ) -> np.ndarray:
        """Compressed image message to array, BGR unless another encoding is asked for.

        Raises:
            CvBridgeError: The data is no image that OpenCV can decode.
        """
        image = cv2.imdecode(np.frombuffer(cmprs_img_msg.data, np.uint8), cv2.IMREAD_UNCHANGED)
        if image is None:
            raise CvBridgeError(
                f"{len(cmprs_img_msg.data)} bytes of format '{cmprs_img_msg.format}' could not be decoded"
            )
        if desired_encoding == "passthrough":
            return image
        return _convert(image, "mono8" if image.ndim == 2 else "bgr8", desired_encoding)

    def cv2_to_compressed_imgmsg(self, cvim: np.ndarray, dst_format: str = "jpg") -> CompressedImage:
        """Array (BGR or grey) to compressed image message.

        Raises:
            TypeError: `cvim` is no array.
            CvBridgeError: OpenCV cannot encode it.
        """
        if not isinstance(cvim, np.ndarray | np.generic):
            raise TypeError("Your input type is not a numpy array")
        try:
            done, data = cv2.imencode(f".{dst_format}", cvim)
        except cv2.error as error:
            raise CvBridgeError(str(error)) from error
        if not done:
            raise CvBridgeError(f"image could not be encoded as {dst_format}")
        msg = CompressedImage(format=dst_format)
        msg.data.frombytes(data.tobytes())
        return msg
