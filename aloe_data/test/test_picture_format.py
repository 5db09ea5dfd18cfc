"""What the format of a CompressedImage says, by the text of the message's definition."""

import pytest

from aloe_data.picture_format import picture_format

BGR = [
    "",
    "jpeg",
    "JPEG",
    "jpg",
    "png",
    ".jpg",
    "mjpeg",
    "rgb8",
    "rgb8; jpeg compressed bgr8",
    "rgb8;jpeg compressed bgr8",
]
BGR += [
    "bgr8; jpeg compressed bgr8",
    "bgr8; png compressed bgr8",
    "bgra8; jpeg compressed bgr8",
    "rgba8; png compressed bgr8",
]
BGR += [
    "mono8; jpeg compressed ",
    "mono8; jpeg compressed mono8",
    "yuv422_yuy2; jpeg compressed bgr8",
    "rgb8; jpeg compressed",
]
BGR += ["8UC3; jpeg compressed bgr8", "rgb16; jpeg compressed bgr8", "bayer_rggb8; jpeg compressed bgr8"]
RGB = [
    "rgb8; jpeg compressed rgb8",
    "bgr8; jpeg compressed rgb8",
    "rgba8; png compressed rgb8",
    "bayer_rggb8; jpeg compressed rgb8",
    "RGB8; JPEG  compressed  RGB8",
]
REFUSED = {
    "bayer_rggb8; jpeg compressed ": "colour mosaic; publish rgb8",
    "bayer_gbrg16; png compressed": "colour mosaic",
    "bayer_grbg8": "colour mosaic",
    "16UC1; png compressed": "depth image, no picture; name a colour camera's topic",
    "16UC1; compressedDepth png": "depth image",
    "32FC1; compressedDepth": "depth image",
    "16UC1; compressedDepth rvl": "depth image",
    "32FC1; tiff compressed": "depth image",
    "16UC1": "depth image",
    "8UC1; png compressed": "does not tell its colours",
}


@pytest.mark.parametrize("text", BGR)
def test_a_picture_of_usual_channels_is_read_as_every_decoder_does(text: str) -> None:
    kind = picture_format(text)
    assert (kind.problem, kind.is_rgb) == ("", False)


@pytest.mark.parametrize("text", RGB)
def test_compressed_rgb8_means_that_the_channels_are_red_green_blue_already(text: str) -> None:
    kind = picture_format(text)
    assert (kind.problem, kind.is_rgb) == ("", True)


@pytest.mark.parametrize("text", REFUSED)
def test_mosaics_and_depth_images_are_refused_by_name(text: str) -> None:
    problem = picture_format(text).problem
    assert problem.startswith(f"format '{text}'")
    assert REFUSED[text] in problem


@pytest.mark.parametrize("text", ["webp", "rgb8; tiff compressed", "h264", "avif"])
def test_of_other_codecs_the_bytes_decide(text: str) -> None:
    assert not picture_format(text).names_codec
