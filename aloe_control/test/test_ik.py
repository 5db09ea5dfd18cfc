"""Poses become joint requests: exact within reach, nearest and calm beyond it, quick enough for a tick."""

import time
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.ik import PoseSolver, build_model
from aloe_data.kinematics import ArmKinematics, rotation_to_6d
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
HOME = np.concatenate([arm.home for arm in RIG.arms])
KINEMATICS = [ArmKinematics(arm) for arm in RIG.arms]
SOLVER = PoseSolver(RIG, 3)


def row(q: np.ndarray) -> np.ndarray:
    """The action row of joint positions [14], by the forward kinematics that training uses."""
    values = []
    for arm, kinematics in zip(RIG.arms, KINEMATICS, strict=True):
        joints = q[RIG.state_slice(arm.name)]
        xyz, rotation = kinematics.forward(joints[:-1])
        values += [xyz, rotation_to_6d(rotation), joints[-1:]]
    return np.concatenate(values)


def test_the_model_has_one_joint_per_arm_joint_and_no_geometry():
    model = build_model(RIG.arms)
    assert (model.nq, model.ngeom, model.nsite) == (12, 0, 2)
    np.testing.assert_allclose(model.jnt_range[0], [-2.6, 2.6])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=14, max_size=14))
def test_the_model_agrees_with_the_forward_kinematics_of_training(offsets):
    q = HOME + np.array(offsets)
    np.testing.assert_allclose(SOLVER.poses_of(q), row(q), atol=1e-9)


def test_a_moving_pose_is_followed_without_lag():
    q, errors = HOME.copy(), []
    for k in range(200):
        wanted = HOME + 0.3 * (np.sin(0.05 * k + np.arange(14)) - np.sin(np.arange(14)))
        q, reasons = SOLVER.solve(row(wanted), q)
        errors.append(np.abs(q - wanted).max())
        assert reasons == ("", "")
    assert max(errors) < 1e-4


def test_an_arm_beyond_reach_goes_to_the_nearest_pose_rests_there_and_leaves_the_other_alone():
    q, path = HOME.copy(), []
    for k in range(150):
        wanted = row(HOME)
        wanted[0] += 1.5 * min(k / 100, 1.0)
        q, reasons = SOLVER.solve(wanted, q)
        path.append(q)
    assert reasons == ("ik", "")
    np.testing.assert_allclose(path[-1][7:], HOME[7:], atol=1e-4)
    np.testing.assert_allclose(path[-1], path[-20], atol=1e-6)
    assert SOLVER.poses_of(q)[0] > row(HOME)[0] + 0.1  # stretched towards it


def test_requests_stay_within_joint_limits_and_within_reach_of_the_last_command():
    rng = np.random.default_rng(0)
    joints = [joint for arm in RIG.arms for joint in arm.all_joints]
    lower, upper = (np.array([getattr(j, name) for j in joints]) for name in ("lower", "upper"))
    arm_joints = np.array([j.name != "gripper" for j in joints])
    for _ in range(30):
        start, far = rng.uniform(lower, upper, (2, 14))
        q, _ = SOLVER.solve(row(far), start)
        assert ((q >= lower - 1e-9) & (q <= upper + 1e-9))[arm_joints].all()
        assert np.abs(q - start)[arm_joints].max() < 1.0
        assert np.isfinite(q).all()


def test_both_arms_are_solved_within_the_time_of_a_tick():
    q, costs = HOME.copy(), []
    for k in range(200):
        wanted = row(HOME + 0.2 * np.sin(0.05 * k + np.arange(14)))
        begin = time.perf_counter()
        q, _ = SOLVER.solve(wanted, q)
        costs.append(time.perf_counter() - begin)
    assert np.percentile(costs, 10) < 5e-3  # a tenth of the ticks is enough to see: the machine may be busy
