"""What is known of an arm's shape: lines between joints, or what its URDF says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_control.arm_frames import ArmFrames
from aloe_control.capsules import THINNEST_M, arm_shape
from aloe_data.kinematics import ArmKinematics
from aloe_data.rig_file import load_rig
from aloe_data.urdf_joint import UrdfError

CONFIG = Path(__file__).parents[2] / "config"
RIG = load_rig(CONFIG / "rig_sim.yaml")
ARM = RIG.arms[0]


def with_collision(folder: Path, link: str, shape: str) -> Path:
    text = (CONFIG / "sim_arm.urdf").read_text()
    path = folder / "arm.urdf"
    path.write_text(text.replace(f'<link name="{link}"/>', f'<link name="{link}">{shape}</link>'))
    return path


@pytest.mark.parametrize("name", ["rig_sim.yaml", "rig_aloha.yaml", "rig_sim_one_arm.yaml"])
def test_the_frames_of_many_configurations_lead_to_the_tools_of_forward_kinematics(name):
    rig = load_rig(CONFIG / name)
    q = np.random.default_rng(0).uniform(-1.5, 1.5, (20, rig.state_dim))
    frames = ArmFrames(rig).of(q)
    for number, arm in enumerate(rig.arms):
        xyz, rotation = ArmKinematics(arm).forward(q[:, rig.state_slice(arm.name)][:, :-1])
        last = frames[:, number, len(arm.joints)]
        assert np.allclose(last[:, :3] @ np.append(arm_shape(arm).tool, 1.0), xyz)
        assert np.allclose(last[:, :3, :3], rotation)


def test_without_collision_shapes_every_line_from_joint_to_joint_has_the_radius_of_the_rig_file():
    capsules = arm_shape(replace(ARM, link_radius_m=0.02)).capsules
    assert {capsule.radius_m for capsule in capsules} == {0.02}
    lengths = [np.linalg.norm(capsule.end - capsule.start) for capsule in capsules]
    assert np.allclose(lengths, [0.1, 0.06, 0.3, 0.2, 0.1, 0.065, 0.115 - 0.02])


def test_the_round_end_of_the_last_link_reaches_the_tool_and_no_further():
    shape = arm_shape(replace(ARM, link_radius_m=0.03))
    tip = shape.capsules[-1]
    assert np.isclose(np.linalg.norm(shape.tool - tip.end), tip.radius_m)


@pytest.mark.parametrize(
    ("geometry", "start", "end", "radius"),
    [
        ('<cylinder radius="0.05" length="0.2"/>', [0, 0, -0.1], [0, 0, 0.1], 0.05),
        ('<sphere radius="0.07"/>', [0, 0, 0], [0, 0, 0], 0.07),
        ('<box size="0.3 0.06 0.08"/>', [-0.15, 0, 0], [0.15, 0, 0], 0.05),
        ('<sphere radius="0.001"/>', [0, 0, 0], [0, 0, 0], THINNEST_M),
    ],
)
def test_a_collision_shape_is_enclosed_in_a_capsule(tmp_path, geometry, start, end, radius):
    shape = f'<collision><origin xyz="0 0 0.5"/><geometry>{geometry}</geometry></collision>'
    capsule = arm_shape(replace(ARM, urdf=with_collision(tmp_path, "link2", shape))).capsules[2]
    assert capsule.frame == 2
    assert np.allclose([capsule.start, capsule.end], np.add([start, end], [0, 0, 0.5]))
    assert capsule.radius_m == pytest.approx(radius)


def test_a_mesh_counts_as_no_shape(tmp_path):
    mesh = '<collision><geometry><mesh filename="a.stl"/></geometry></collision>'
    meshed = arm_shape(replace(ARM, urdf=with_collision(tmp_path, "link2", mesh)))
    assert [c.radius_m for c in meshed.capsules] == [c.radius_m for c in arm_shape(ARM).capsules]


def test_a_shape_without_proper_numbers_is_refused_with_file_and_link(tmp_path):
    shape = '<collision><geometry><cylinder radius="thick" length="0.2"/></geometry></collision>'
    with pytest.raises(UrdfError, match=r"arm\.urdf: link 'link2': <cylinder radius='thick'>: expected a number"):
        arm_shape(replace(ARM, urdf=with_collision(tmp_path, "link2", shape)))
