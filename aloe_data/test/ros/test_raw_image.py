"""Raw images of every encoding become RGB, or are refused by name."""

import sys
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from aloe_data.codecs import CodecError
from aloe_data.rig_file import load_rig
from aloe_data.ros.raw_image import RawImage, encoding_problem
from aloe_data.serialized import raw_layout

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
Pixels = NDArray[np.generic]
MOSAICS = {"rggb": ((0, 1), (1, 2)), "bggr": ((2, 1), (1, 0)), "gbrg": ((1, 2), (0, 1)), "grbg": ((1, 0), (2, 1))}


def colours(order: str) -> Callable[[Pixels], Pixels]:
    """Channels in another order, opaque where there is a fourth one."""

    def encode(rgb: Pixels) -> Pixels:
        opaque = np.full((*rgb.shape[:2], 1), 255, np.uint8)
        return np.concatenate([rgb, opaque], axis=2)[..., ["rgba".index(channel) for channel in order]]

    return encode


def mosaic(order: str) -> Callable[[Pixels], Pixels]:
    """One channel per pixel, as behind a sensor's filter."""

    def encode(rgb: Pixels) -> Pixels:
        y, x = np.mgrid[0 : rgb.shape[0], 0 : rgb.shape[1]]
        return rgb[y, x, np.array(MOSAICS[order])[y % 2, x % 2]]

    return encode


def packed_yuv(luma: int) -> Callable[[Pixels], Pixels]:
    """A luma per pixel, and U and V in turns; ITU-R BT.601."""

    def encode(rgb: Pixels) -> Pixels:
        red, green, blue = rgb[..., 0].astype(float), rgb[..., 1].astype(float), rgb[..., 2].astype(float)
        y = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
        u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
        v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
        chroma = np.where(np.arange(rgb.shape[1]) % 2, v, u)
        return np.stack([y, chroma] if luma == 0 else [chroma, y], axis=-1).round().astype(np.uint8)

    return encode


def grey(rgb: Pixels) -> Pixels:
    return rgb[..., 0]


def wide(encode: Callable[[Pixels], Pixels]) -> Callable[[Pixels], Pixels]:
    """The same with 16 bits per value."""
    return lambda rgb: encode(rgb).astype(np.uint16) * 257


EIGHT = {order + "8": colours(order) for order in ("rgb", "bgr", "rgba", "bgra")} | {"mono8": grey}
EIGHT |= {f"bayer_{order}8": mosaic(order) for order in MOSAICS}
SIXTEEN = {f"{name[:-1]}16": wide(encode) for name, encode in EIGHT.items()}
ENCODINGS = EIGHT | SIXTEEN | {"yuv422": packed_yuv(1), "yuv422_yuy2": packed_yuv(0)}


def picture(seed: int, height: int, width: int, encoding: str) -> Pixels:
    """RGB [h, w, 3] of which an encoding keeps everything: greys for one channel, one colour for a mosaic."""
    rng = np.random.default_rng(seed)
    if encoding.startswith("bayer"):
        return np.tile(rng.integers(0, 256, 3).astype(np.uint8), (height, width, 1))
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if encoding.startswith("mono"):
        return image[..., :1].repeat(3, axis=2)
    if encoding.startswith("yuv"):
        return image[:, ::2].repeat(2, axis=1)[:, :width]
    return image


def message(pixels: Pixels, encoding: str, padding: int, bigendian: bool) -> Image:
    height, width = pixels.shape[:2]
    sent = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    rows = np.ascontiguousarray(sent).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=99)
    image = Image(height=height, width=width, encoding=encoding, step=rows.shape[1], data=array("B", rows.tobytes()))
    image.is_bigendian = int(bigendian)
    return image


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=15)
@given(st.integers(0, 99), st.integers(2, 8), st.integers(2, 8), st.integers(0, 17), st.booleans())
def test_an_image_through_every_encoding_is_the_original(
    encoding: str, seed: int, half_height: int, half_width: int, padding: int, bigendian: bool
) -> None:
    rgb = picture(seed, 2 * half_height, 2 * half_width, encoding)
    sent = message(ENCODINGS[encoding](rgb), encoding, padding, bigendian)
    before = bytes(sent.data)
    camera = replace(RIG.cameras[0], width=2 * half_width, height=2 * half_height, transport="raw")
    decoded = RawImage(sent, camera).decode()
    assert decoded.dtype == np.uint8
    # Packed YUV rounds each of its three values to one of 219 or 224 steps.
    np.testing.assert_allclose(decoded.astype(int), rgb, atol=4 if encoding.startswith("yuv") else 0)
    assert bytes(sent.data) == before
    layout = raw_layout(serialize_message(sent))
    assert layout == (sent.height, sent.width, encoding, bigendian, sent.step, len(sent.data))


@given(st.text(max_size=9), st.text(max_size=9))
def test_the_layout_of_a_serialised_image_is_that_of_the_message(frame_id: str, encoding: str) -> None:
    frame_id, encoding = frame_id.replace("\0", ""), encoding.replace("\0", "")
    image = Image(height=3, width=5, encoding=encoding, step=7, data=bytes(21))
    image.header.frame_id = frame_id
    assert raw_layout(serialize_message(image)) == (3, 5, encoding, False, 7, 21)


REFUSED = {
    "16UC1": "encoding '16UC1' is a depth image, no picture; name a colour camera's topic in the rig file",
    "32FC1": "is a depth image",
    "8UC3": "encoding '8UC3' does not tell its colours; publish rgb8, bgr8 or mono8",
    "h264": "encoding 'h264' is none that cv_bridge converts to colours .*h264.*; publish rgb8",
    "": "encoding '' is none that cv_bridge converts",
}


@pytest.mark.parametrize("encoding", REFUSED)
def test_what_cv_bridge_cannot_convert_is_refused_with_camera_encoding_and_remedy(encoding: str) -> None:
    image = Image(height=240, width=320, encoding=encoding, step=960, data=bytes(240 * 960))
    with pytest.raises(CodecError, match=rf"camera head \(/cameras/head/.*{REFUSED[encoding]}"):
        RawImage(image, RIG.camera("head"))


def test_mono16_is_brightness_by_its_share_of_white() -> None:
    values = np.array([[0, 257, 32_768, 65_535]], np.uint16).repeat(2, axis=0)
    camera = replace(RIG.cameras[0], width=4, height=2)
    decoded = RawImage(message(values, "mono16", 0, sys.byteorder == "big"), camera).decode()
    assert decoded[0, :, 0].tolist() == [0, 1, 128, 255]
    assert encoding_problem("mono16") == ""


def test_a_fine_pattern_behind_a_mosaic_is_the_one_that_opencv_finds() -> None:
    rgb = cv2.blur(np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8), (9, 9))
    camera = replace(RIG.cameras[0], width=32, height=32)
    decoded = RawImage(message(mosaic("rggb")(rgb), "bayer_rggb8", 5, False), camera).decode()
    assert np.abs(decoded.astype(int) - rgb)[2:-2, 2:-2].mean() < 3
