"""Images and joint states: round trips, and every fault named."""

import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data import codecs
from aloe_data.codecs import CodecError
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
CAMERA, ARM = RIG.camera("head"), RIG.arm("left_arm")
NAMES = ARM.joint_names


def picture(width: int = 320, height: int = 240) -> np.ndarray:
    """A smooth picture whose channels differ, so that swapped ones are seen."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 30)], axis=-1).astype(np.uint8)


def test_jpeg_keeps_channels_and_values() -> None:
    decoded = codecs.decode_compressed(codecs.encode_jpeg(picture(), quality=95), CAMERA)
    assert np.abs(decoded.astype(int) - picture()).mean() < 2


def test_png_is_exact() -> None:
    data = cv2.imencode(".png", picture()[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(codecs.decode_compressed(data, CAMERA), picture())


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_crashes(data: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"):
        with pytest.raises(CodecError, match="camera head"):
            codecs.decode_compressed(start + data, CAMERA)


@given(st.floats(0, 0.99))
def test_a_truncated_image_is_refused(part: float) -> None:
    data = codecs.encode_jpeg(picture())
    with pytest.raises(CodecError, match="camera head"):
        codecs.decode_compressed(data[: int(part * len(data))], CAMERA)


def exif_turned(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF entry that asks viewers to turn it."""
    entry = struct.pack("<HHIHH", 0x112, 3, 1, orientation, 0)
    payload = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


@pytest.mark.parametrize("orientation", [3, 6])
def test_exif_turns_no_image(orientation: int) -> None:
    jpeg = codecs.encode_jpeg(picture())
    turned = exif_turned(jpeg, orientation)
    np.testing.assert_array_equal(codecs.decode_compressed(turned, CAMERA), codecs.decode_compressed(jpeg, CAMERA))


def test_bytes_behind_the_end_marker_change_no_pixel() -> None:
    for data in (codecs.encode_jpeg(picture()), cv2.imencode(".png", picture())[1].tobytes()):
        for tail in (bytes(64), bytes(20_000), data[: len(data) // 2]):
            decoded = codecs.decode_compressed(data + tail, CAMERA)
            np.testing.assert_array_equal(decoded, codecs.decode_compressed(data, CAMERA))


def test_images_of_16_bits_are_refused() -> None:
    data = cv2.imencode(".png", np.zeros((240, 320), np.uint16))[1].tobytes()
    with pytest.raises(CodecError, match=r"camera head .*16 bits per channel, as depth images have; publish 8"):
        codecs.decode_compressed(data, CAMERA)


def test_an_image_of_the_wrong_size_names_both_sizes_and_the_remedy() -> None:
    with pytest.raises(CodecError, match=r"head .*640x480, the rig file says 320x240; set the driver"):
        codecs.decode_compressed(codecs.encode_jpeg(picture(640, 480)), CAMERA)


def test_what_a_transport_carries_arrives_as_the_image() -> None:
    raw = replace(CAMERA, transport="raw")
    np.testing.assert_array_equal(codecs.decode_of(raw, codecs.encode_for(raw, picture())), picture())
    jpeg = codecs.encode_for(CAMERA, picture(), quality=95)
    assert isinstance(jpeg, bytes)
    assert np.abs(codecs.decode_of(CAMERA, jpeg).astype(int) - picture()).mean() < 2


def test_resizing_averages_areas() -> None:
    image = picture()
    assert codecs.resize_image(image, (240, 320)) is image
    np.testing.assert_allclose(codecs.resize_image(image, (1, 1))[0, 0], image.mean(axis=(0, 1)), atol=1)


@given(st.permutations(range(len(NAMES))), st.lists(st.floats(-3, 3), min_size=len(NAMES), max_size=len(NAMES)))
def test_joints_come_in_the_rigs_order_whatever_the_messages(order: list[int], values: list[float]) -> None:
    names = [NAMES[index] for index in order] + ["unknown_finger"]
    positions = [values[index] for index in order] + [float("nan")]
    np.testing.assert_array_equal(codecs.select_joints(names, positions, ARM), values)


ZEROS = [0.0] * len(NAMES)
BAD_JOINTS = {
    "missing": (
        NAMES[1:],
        ZEROS[1:],
        r"left_arm \(/left_arm/joint_states\): no position of waist; it has wrist_roll, pi",
    ),
    "none at all": ([], [], "no position of waist, shoulder.*it has nothing"),
    "fewer positions": (NAMES, ZEROS[1:], "7 names but 6 positions"),
    "repeated": ([*NAMES, "waist"], [*ZEROS, 0.0], "joint waist is given twice"),
    "NaN": (NAMES, [float("nan"), *ZEROS[2:], float("inf")], "position of waist, gripper is not a number"),
    "degrees": (NAMES, [0.0, 74.6, *ZEROS[2:]], "position of shoulder is beyond.*publish rad"),
}


@pytest.mark.parametrize("case", BAD_JOINTS)
def test_bad_joint_states_name_the_arm_the_joint_and_the_remedy(case: str) -> None:
    names, positions, expected = BAD_JOINTS[case]
    with pytest.raises(CodecError, match=expected):
        codecs.select_joints(names, positions, ARM)
