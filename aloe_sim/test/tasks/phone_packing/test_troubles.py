"""What the task monitor says of phone packing."""

from pathlib import Path

import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.task_monitor import assess
from aloe_sim.tasks.phone_packing.task import PhonePacking
from aloe_sim.tasks.registry import make_expert

RIG = load_rig(Path(__file__).parents[4] / "config" / "rig_sim.yaml")


@pytest.fixture
def sim() -> SimRig:
    sim = SimRig(RIG, PhonePacking())
    sim.reset(3)
    sim.advance(0.3)
    return sim


def trouble(sim: SimRig) -> str:
    return assess(sim, make_expert(sim)).trouble


def lay_phone(sim: SimRig, sideways_m: float, up_m: float) -> None:
    """Put the phone over the case, off by so much, and let it come to rest."""
    case = sim.data.joint("case").qpos.copy()
    sim.data.joint("phone").qpos[:] = case
    sim.data.joint("phone").qpos[1:3] += sideways_m, up_m
    sim.data.joint("phone").qvel[:] = 0.0
    sim.advance(1.0)


def test_a_phone_that_lies_where_it_starts_is_no_trouble(sim: SimRig) -> None:
    assert trouble(sim) == ""


def test_a_phone_that_lies_in_its_case_is_no_trouble_though_it_is_not_pressed_home(sim: SimRig) -> None:
    lay_phone(sim, 0.0, 0.02)
    assert sim.task.progress(sim.data) == 0.75
    assert trouble(sim) == ""


def test_a_phone_across_the_edge_of_the_case_is_trouble_for_both_arms(sim: SimRig) -> None:
    lay_phone(sim, 0.02, 0.03)
    situation = assess(sim, make_expert(sim))
    assert situation.trouble == "the phone lies on the edge of the case"
    assert situation.arms == ("left_arm", "right_arm")


def test_a_phone_that_still_falls_is_no_trouble_yet(sim: SimRig) -> None:
    lay_phone(sim, 0.02, 0.03)
    sim.data.joint("phone").qpos[2] += 0.2
    sim.advance(0.06)
    assert trouble(sim) == ""


def test_a_hand_that_closed_on_nothing_and_rests_is_trouble(sim: SimRig) -> None:
    sim.data.joint("right_arm/finger_left").qpos[0] = 0.001
    assert trouble(sim) == "right_arm has closed its fingers on nothing"


def test_a_hand_that_closed_on_nothing_and_moves_may_try_again_and_is_no_trouble(sim: SimRig) -> None:
    sim.data.joint("right_arm/finger_left").qpos[0] = 0.001
    name = RIG.arms[-1].joints[1].name
    sim.data.joint(f"right_arm/{name}").qvel[0] = 0.2
    assert trouble(sim) == ""
