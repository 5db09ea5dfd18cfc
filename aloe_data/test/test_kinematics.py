"""Forward kinematics against an independent implementation, and rotations in 6D."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.kinematics import (
    ArmKinematics,
    rotation_about,
    rotation_from_6d,
    rotation_from_rpy,
    rotation_to_6d,
    rotation_vector,
)
from aloe_data.rig import Arm
from aloe_data.rig_file import load_rig

CONFIG = Path(__file__).parents[2] / "config"
ARMS = [(path.stem, arm) for path in sorted(CONFIG.glob("rig_*.yaml")) for arm in load_rig(path).arms]
angles = st.floats(-3.1, 3.1)


def mujoco_pose(arm: Arm, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tool's pose in the base's frame, from MuJoCo's own reading of the same URDF."""
    text = arm.urdf.read_text()
    options = '<mujoco><compiler fusestatic="false" discardvisual="true" balanceinertia="true"/></mujoco>'
    inertia = '<inertial><mass value="1"/><inertia ixx="1" iyy="1" izz="1" ixy="0" ixz="0" iyz="0"/></inertial>'
    text = text.replace("</robot>", options + "</robot>")
    for link in {part.split('"')[1] for part in text.split("<link name=")[1:]}:
        text = text.replace(f'<link name="{link}"/>', f'<link name="{link}">{inertia}</link>')
    model = mujoco.MjModel.from_xml_string(text)
    data = mujoco.MjData(model)
    for joint, value in zip(arm.joints, q, strict=True):
        data.joint(joint.name).qpos[0] = value
    mujoco.mj_kinematics(model, data)
    tool = data.body(arm.tool_link)
    return tool.xpos.copy(), tool.xmat.reshape(3, 3).copy()


@pytest.mark.parametrize(("rig", "arm"), ARMS, ids=[f"{rig}-{arm.name}" for rig, arm in ARMS])
def test_forward_agrees_with_mujoco_in_the_rigs_frame(rig: str, arm: Arm) -> None:
    rng = np.random.default_rng(0)
    low, high = np.array([(joint.lower, joint.upper) for joint in arm.joints]).T
    poses = rng.uniform(low, high, size=(5, len(low)))
    xyz, rotation = ArmKinematics(arm).forward(poses)
    base = rotation_from_rpy(arm.base_rpy)
    for index, q in enumerate(poses):
        expected_xyz, expected_rotation = mujoco_pose(arm, q)
        np.testing.assert_allclose(xyz[index], base @ expected_xyz + arm.base_xyz, atol=1e-9)
        np.testing.assert_allclose(rotation[index], base @ expected_rotation, atol=1e-9)


def test_forward_takes_any_leading_shape_and_refuses_the_gripper() -> None:
    arm = ARMS[0][1]
    kinematics = ArmKinematics(arm)
    xyz, rotation = kinematics.forward(np.zeros((2, 3, len(arm.joints))))
    assert xyz.shape == (2, 3, 3)
    assert rotation.shape == (2, 3, 3, 3)
    with pytest.raises(ValueError, match="without the gripper"):
        kinematics.forward(np.zeros(arm.dof))


@given(angles, angles, angles)
def test_6d_rotations_survive_the_round_trip(roll: float, pitch: float, yaw: float) -> None:
    rotation = rotation_from_rpy((roll, pitch, yaw))
    np.testing.assert_allclose(rotation_from_6d(rotation_to_6d(rotation)), rotation, atol=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_any_6d_values_become_a_proper_rotation_or_are_refused(values: list[float]) -> None:
    try:
        rotation = rotation_from_6d(np.array(values))
    except ValueError:
        return
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-5)
    assert np.linalg.det(rotation) > 0.99


def test_zero_parallel_and_nan_columns_name_no_rotation() -> None:
    for values in ([0, 0, 0, 1, 0, 0], [1, 0, 0, 2, 0, 0], [np.nan, 0, 0, 0, 1, 0]):
        with pytest.raises(ValueError, match="6D rotation"):
            rotation_from_6d(values)


def test_rotation_about_z_turns_x_towards_y() -> None:
    np.testing.assert_allclose(rotation_about((0, 0, 1), np.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


@given(st.tuples(angles, angles, angles), st.floats(0.0, np.pi))
def test_a_rotation_vector_names_axis_and_angle_up_to_half_a_turn(towards: tuple[float, ...], angle: float) -> None:
    axis = rotation_from_rpy(towards)[:, 0]
    vector = rotation_vector(rotation_about(axis, angle))
    assert np.linalg.norm(vector) == pytest.approx(angle, abs=1e-6)
    size = float(np.linalg.norm(vector))
    again = rotation_about(vector / size, size) if size else np.eye(3)
    np.testing.assert_allclose(again, rotation_about(axis, angle), atol=1e-6)
