"""The simulated rig is the rig that its file describes, and obeys seeds and words."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from aloe_data.kinematics import ArmKinematics
from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig, UnstablePhysicsError
from aloe_sim.tasks import make_task
from aloe_sim.tasks.sorting.task import BINS_XY_M, Sorting

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


@pytest.fixture(scope="module")
def sim() -> SimRig:
    return SimRig(RIG)


def test_tool_stands_where_the_urdf_says(sim: SimRig) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        sim.reset(int(rng.integers(100)))
        for arm in RIG.arms:
            home = np.array(arm.home)
            sim.set_command(arm.name, home + np.append(rng.uniform(-0.2, 0.2, 6), 0.0))
        sim.advance(0.6)
        for arm in RIG.arms:
            xyz, _ = ArmKinematics(arm).forward(sim.joint_positions(arm.name)[:-1])
            np.testing.assert_allclose(xyz, sim.tool_position(arm.name), atol=2e-4)


def test_arms_go_where_they_are_told(sim: SimRig) -> None:
    sim.reset(0)
    arm = RIG.arms[0]
    target = np.array(arm.home) + np.array([0.2, -0.1, 0.1, 0.1, -0.2, 0.1, -0.02])
    sim.set_command(arm.name, target)
    sim.advance(1.5)
    np.testing.assert_allclose(sim.joint_positions(arm.name), target, atol=0.02)


def test_a_seed_gives_the_same_scene_again(sim: SimRig) -> None:
    first = sim.reset(7), sim.data.qpos.copy()
    sim.reset(8)
    again = sim.reset(7), sim.data.qpos.copy()
    assert first[0] == again[0]
    np.testing.assert_array_equal(first[1], again[1])


def test_time_goes_on_over_a_reset(sim: SimRig) -> None:
    before = sim.time_s
    sim.reset(1)
    assert sim.time_s > before


def test_a_prompt_changes_the_goal(sim: SimRig) -> None:
    sim.reset(3)
    assert isinstance(sim.task, Sorting)
    a, b = sim.task.assignments
    sim.reset(3, f"put the {a.colour} cube in the right bin and the {b.colour} cube in the left bin")
    assert [x.side for x in sim.task.assignments] == ["right", "left"]


def test_a_prompt_that_names_nothing_in_the_scene_is_refused(sim: SimRig) -> None:
    with pytest.raises(ValueError, match="cubes here"):
        sim.reset(3, "make coffee")


def test_success_means_every_cube_in_its_bin(sim: SimRig) -> None:
    sim.reset(5)
    assert isinstance(sim.task, Sorting)
    assert not sim.task.success(sim.data)
    for i, a in enumerate(sim.task.assignments):
        x, y = BINS_XY_M[a.side]
        sim.data.joint(a.body).qpos[:3] = [x + 0.04 * (i - 0.5), y, 0.03]
    sim.advance(0.3)
    assert sim.task.success(sim.data)
    assert sim.task.progress(sim.data) == 1.0
    assert sim.task.failure(sim.data) == ""


def test_a_cube_in_the_wrong_bin_is_a_failure_by_name(sim: SimRig) -> None:
    sim.reset(5)
    assert isinstance(sim.task, Sorting)
    a = sim.task.assignments[0]
    x, y = BINS_XY_M["left" if a.side == "right" else "right"]
    sim.data.joint(a.body).qpos[:3] = [x, y, 0.03]
    sim.advance(0.3)
    assert a.colour in sim.task.failure(sim.data)
    assert not sim.task.success(sim.data)


def test_diverged_physics_is_an_error_and_neither_a_result_nor_a_file(
    sim: SimRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sim.reset(0)
    sim.data.qvel[:] = np.nan
    with pytest.raises(UnstablePhysicsError):
        sim.advance(0.02)
    assert not list(tmp_path.iterdir())
    sim.reset(0)
    sim.advance(0.02)


def test_noise_moves_the_arms_but_not_the_commands() -> None:
    sim = SimRig(RIG, noise=ActuatorNoise(0.05))
    sim.reset(0)
    sim.advance(1.0)
    arm = RIG.arms[0]
    np.testing.assert_array_equal(sim.command(arm.name), arm.home)
    assert np.abs(sim.joint_positions(arm.name)[:-1] - arm.home[:-1]).max() > 0.005


def test_unknown_task_and_a_real_rig_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="did you mean 'sorting'"):
        make_task("sort")
    with pytest.raises(ValueError, match="not simulated"):
        SimRig(dataclasses.replace(RIG, simulated=False))
