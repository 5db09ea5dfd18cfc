"""Pixels are found whatever lies between the rows, and in whichever order their bytes are."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.codecs import CodecError
from aloe_data.raw_layout import PixelType, RawLayout, check_layout, is_plain, plain_pixels
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
RGB = PixelType("uint8", 3)


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 17),
    st.sampled_from([RGB, PixelType("uint8", 1), PixelType("uint16", 1), PixelType("uint16", 4)]),
    st.booleans(),
)
def test_padding_and_byte_order_change_no_pixel(
    height: int, width: int, padding: int, pixel: PixelType, bigendian: bool
) -> None:
    values = np.random.default_rng(height * width).integers(0, 255, (height, width * pixel.channels))
    pixels = (values * (1 if pixel.dtype == "uint8" else 257 + 1)).astype(pixel.dtype)
    sent = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    rows = np.pad(sent.view(np.uint8).reshape(height, -1), ((0, 0), (0, padding)), constant_values=99)
    layout = RawLayout(height, width, "any", bigendian, rows.shape[1], rows.size)
    check_layout(layout, pixel, replace(RIG.cameras[0], width=width, height=height))
    assert plain_pixels(rows.tobytes(), layout, pixel) == pixels.tobytes()
    assert is_plain(layout, pixel) == (padding == 0 and bigendian == (sys.byteorder == "big"))


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        (RawLayout(240, 320, "rgb8", False, 959, 240 * 959), "230160 bytes with step 959 are no 320x240 rgb8 image"),
        (RawLayout(240, 320, "rgb8", False, 960, 10), "10 bytes with step 960"),
        (RawLayout(480, 640, "rgb8", False, 1920, 480 * 1920), "640x480, the rig file says 320x240"),
    ],
)
def test_data_that_are_no_image_of_the_cameras_size_are_refused_by_name(layout: RawLayout, expected: str) -> None:
    with pytest.raises(CodecError, match=rf"camera head \(/cameras/head/.*{expected}"):
        check_layout(layout, RGB, RIG.camera("head"))
