"""A candidate that must not drive is refused with the reason: each way to be wrong, on real checkpoints."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from aloe_data.rig_file import load_rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.backend import CheckpointError, load_policy
from aloe_policy.checkpoint import folder_hash
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.limits import ActionLimits
from aloe_policy.smoke import smoke_test
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import save_tiny
from aloe_policy.warm_up import made_up_observation

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
JOINTS = replace(RIG, action_space="joint_position")
SHIPPED = Path(__file__).parents[2] / "assets" / "sorting"


def write(folder: Path, rig: Any = RIG) -> Path:
    """A policy that was never trained; its chunks stay where the arms are."""
    torch.manual_seed(0)
    features = rig.state_dim + 3 * len(rig.arms)
    sizes = ModelConfig(3, ("red cube",), features, rig.action_dim, width=16, heads=2, prefix_layers=1, expert_layers=1)
    here = made_up_observation(rig).state
    mean = ActionSpace(rig).from_joints(here) - ActionSpace(rig)._origin(here)[0]
    chunk = np.tile(mean.astype(np.float32), (50, 1))
    state = np.zeros(features, np.float32)
    normaliser = Normaliser(state, state + 1, chunk, np.full_like(chunk, 1e-3))
    options: dict[str, Any] = {"image_size": (64, 48), "training": {}, "card": "", "flow_steps": 2}
    save_tiny(folder, rig, ImageEncoder(sizes.keypoints), TinyVLA(sizes), normaliser, **options)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("smoke") / "policy")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "policy"))


def stamp(folder: Path) -> None:
    """Make the hash right again, so that something else must notice."""
    (folder / "sha256").write_text(folder_hash(folder) + "\n")


def change(name: str, edit: Callable[[dict[str, torch.Tensor]], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        file = folder / f"{name}.safetensors"
        tensors = load_file(file)
        edit(tensors)
        save_file(tensors, file)
        stamp(folder)

    return spoil


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def truncate_and_stamp(folder: Path) -> None:
    truncate(folder)
    stamp(folder)


def not_a_number(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.action_out.bias"][0] = torch.nan


def other_units(tensors: dict[str, torch.Tensor]) -> None:
    tensors["action_mean"] *= 1000.0  # mm for m


def narrower(tensors: dict[str, torch.Tensor]) -> None:
    tensors.update({name: tensors[name][:, :-1].contiguous() for name in ("action_mean", "action_std")})


def no_deviations(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["action_std"]


def try_out(folder: Path, rig: Any = RIG, n_action_steps: int = 25) -> None:
    smoke_test(load_policy(folder, rig), rig, n_action_steps)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, "its files hash to .* copy it again"),
        (truncate_and_stamp, "cannot be read: .* copy it again"),
        (
            lambda folder: (folder / "normaliser.safetensors").unlink(),
            "not a checkpoint: normaliser.safetensors missing",
        ),
        (change("normaliser", no_deviations), "weights and config.json do not fit together: .*action_std"),
        (change("normaliser", narrower), "smoke inference: policy .* failed: ValueError"),
        (change("normaliser", other_units), r"smoke inference: policy .*gripper is .* far outside what it can be"),
        (
            change("model", not_a_number),
            "smoke inference: policy .* failed: ValueError: 6D rotation with .* non-finite",
        ),
    ],
)
def test_a_spoiled_checkpoint_is_refused_with_the_reason(
    spoil: Callable[[Path], None], says: str, folder: Path
) -> None:
    spoil(folder)
    with pytest.raises(CheckpointError, match=says):
        try_out(folder)


def test_a_policy_of_another_rig_or_action_dimension_is_refused_by_field(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"made for another rig.*action_space"):
        try_out(write(tmp_path / "joints", JOINTS))
    one_arm = replace(RIG, arms=RIG.arms[:1])
    with pytest.raises(CheckpointError, match=r"made for another rig.*arms"):
        try_out(write(tmp_path / "one_arm", one_arm))
    for name in ("model.safetensors", "normaliser.safetensors", "config.json"):
        shutil.copy(tmp_path / "one_arm" / name, folder / name)
    stamp(folder)  # its contract names this rig, what it computes is for another one
    with pytest.raises(CheckpointError, match="predicts 10 values per step, the rig 'sim_bimanual' takes 20"):
        try_out(folder)


def test_chunks_that_are_too_short_for_the_node_are_refused(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"smoke inference: .*chunk of shape \[50, 20\] instead of \[H >= .* = 60"
    ):
        try_out(folder, n_action_steps=60)


@pytest.mark.parametrize("rig", [RIG, JOINTS])
def test_a_sound_policy_passes_in_both_action_spaces(rig: Any, tmp_path: Path) -> None:
    try_out(write(tmp_path / "policy", rig), rig)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no shipped checkpoint")
def test_the_shipped_policy_passes() -> None:
    try_out(SHIPPED)


@pytest.mark.parametrize("rig", [RIG, JOINTS])
def test_every_place_that_the_arms_can_reach_is_within_the_limits(rig: Any) -> None:
    rng, limits = np.random.default_rng(0), ActionLimits(rig)
    bounds = np.array([(joint.lower, joint.upper) for arm in rig.arms for joint in arm.all_joints])
    rows = ActionSpace(rig).from_joints(rng.uniform(*bounds.T, (500, rig.state_dim)).astype(np.float32))
    assert limits.problem(rows) == ""
    gripper = rig.action_slice("right_arm").stop - 1
    rows[3, gripper] = 0.045 * 1.25 + 1e-3
    said = limits.problem(rows)
    assert said == "right_arm.gripper is 0.0573 at row 3, far outside what it can be (-0.0112 to 0.0562)"
