"""What experts do with a part in hand at the place where it belongs."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.demonstration import Demonstration
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.reactive_expert import OPEN_M, ArmState
from aloe_sim.tasks.rigid_expert import Fit, bring

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
FIT = Fit(entry_z_m=0.020, inside_z_m=0.0155, release_z_m=0.0138, precision_m=0.0016)
PLACE = np.array([0.36, 0.02, 0.0, 0.0])
GRIP_M = 0.006  # of the tool above the part


def held(part: np.ndarray, gripper_target: float = 0.0) -> ArmState:
    """An arm with a part [4] between its fingers."""
    tool = np.array([*part[:2], part[2] + GRIP_M])
    return ArmState(tool, tool, 0.03, gripper_target)


def part_at(x_m: float, z_m: float, lift_m: float = 0.0) -> np.ndarray:
    return np.add(PLACE, [x_m, 0.0, z_m + lift_m, 0.0])


@given(st.floats(0.0045, 0.012), st.floats(0.0125, 0.0155))
def test_a_part_that_is_jammed_on_the_rim_is_lifted_straight_up_and_never_pushed_or_let_go(x: float, z: float) -> None:
    part = part_at(x, z)
    goal = bring(held(part), part, PLACE, FIT, level=False)
    assert goal.gripper < 0.01
    assert goal.xyz[2] > held(part).tool[2] + 0.003
    assert np.allclose(goal.xyz[:2], part[:2]), "the rim is beside it"


@given(st.floats(0.0, 0.0015), st.floats(0.0125, 0.0154), st.floats(0.0035, 0.0099), st.booleans())
def test_fingers_that_have_begun_to_let_go_go_on(x: float, z: float, target: float, level: bool) -> None:
    part = part_at(x, z)
    assert bring(held(part, target), part, PLACE, FIT, level=level).gripper == OPEN_M


@given(st.floats(-0.02, 0.02), st.floats(0.012, 0.08), st.floats(0.0, 0.02), st.booleans())
def test_what_counts_is_the_height_above_the_place_wherever_that_is_held(
    x: float, z: float, lift: float, level: bool
) -> None:
    low, high = part_at(x, z), part_at(x, z, lift)
    there = bring(held(low), low, PLACE, FIT, level=level)
    lifted = bring(held(high), high, np.add(PLACE, [0.0, 0.0, lift, 0.0]), FIT, level=level)
    assert np.allclose(lifted.xyz - there.xyz, [0.0, 0.0, lift])
    assert lifted.gripper == there.gripper


def test_an_expert_with_noisy_arms_does_not_stand_there_with_the_phone_in_its_hand() -> None:
    process = InProcessRig(SimRig(RIG, make_task("phone_packing")))
    demonstration = Demonstration(process, 100029, 0.01, timeout_s=30.0)
    joints = []
    while not demonstration.verdict:
        demonstration.offer_if_due()
        joints.append(process.joints())
        demonstration.tick()
    assert demonstration.verdict is Verdict.SUCCESS
    windows = np.lib.stride_tricks.sliding_window_view(np.array(joints), 150, axis=0)
    assert np.ptp(windows, axis=-1).max(axis=-1).min() > 0.05, "rad that some joint moves in any 3 s"
