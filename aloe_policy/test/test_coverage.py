from pathlib import Path

import numpy as np
import pytest

from aloe_data.finding import Level
from aloe_data.rig_file import load_rig
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.coverage import check_chunks, check_states

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
SPACE = ActionSpace(RIG)
HOME = np.concatenate([arm.home for arm in RIG.arms]).astype(np.float32)
HORIZON = 8


@pytest.fixture(scope="module")
def joints() -> np.ndarray:
    """Arms that stay near home [200, S]."""
    return (HOME + np.random.default_rng(0).normal(0, 0.05, (200, len(HOME)))).astype(np.float32)


@pytest.fixture(scope="module")
def normaliser(joints: np.ndarray) -> Normaliser:
    chunks = SPACE.relative(SPACE.from_joints(joints)[:, None].repeat(HORIZON, 1), joints)
    return Normaliser.fit(SPACE.state_features(joints), chunks, SPACE.resolution)


def test_arms_where_the_policy_was_trained_are_covered(joints: np.ndarray, normaliser: Normaliser) -> None:
    finding = check_states(SPACE, normaliser, joints, "the arms now")
    assert finding.level is Level.OK and "states of the arms now lie within" in finding.what


def test_a_joint_that_stands_elsewhere_is_named(joints: np.ndarray, normaliser: Normaliser) -> None:
    elsewhere = joints.copy()
    elsewhere[:, RIG.state_slice("left_arm").start] += 1.2
    finding = check_states(SPACE, normaliser, elsewhere, "the arms now")
    assert finding.level is Level.WARN and "left_arm.waist" in finding.what and "in 100 %" in finding.what
    assert "right_arm" not in finding.what and "zero positions" in finding.remedy


def test_rare_outliers_are_no_finding(joints: np.ndarray, normaliser: Normaliser) -> None:
    once = joints.copy()
    once[0, 0] += 1.2
    assert check_states(SPACE, normaliser, once, "ep_0000").level is Level.OK


def test_actions_that_go_further_than_any_before_are_named(joints: np.ndarray, normaliser: Normaliser) -> None:
    still = SPACE.from_joints(joints)[:, None].repeat(HORIZON, 1)
    assert check_chunks(SPACE, normaliser, still, joints, "ep_0000").level is Level.OK
    far = still.copy()
    far[..., RIG.action_slice("right_arm").start] += 0.3
    finding = check_chunks(SPACE, normaliser, far, joints, "ep_0000")
    assert finding.level is Level.WARN and "right_arm.x (60 deviations in 100 %)" in finding.what
