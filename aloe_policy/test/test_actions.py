"""Actions relative to the arms' pose: what is done to them is undone, in both action spaces."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_policy.actions import ActionSpace, Normaliser

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


def space_of(kind: str) -> tuple[Rig, ActionSpace]:
    rig = dataclasses.replace(RIG, action_space=kind)
    return rig, ActionSpace(rig)


def joints(rig: Rig, rng: np.random.Generator, *shape: int) -> np.ndarray:
    low = np.array([j.lower for arm in rig.arms for j in arm.all_joints])
    high = np.array([j.upper for arm in rig.arms for j in arm.all_joints])
    return rng.uniform(low, high, (*shape, rig.state_dim)).astype(np.float32)


@pytest.mark.parametrize("kind", ["ee_pose", "joint_position"])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_absolute_undoes_relative(kind: str, seed: int) -> None:
    rig, space = space_of(kind)
    rng = np.random.default_rng(seed)
    here, rows = joints(rig, rng, 2), space.from_joints(joints(rig, rng, 2, 7))
    assert rows.shape == (2, 7, rig.action_dim)
    np.testing.assert_allclose(space.absolute(space.relative(rows, here), here), rows, atol=2e-5)


@pytest.mark.parametrize("kind", ["ee_pose", "joint_position"])
def test_staying_is_zero_motion_with_the_gripper_as_it_is(kind: str) -> None:
    rig, space = space_of(kind)
    here = joints(rig, np.random.default_rng(0))
    relative = space.relative(space.from_joints(here)[None], here)[0]
    for arm in rig.arms:
        s = rig.action_slice(arm.name)
        gripper = here[rig.state_slice(arm.name)][-1]
        assert relative[s][-1] == pytest.approx(gripper)
        moved = relative[s][:3] if kind == "ee_pose" else relative[s][:-1]
        np.testing.assert_allclose(moved, 0.0, atol=1e-6)


def test_normaliser_is_undone_and_survives_constant_dimensions() -> None:
    rng = np.random.default_rng(0)
    states, chunks = rng.normal(size=(20, 4)).astype(np.float32), rng.normal(size=(20, 5, 3)).astype(np.float32)
    states[:, 1], chunks[..., 2] = 0.5, 1.0
    normaliser = Normaliser.fit(states, chunks, np.float32([0.01, 0.01, 0.01]))
    assert np.isfinite(normaliser.state(states)).all()
    np.testing.assert_allclose(normaliser.unchunk(normaliser.chunk(chunks)), chunks, atol=1e-5)
    assert np.abs(normaliser.state(states + 1e6)).max() <= 5.0


def test_a_value_that_hardly_varies_is_not_blown_up_and_outliers_are_clipped() -> None:
    rng = np.random.default_rng(0)
    chunks = rng.normal(size=(200, 5, 2)).astype(np.float32) * np.float32([1.0, 1e-4])
    chunks[0, 0, 0] = 100.0
    normaliser = Normaliser.fit(np.zeros((200, 1), np.float32), chunks, np.float32([0.005, 0.05]))
    normalised = normaliser.chunk(chunks)
    assert np.abs(normalised[..., 1]).max() < 0.02 and normalised.max() == Normaliser.OUTLIER


@pytest.mark.parametrize("kind", ["joint_position", "ee_pose"])
def test_every_value_of_an_action_row_has_a_resolution(kind: str) -> None:
    rig, space = space_of(kind)
    assert space.resolution.shape == (rig.action_dim,) and (space.resolution > 0).all()
