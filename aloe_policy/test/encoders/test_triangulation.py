"""Where keypoints are in space, from what several views say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.kinematics import ArmKinematics
from aloe_data.rig_file import load_rig
from aloe_policy.encoders.triangulation import LEAST_PRESENCE, SCALE_M, TABLE_Z_M, Triangulation

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
HOME = np.concatenate([arm.home for arm in RIG.arms]).astype(np.float32)
TRIANGULATION = Triangulation(RIG)
HEAD = 0

places = st.tuples(st.floats(0.2, 0.45), st.floats(-0.2, 0.2), st.floats(0.0, 0.15)).map(np.array)
presences = st.floats(LEAST_PRESENCE, 1)


def seen_by_world_camera(point: np.ndarray, camera: int = HEAD) -> np.ndarray:
    """u, v, 1 of a point for a camera that does not move."""
    mount = RIG.mounts[RIG.cameras[camera].name]
    x, y = np.array(mount["xy_axes"][:3]), np.array(mount["xy_axes"][3:])
    local = np.stack([x, y, np.cross(x, y)]) @ (point - np.array(mount["xyz"]))
    half = np.tan(np.radians(mount["fovy_deg"]) / 2)
    aspect = RIG.cameras[camera].width / RIG.cameras[camera].height
    return np.array([local[0] / -local[2] / half / aspect, -local[1] / -local[2] / half, 1.0])


def fixed_rig():
    """Three cameras in the world instead of one and two on the wrists."""
    mount = RIG.mounts["head"]
    aside = {"left_wrist": [0.1, 0.5, 0.7], "right_wrist": [0.3, -0.5, 0.7]}
    mounts = {"head": mount} | {name: {**mount, "xyz": xyz} for name, xyz in aside.items()}
    return dataclasses.replace(RIG, calibration=mounts)


def seen_by_three(point: np.ndarray) -> np.ndarray:
    rig, tokens = fixed_rig(), np.zeros((3, 1, 3), np.float32)
    for c, camera in enumerate(rig.cameras):
        mount = rig.mounts[camera.name]
        moved = point - np.array(mount["xyz"]) + np.array(RIG.mounts["head"]["xyz"])
        tokens[c, 0] = seen_by_world_camera(moved)
    return tokens


@given(places, presences)
def test_a_point_that_three_cameras_see_is_found_however_sure_they_are(point, presence):
    found, seen = Triangulation(fixed_rig()).places(presence * seen_by_three(point), HOME)
    assert seen.all()
    np.testing.assert_allclose(found[0], point, atol=2e-3 if presence < 0.3 else 5e-4)


@given(places)
def test_what_one_camera_sees_lies_on_its_ray_at_the_height_of_the_table(point):
    tokens = np.zeros((3, 1, 3), np.float32)
    tokens[HEAD, 0] = seen_by_world_camera(point)
    found, seen = TRIANGULATION.places(tokens, HOME)
    assert seen.all()
    np.testing.assert_allclose(found[0, 2], TABLE_Z_M, atol=1e-3)
    np.testing.assert_allclose(seen_by_world_camera(found[0]), tokens[HEAD, 0], atol=1e-3)


@given(places)
def test_a_tool_view_tells_how_far_things_are_from_that_tool(point):
    tokens = np.zeros((3, 1, 3), np.float32)
    tokens[HEAD, 0] = seen_by_world_camera(point)
    views = TRIANGULATION.views(tokens, HOME)
    found, _ = TRIANGULATION.places(tokens, HOME)
    np.testing.assert_array_equal(views[:3], tokens)
    for k, arm in enumerate(RIG.arms):
        tool, _ = ArmKinematics(arm).forward(HOME[RIG.state_slice(arm.name)][:-1])
        np.testing.assert_allclose(views[3 + k, 0] * SCALE_M + tool, found[0], atol=1e-5)


def test_of_what_no_camera_sees_nothing_is_told():
    assert not TRIANGULATION.views(np.zeros((3, 5, 3), np.float32), HOME)[3:].any()


def test_many_states_at_once_are_told_what_each_would_be_alone():
    rng = np.random.default_rng(0)
    tokens = rng.uniform(0, 1, (6, 3, 5, 3)).astype(np.float32)
    joints = HOME + rng.normal(0, 0.1, (6, len(HOME))).astype(np.float32)
    alone = np.stack([TRIANGULATION.views(t, j) for t, j in zip(tokens, joints, strict=True)])
    np.testing.assert_allclose(TRIANGULATION.views(tokens, joints), alone, atol=1e-5)


def test_a_rig_whose_cameras_are_mounted_nobody_knows_where_is_refused_by_the_camera_s_name():
    with pytest.raises(ValueError, match=r"'head' is mounted is not known"):
        Triangulation(dataclasses.replace(RIG, simulation=dataclasses.replace(RIG.simulation, cameras={})))
