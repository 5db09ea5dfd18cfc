"""Scenes vary by seed only where they are told to, and what disturbs an episode is drawn from its seed, too."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.keypoints import keypoint_labels
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks import TASKS, make_task
from aloe_sim.tasks.sorting.task import COLOURS, Sorting
from aloe_sim.tasks.variation import VARIATIONS, Variation, named_variation

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
LOOKS = ("geom_rgba", "geom_friction", "geom_matid", "light_diffuse", "light_dir", "cam_pos", "cam_quat")


@pytest.fixture(scope="module")
def varied() -> SimRig:
    return SimRig(RIG, Sorting(), variation=VARIATIONS["training"])


def looks(sim: SimRig, seed: int) -> dict[str, np.ndarray]:
    sim.reset(seed)
    return {name: getattr(sim.model, name).copy() for name in LOOKS}


def test_nothing_varies_by_default() -> None:
    plain, off = SimRig(RIG), SimRig(RIG, variation=Variation())
    before = looks(plain, 0)
    for seed in (1, 2):
        np.testing.assert_equal(looks(off, seed)["cam_pos"], before["cam_pos"])
        plain.reset(seed)
        np.testing.assert_array_equal(plain.data.qpos, off.data.qpos)
    assert off.happened == ()


def test_looks_differ_between_seeds_and_come_again_with_their_seed(varied: SimRig) -> None:
    first, other, again = (looks(varied, seed) for seed in (1, 2, 1))
    for name in LOOKS:
        np.testing.assert_array_equal(first[name], again[name], err_msg=name)
        if name != "geom_matid":
            assert not np.array_equal(first[name], other[name]), name
    assert len({int(looks(varied, seed)["geom_matid"][varied.model.geom("table").id]) for seed in range(12)}) > 1


def test_cameras_move_no_farther_than_they_may(varied: SimRig) -> None:
    nominal = looks(SimRig(RIG), 0)["cam_pos"]
    away = [np.abs(looks(varied, seed)["cam_pos"] - nominal).max() for seed in range(5)]
    assert 0.0 < max(away) <= VARIATIONS["training"].camera_m


def test_looks_do_not_move_the_objects(varied: SimRig) -> None:
    looks_only = replace(VARIATIONS["training"], spread=0.0, friction=0.0, latency_s=0.0)
    plain, painted = SimRig(RIG), SimRig(RIG, Sorting(), variation=looks_only)
    for seed in (0, 1):
        assert plain.reset(seed) == painted.reset(seed)
        np.testing.assert_array_equal(plain.data.qpos, painted.data.qpos)


def test_commands_arrive_late_by_the_latency() -> None:
    sim = SimRig(RIG, variation=Variation(latency_s=0.2))
    sim.reset(3)
    arm, still = RIG.arms[0], sim.joint_positions(RIG.arms[0].name)
    sim.set_command(arm.name, np.array([arm.home[0] + 0.3, *arm.home[1:]]))
    moved = []
    for _ in range(20):
        sim.advance(0.02)
        moved.append(float(np.abs(sim.joint_positions(arm.name) - still).max()))
    start = next(i for i, m in enumerate(moved) if m > 0.01)
    assert 1 <= start <= 12
    assert moved[-1] > 0.2
    np.testing.assert_allclose(sim.command(arm.name)[0], arm.home[0] + 0.3)


def test_unseen_things_are_of_colours_and_shapes_that_training_lacks() -> None:
    sim = SimRig(RIG, Sorting(), variation=Variation(unseen=True))
    assert isinstance(sim.task, Sorting)
    seen = set()
    for seed in range(6):
        prompt = sim.reset(seed)
        for a in sim.task.assignments:
            assert a.colour not in COLOURS and a.shape != "cube" and a.name in prompt
            seen.add(a.shape)
        sim.reset(seed, prompt)
        assert not keypoint_labels(sim).any(), "unseen things have no names in the encoder"
    assert seen == {"cylinder", "block"}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_every_task_stands_every_variation(name: str) -> None:
    sim = SimRig(RIG, make_task(name), variation=VARIATIONS["all"])
    sim.reset(1)
    sim.advance(0.1)
    assert not sim.task.success(sim.data)
    assert sim.task.failure(sim.data) == ""


def disturbed(variation: Variation, seed: int) -> tuple[SimRig, float]:
    sim = SimRig(RIG, Sorting(), variation=variation)
    sim.reset(seed)
    before = sim.data.qpos.copy()
    for _ in range(350):
        sim.advance(0.02)
    return sim, float(np.abs(sim.data.qpos - before).max())


def test_a_pushed_object_moves_and_a_bumped_arm_comes_back() -> None:
    sim, moved = disturbed(Variation(push=1.0), 0)
    assert len(sim.happened) == 1 and "was pushed" in sim.happened[0]
    assert 0.01 < moved < 0.2
    sim, moved = disturbed(Variation(bump=1.0), 0)
    assert len(sim.happened) == 1 and "was bumped" in sim.happened[0]
    assert moved < 0.01
    assert not sim.data.xfrc_applied.any()


def test_a_grasp_slips_when_there_is_one() -> None:
    sim = SimRig(RIG, Sorting(), variation=Variation(slip=1.0))
    sim.reset(0)
    arm = RIG.arms[0].name
    cube = sim.data.joint("cube0")
    opened = 0.0
    for step in range(400):
        if step < 20:  # put a cube between closing fingers
            cube.qpos[:3], cube.qvel[:] = sim.tool_position(arm), 0.0
            sim.set_command(arm, np.array([*RIG.arms[0].home[:-1], 0.0]))
        sim.advance(0.02)
        if sim.happened:
            opened = max(opened, sim.joint_positions(arm)[-1])
    assert sim.happened == (f"the grasp of {arm} slipped",)
    assert opened > 0.02
    assert sim.data.body("cube0").xpos[2] < 0.05, "it fell"


def test_an_unknown_variation_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="did you mean 'training'"):
        named_variation("trainig")
