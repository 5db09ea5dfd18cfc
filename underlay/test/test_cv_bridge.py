"""Official behaviour of cv_bridge that the stand-in follows."""

import numpy as np
import pytest

cv_bridge = pytest.importorskip("cv_bridge")
pytest.importorskip("sensor_msgs")

from sensor_msgs.msg import CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

is_stand_in = "underlay" in cv_bridge.__file__
BRIDGE = cv_bridge.CvBridge()
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_array_survives_the_way_there_and_back(dtype: str, channels: int) -> None:
    shape = (4, 6) if channels == 1 else (4, 6, channels)
    image = RNG.integers(0, 100, shape).astype(dtype)
    msg = BRIDGE.cv2_to_imgmsg(image)
    assert (msg.height, msg.width, msg.step) == (4, 6, image.nbytes // 4)
    back = BRIDGE.imgmsg_to_cv2(msg)
    assert back.dtype == image.dtype
    np.testing.assert_array_equal(back, image)


def test_encoding_and_header_are_set_as_asked() -> None:
    header = Header(frame_id="head")
    msg = BRIDGE.cv2_to_imgmsg(np.zeros((2, 3, 3), np.uint8), encoding="rgb8", header=header)
    assert (msg.encoding, msg.header.frame_id) == ("rgb8", "head")
    assert BRIDGE.cv2_to_imgmsg(np.zeros((2, 3, 3), np.uint8)).encoding == "8UC3"


def test_colours_are_reordered_as_asked() -> None:
    msg = BRIDGE.cv2_to_imgmsg(np.full((2, 2, 3), (1, 2, 3), np.uint8), encoding="rgb8")
    assert BRIDGE.imgmsg_to_cv2(msg, "bgr8")[0, 0].tolist() == [3, 2, 1]
    assert BRIDGE.imgmsg_to_cv2(msg, "rgba8")[0, 0].tolist() == [1, 2, 3, 255]
    assert BRIDGE.imgmsg_to_cv2(msg, "mono8").shape == (2, 2)


def test_row_padding_and_byte_order_are_undone() -> None:
    msg = Image(height=2, width=2, encoding="16UC1", step=6, is_bigendian=1, data=bytes([0, 1, 0, 2, 9, 9] * 2))
    assert BRIDGE.imgmsg_to_cv2(msg).tolist() == [[1, 2], [1, 2]]
    if is_stand_in:  # the official bridge takes the padding of odd rows for pixels
        odd = Image(height=2, width=2, encoding="16UC1", step=5, is_bigendian=0, data=bytes([1, 0, 2, 0, 9] * 2))
        assert BRIDGE.imgmsg_to_cv2(odd).tolist() == [[1, 2], [1, 2]]


def test_jpeg_and_png_survive_the_way_there_and_back() -> None:
    image = np.full((8, 8, 3), (10, 100, 200), np.uint8)
    png = BRIDGE.cv2_to_compressed_imgmsg(image, "png")
    np.testing.assert_array_equal(BRIDGE.compressed_imgmsg_to_cv2(png), image)
    jpg = BRIDGE.cv2_to_compressed_imgmsg(image)
    assert jpg.format == "jpg"
    assert abs(BRIDGE.compressed_imgmsg_to_cv2(jpg, "rgb8").astype(int)[4, 4] - [200, 100, 10]).max() < 8


def test_impossible_conversions_say_why() -> None:
    msg = BRIDGE.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(cv_bridge.CvBridgeError, match="color format"):
        BRIDGE.imgmsg_to_cv2(msg, "bgr8")
    with pytest.raises(cv_bridge.CvBridgeError, match="incompatible type 8UC3"):
        BRIDGE.cv2_to_imgmsg(np.zeros((2, 2, 3), np.uint8), encoding="mono8")
    with pytest.raises(TypeError, match="numpy"):
        BRIDGE.cv2_to_imgmsg([1, 2])


RGB = (200, 100, 50)
MOSAICS = {"rggb": ((0, 1), (1, 2)), "bggr": ((2, 1), (1, 0)), "gbrg": ((1, 2), (0, 1)), "grbg": ((1, 0), (2, 1))}


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("order", MOSAICS)
def test_a_mosaic_becomes_its_colours(order: str, bits: int) -> None:
    colours = np.array(RGB, f"uint{bits}") * (1 if bits == 8 else 257)
    mosaic = np.tile(colours[np.array(MOSAICS[order])], (4, 4))
    msg = BRIDGE.cv2_to_imgmsg(mosaic, encoding=f"bayer_{order}{bits}")
    assert BRIDGE.encoding_to_dtype_with_channels(msg.encoding) == (f"uint{bits}", 1)
    assert BRIDGE.imgmsg_to_cv2(msg, "rgb8")[4, 4].tolist() == list(RGB)
    assert BRIDGE.imgmsg_to_cv2(msg, "bgr8")[4, 4].tolist() == list(RGB[::-1])


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("yuv422_yuy2", 0)])
def test_packed_yuv_becomes_its_colours(encoding: str, luma: int) -> None:
    packed = np.full((4, 4, 2), 128, np.uint8)
    packed[..., luma] = 180
    assert BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(packed, encoding), "rgb8")[2, 2].tolist() == [191, 191, 191]


def test_sixteen_bits_become_eight_by_their_share_of_white() -> None:
    grey = np.array([[0, 257, 32_768, 65_535]], np.uint16)
    assert BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(grey, "mono16"), "rgb8")[0, :, 0].tolist() == [0, 1, 128, 255]
    assert BRIDGE.imgmsg_to_cv2(BRIDGE.cv2_to_imgmsg(grey, "mono16"), "mono8")[0].tolist() == [0, 1, 128, 255]
    white = BRIDGE.cv2_to_imgmsg(np.full((2, 2, 3), 255, np.uint8), "rgb8")
    assert BRIDGE.imgmsg_to_cv2(white, "bgr16")[0, 0].tolist() == [65_535] * 3


@pytest.mark.skipif(not is_stand_in, reason="the official bridge has other errors for spoilt data")
def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(cv_bridge.CvBridgeError, match=r"Unrecognized image encoding \[h264\]"):
        BRIDGE.imgmsg_to_cv2(Image(height=1, width=1, step=1, encoding="h264", data=b"1"))
    with pytest.raises(cv_bridge.CvBridgeError, match="bytes"):
        BRIDGE.imgmsg_to_cv2(Image(height=2, width=2, step=2, encoding="mono8", data=b"1"))
    with pytest.raises(cv_bridge.CvBridgeError, match="decoded"):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(format="jpeg", data=b"broken"))
