"""What the task monitor says of phone assembly; arms are written into MuJoCo's results, no time passes for them."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.task_monitor import assess
from aloe_sim.tasks.phone_assembly.task import BODY_HALF_Z_M, COVER_HALF_Z_M, LIFT_M, PhoneAssembly
from aloe_sim.tasks.registry import make_expert

RIG = load_rig(Path(__file__).parents[4] / "config" / "rig_sim.yaml")
SEATED_M = BODY_HALF_Z_M + COVER_HALF_Z_M + LIFT_M


@pytest.fixture
def sim() -> SimRig:
    sim = SimRig(RIG, PhoneAssembly())
    sim.reset(0, "seat the cover, press the right end, then the left end")
    sim.advance(0.3)
    return sim


def trouble(sim: SimRig) -> str:
    return assess(sim, make_expert(sim)).trouble


def lay_cover(sim: SimRig, sideways_m: float, up_m: float) -> None:
    """Put the cover over the phone, off by so much, and let it come to rest."""
    pose = np.concatenate([sim.data.mocap_pos[0], sim.data.mocap_quat[0]])
    sim.data.joint("cover").qpos[:] = pose + np.array([0.0, sideways_m, up_m, 0.0, 0.0, 0.0, 0.0])
    sim.data.joint("cover").qvel[:] = 0.0
    sim.advance(1.0)


def fingers(sim: SimRig, arm: str, over: str, above_m: float, opening_m: float) -> None:
    """Fingers over an end of the cover."""
    sim.data.site(f"{arm}/tool").xpos[:] = sim.data.site(f"cover_{over}").xpos + np.array([0.0, 0.0, above_m])
    sim.data.joint(f"{arm}/finger_left").qpos[0] = opening_m


def test_a_cover_that_lies_where_it_starts_or_is_seated_is_no_trouble(sim: SimRig) -> None:
    assert trouble(sim) == ""
    lay_cover(sim, 0.0, SEATED_M)
    assert sim.task.progress(sim.data) == 0.5 and trouble(sim) == ""


def test_a_cover_that_lies_on_the_pegs_beside_its_holes_is_trouble_unless_it_is_held(sim: SimRig) -> None:
    lay_cover(sim, 0.02, 0.03)
    assert trouble(sim) == "the cover lies on the phone, off its pegs"
    sim.data.site("left_arm/tool").xpos[:] = sim.data.body("cover").xpos
    sim.data.joint("left_arm/finger_left").qpos[0] = sim.task.half_m("cover")[0]  # type: ignore[attr-defined]
    assert trouble(sim) == ""


def test_closed_fingers_over_the_end_whose_turn_it_is_not_are_trouble_before_they_press(sim: SimRig) -> None:
    lay_cover(sim, 0.0, SEATED_M)
    fingers(sim, "left_arm", "left", 0.06, 0.0)
    situation = assess(sim, make_expert(sim))
    assert situation.trouble == "left_arm is about to press the left end before the right one"
    assert situation.arms == ("left_arm", "right_arm")
    fingers(sim, "left_arm", "left", 0.06, 0.03)
    assert trouble(sim) == "", "open fingers press nothing"
    fingers(sim, "left_arm", "left", 0.15, 0.0)
    assert trouble(sim) == "", "nor do those that wait above"
    fingers(sim, "right_arm", "right", 0.02, 0.0)
    assert trouble(sim) == "", "it is the right end's turn"
