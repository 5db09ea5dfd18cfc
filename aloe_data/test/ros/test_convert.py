"""Messages and pure types: nothing is lost on the way, and bad messages are named."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, JointState

from aloe_data.chunk import Chunk
from aloe_data.codecs import CodecError, decode_compressed, encode_jpeg
from aloe_data.observation import ObservationAssembler
from aloe_data.rig_file import load_rig
from aloe_data.ros import convert
from aloe_data.ros.raw_image import RawImage
from aloe_data.stream_buffer import Sample

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
CAMERA = RIG.camera("head")


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_survive_the_round_trip(stamp_ns: int) -> None:
    assert convert.stamp_to_ns(convert.ns_to_stamp(stamp_ns)) == stamp_ns


@given(st.integers(1, 60), st.integers(1, 30), st.integers(0, 10**18))
def test_chunks_survive_the_wire(horizon: int, dim: int, stamp_ns: int) -> None:
    data = np.random.default_rng(horizon * dim).normal(size=(horizon, dim)).astype(np.float32)
    chunk = Chunk(stamp_ns, chunk_id=7, data=data, policy_version="abc", observation_id=9, rate_hz=50.0)
    message = convert.chunk_to_message(chunk, "ee_pose", inference_s=0.1)
    back = convert.chunk_from_message(deserialize_message(serialize_message(message), type(message)))
    np.testing.assert_array_equal(back.data, data)
    assert (back.stamp_ns, back.chunk_id, back.policy_version, back.observation_id, back.rate_hz) == (
        stamp_ns,
        7,
        "abc",
        9,
        50.0,
    )


def test_chunk_messages_of_the_wrong_size_or_with_nan_are_refused() -> None:
    message = convert.chunk_to_message(Chunk(0, 3, np.zeros((2, 3), np.float32), "", 0, 50.0), "ee_pose")
    message.horizon = 4
    with pytest.raises(CodecError, match="action chunk 3: 6 values are not 4 x 3"):
        convert.chunk_from_message(message)
    message.horizon, message.data[1] = 2, float("nan")
    with pytest.raises(CodecError, match="action chunk 3: has values that are not finite"):
        convert.chunk_from_message(message)


def test_compressed_and_raw_images_arrive_as_the_same_rgb() -> None:
    rgb = np.full((240, 320, 3), (200, 100, 50), np.uint8)
    compressed = convert.compressed_to_message(encode_jpeg(rgb), 5, "head")
    data = convert.image_from_message(compressed, CAMERA)
    assert isinstance(data, bytes)
    np.testing.assert_allclose(decode_compressed(data, CAMERA), rgb, atol=4)
    raw = convert.image_from_message(convert.image_to_message(rgb, 5, "head"), CAMERA)
    assert isinstance(raw, RawImage)
    np.testing.assert_array_equal(raw.decode(), rgb)


@pytest.mark.parametrize("codec", [".jpg", ".png"])
def test_channels_that_are_compressed_as_rgb_are_not_swapped(codec: str) -> None:
    rgb = np.full((240, 320, 3), (200, 100, 50), np.uint8)
    as_bgr = cv2.imencode(codec, rgb[..., ::-1])[1].tobytes()
    as_rgb = cv2.imencode(codec, rgb)[1].tobytes()
    for format_, data in (("rgb8; jpeg compressed bgr8", as_bgr), ("rgb8; jpeg compressed rgb8", as_rgb), ("", as_bgr)):
        image = convert.image_from_message(CompressedImage(format=format_, data=data), CAMERA)
        assembler = ObservationAssembler(RIG)
        assembler.push_image("head", 1, image)
        decoded = assembler.decode(CAMERA, Sample(1, image))
        np.testing.assert_allclose(decoded, rgb, atol=4, err_msg=format_)


def test_an_unknown_format_is_read_where_its_bytes_are_jpeg_and_else_named() -> None:
    jpeg = encode_jpeg(np.zeros((240, 320, 3), np.uint8))
    assert convert.image_from_message(CompressedImage(format="from my driver", data=jpeg), CAMERA) == jpeg
    with pytest.raises(CodecError, match=r"camera head .*format 'webp' is not supported; publish jpeg or png"):
        convert.image_from_message(CompressedImage(format="webp", data=b"RIFF0000WEBP"), CAMERA)
    with pytest.raises(CodecError, match=r"camera head .*format '16UC1; png compressed' is a depth image"):
        convert.image_from_message(CompressedImage(format="16UC1; png compressed", data=jpeg), CAMERA)


def test_what_is_no_image_or_of_an_unknown_codec_is_named_with_the_camera() -> None:
    with pytest.raises(CodecError, match=r"camera head \(/cameras/head.*format 'h264'.*publish jpeg"):
        convert.image_from_message(CompressedImage(format="h264"), CAMERA)
    with pytest.raises(CodecError, match=r"camera head .*its messages are JointState, no images; name a camera's"):
        convert.image_from_message(JointState(), CAMERA)


def test_joint_states_survive_the_round_trip() -> None:
    arm = RIG.arms[0]
    stamp_ns, names, positions = convert.joint_positions(convert.joint_state_to_message(arm, arm.home, 123))
    assert (stamp_ns, tuple(names), tuple(positions)) == (123, arm.joint_names, arm.home)


def test_diagnostics_are_errors_exactly_when_there_is_a_problem() -> None:
    good = convert.diagnostics(5, "node: part", "", {"count": 3}).status[0]
    bad = convert.diagnostics(5, "node: part", "head is stale", {}).status[0]
    assert (good.level, good.message, good.values[0].value) == (DiagnosticStatus.OK, "ok", "3")
    assert (bad.level, bad.message) == (DiagnosticStatus.ERROR, "head is stale")
