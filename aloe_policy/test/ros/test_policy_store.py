"""A store is opened for whoever needs it, or refused by what it lacks, with the command that makes it."""

import critic_store as made
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")

from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_policy.encoders.pixels import PixelEncoder
from aloe_policy.encoders.registry import load_encoder
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store, open_stores


@pytest.fixture
def config(tmp_path):
    """A policy, and a store with its features."""
    encoder = made.write_encoder(tmp_path / "encoder.safetensors")
    made.write_store(tmp_path / "store", tmp_path / "bags", made.encoder_hash(encoder))
    return StoreConfig(rig=made.RIG_FILE, policy=made.write_policy(tmp_path / "policy"), store=str(tmp_path / "store"))


def test_features_that_a_former_version_stored_are_those_of_the_policy(config):
    policy = matching_policy(config, made.RIG)
    store, features = open_store(config, policy)
    assert features.spec == policy.feature_spec and all(features.has(stored) for stored in store.episodes)


def test_a_store_without_pixels_is_refused_with_the_command_that_makes_them(config):
    with pytest.raises(
        ConfigError, match=r"not of pixels of 48x32, which is needed here; .* `ros2 run aloe_policy ing"
    ):
        open_stores(config, made.RIG, (PixelEncoder(made.SIZE),))


def test_a_store_of_views_of_another_size_is_refused(config):
    with pytest.raises(StoreError, match=r"image_size is \[32, 48\], not \[64, 64\]; ingest into another folder"):
        open_stores(config, made.RIG, (PixelEncoder((64, 64)),))


def test_another_encoder_than_the_policys_is_refused(config, tmp_path):
    other = made.write_encoder(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(ConfigError, match="not the encoder inside"):
        matching_policy(StoreConfig(**{**vars(config), "encoder": str(other)}), made.RIG)
    with pytest.raises(ConfigError, match=r"holds features of the encoders \w{12} \(keypoints\), not of \w{12} \(key"):
        open_stores(config, made.RIG, (load_encoder(other, made.SIZE),))
