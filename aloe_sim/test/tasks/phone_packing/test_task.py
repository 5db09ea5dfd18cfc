"""The phone is packed when it is seated between the case's walls and pressed home, and not before."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks.phone_packing.task import LIFT_M, PhonePacking

RIG = load_rig(Path(__file__).parents[4] / "config" / "rig_sim.yaml")


@pytest.fixture(scope="module")
def sim() -> SimRig:
    return SimRig(RIG, PhonePacking())


def insert(sim: SimRig, *, sideways_m: float = 0.0, turned_rad: float = 0.0) -> None:
    """Lay the phone over the case's opening, off by some mm, turned by some rad."""
    data, task = sim.data, sim.task
    assert isinstance(task, PhonePacking)
    case = data.joint("case").qpos.copy()
    data.joint("phone").qpos[:] = [*(case[:3] + task.home_m + [0.0, 0.0, LIFT_M]), *case[3:]]
    data.joint("phone").qpos[1] += sideways_m
    quat = data.joint("phone").qpos[3:]
    mujoco.mju_mulQuat(quat, quat.copy(), np.array([np.cos(turned_rad / 2), 0.0, 0.0, np.sin(turned_rad / 2)]))
    data.joint("phone").qvel[:] = 0.0
    sim.advance(0.3)


def press(sim: SimRig, force_n: float) -> None:
    sim.data.body("phone").xfrc_applied[2] = -force_n
    sim.advance(0.2)
    sim.advance(0.2)
    sim.data.body("phone").xfrc_applied[2] = 0.0
    sim.advance(0.2)


def test_an_inserted_phone_is_packed_only_once_it_is_pressed_home(sim: SimRig) -> None:
    sim.reset(3)
    assert sim.task.progress(sim.data) == 0.0
    insert(sim)
    assert not sim.task.success(sim.data)
    assert sim.task.progress(sim.data) == 0.75
    press(sim, 2.0)
    assert not sim.task.success(sim.data), "too gently"
    press(sim, 12.0)
    assert sim.task.success(sim.data)
    assert sim.task.progress(sim.data) == 1.0


@pytest.mark.parametrize("turned_rad", [-0.06, 0.03, 0.06])
def test_a_phone_is_packed_however_far_the_walls_let_it_turn(sim: SimRig, turned_rad: float) -> None:
    sim.reset(4)
    insert(sim, turned_rad=turned_rad)
    press(sim, 12.0)
    assert sim.task.success(sim.data)


def test_a_phone_turned_further_lies_on_the_rim(sim: SimRig) -> None:
    sim.reset(4)
    insert(sim, turned_rad=0.15)
    press(sim, 12.0)
    assert not sim.task.success(sim.data)


def test_a_phone_on_the_rim_is_not_inserted(sim: SimRig) -> None:
    sim.reset(4)
    insert(sim, sideways_m=0.012)
    press(sim, 12.0)
    assert not sim.task.success(sim.data)
    assert sim.task.progress(sim.data) < 0.75


def test_a_copy_of_the_data_is_a_copy_of_the_episode(sim: SimRig) -> None:
    sim.reset(3)
    insert(sim)
    press(sim, 12.0)
    other = SimRig(RIG, sim.task)
    other.data.qpos[:], other.data.eq_active[:] = sim.data.qpos, sim.data.eq_active
    other.advance(0.02)
    assert other.task.success(other.data)


def test_a_phone_that_fell_off_the_table_is_a_failure_by_name(sim: SimRig) -> None:
    sim.reset(0)
    sim.data.joint("phone").qpos[:3] = [0.3, -0.8, -0.2]
    sim.advance(0.02)
    assert sim.task.failure(sim.data) == "the phone fell off the table"


def test_scenes_follow_their_seeds_and_prompts_must_name_phone_and_case(sim: SimRig) -> None:
    states = [(sim.reset(seed), sim.task.privileged_state(sim.data)) for seed in (5, 6, 5)]
    np.testing.assert_equal(states[0], states[2])
    assert not np.array_equal(states[0][1]["phone"], states[1][1]["phone"])
    assert sim.reset(5, "Please insert the phone into its case!")
    with pytest.raises(ValueError, match="a phone, a case"):
        sim.reset(5, "put the red cube in the left bin")


def test_an_impossible_clearance_is_refused() -> None:
    with pytest.raises(ValueError, match="clearance_m"):
        PhonePacking(0.0)
