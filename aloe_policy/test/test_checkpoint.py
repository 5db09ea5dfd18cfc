"""Checkpoints come back as they went; damaged or foreign ones are refused by name."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from aloe_data.observation import Observation
from aloe_data.rig_file import load_rig
from aloe_policy.actions import Normaliser
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError, read_checkpoint
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import save_tiny

NAMES = ("red cube", "blue cube")
RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    features = RIG.state_dim + 3 * len(RIG.arms)
    config = ModelConfig(3, NAMES, features, RIG.action_dim, width=32, prefix_layers=1, expert_layers=1)
    normaliser = Normaliser(
        np.zeros(features, np.float32),
        np.ones(features, np.float32),
        np.zeros((50, RIG.action_dim), np.float32),
        np.full((50, RIG.action_dim), 0.01, np.float32),
    )
    identity = np.array([1, 0, 0, 0, 1, 0], np.float32)
    for arm in RIG.arms:
        start = RIG.action_slice(arm.name).start
        normaliser.action_mean[:, start + 3 : start + 9] = identity
    model, path = TinyVLA(config), tmp_path / "policy"
    save_tiny(path, RIG, ImageEncoder(NAMES), model, normaliser, image_size=(128, 96), training={}, card="# card\n")
    return path


def observation(prompt: str = "put the red cube left") -> Observation:
    rng = np.random.default_rng(0)
    images = {c.name: rng.integers(0, 255, (c.height, c.width, 3), dtype=np.uint8) for c in RIG.cameras}
    state = np.concatenate([arm.home for arm in RIG.arms]).astype(np.float32)
    return Observation(stamp_ns=1, state=state, images=images, prompt=prompt)


def test_a_policy_from_a_checkpoint_is_deterministic_under_its_seed(folder: Path) -> None:
    first, again = (load_policy(folder, RIG, seed=3) for _ in range(2))
    again.warm_up()
    chunk = first.infer(observation())
    assert chunk.shape == (50, RIG.action_dim) and chunk.dtype == np.float32
    np.testing.assert_array_equal(chunk, again.infer(observation()))
    assert first.version == read_checkpoint(folder).version


def test_another_rig_is_refused_naming_the_field_that_differs(folder: Path) -> None:
    other = dataclasses.replace(RIG, cameras=RIG.cameras[:2])
    with pytest.raises(CheckpointError, match=r"cameras: .*right_wrist"):
        load_policy(folder, other)
    with pytest.raises(CheckpointError, match=r"action_space: .*joint_position"):
        load_policy(folder, dataclasses.replace(RIG, action_space="joint_position"))


def test_cameras_in_another_order_are_another_rig(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="cameras"):
        load_policy(folder, dataclasses.replace(RIG, cameras=RIG.cameras[::-1]))


def test_a_changed_byte_is_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(CheckpointError, match="hash"):
        load_policy(folder, RIG)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sha256"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_policy(folder, RIG)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such folder"):
        load_policy(tmp_path / "nothing", RIG)


def test_another_action_dimension_is_refused_even_with_a_right_hash(folder: Path) -> None:
    checkpoint = read_checkpoint(folder)
    model = {**checkpoint.config["model"], "action_dim": 7}
    wrong = dataclasses.replace(checkpoint, config={**checkpoint.config, "model": model})
    with pytest.raises(CheckpointError, match="fit together"):
        load_policy(folder, RIG, read=lambda path, rig: wrong)


def test_the_card_and_the_contract_lie_in_the_folder(folder: Path) -> None:
    assert (folder / "README.md").read_text().startswith("# card")
    assert json.loads((folder / "rig_contract.json").read_text()) == RIG.contract_fields()


def test_saving_again_replaces_the_folder_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    before = read_checkpoint(folder).version
    model = TinyVLA(ModelConfig(3, NAMES, 20, RIG.action_dim, width=32, prefix_layers=1, expert_layers=1))
    normaliser = Normaliser(*(np.ones(s, np.float32) for s in ((20,), (20,), (50, 20), (50, 20))))
    save_tiny(folder, RIG, ImageEncoder(NAMES), model, normaliser, image_size=(128, 96), training={}, card="")
    assert read_checkpoint(folder).version != before
    assert [p.name for p in tmp_path.iterdir()] == ["policy"]
