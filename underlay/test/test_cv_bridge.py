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


@pytest.mark.skipif(not is_stand_in, reason="the official bridge has mosaics, and other errors for spoilt data")
def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(cv_bridge.CvBridgeError, match="ros-jazzy-cv-bridge"):
        BRIDGE.imgmsg_to_cv2(Image(height=1, width=1, step=1, encoding="bayer_rggb8", data=b"1"))
    with pytest.raises(cv_bridge.CvBridgeError, match="bytes"):
        BRIDGE.imgmsg_to_cv2(Image(height=2, width=2, step=2, encoding="mono8", data=b"1"))
    with pytest.raises(cv_bridge.CvBridgeError, match="decoded"):
        BRIDGE.compressed_imgmsg_to_cv2(CompressedImage(format="jpeg", data=b"broken"))
