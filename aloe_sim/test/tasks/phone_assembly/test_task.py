"""The cover is on when both ends are pressed home over the pegs, in the order that the prompt names."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.tasks.phone_assembly.task import BODY_HALF_Z_M, ENDS, LIFT_M, PEG_Y_M, PhoneAssembly

RIG = load_rig(Path(__file__).parents[4] / "config" / "rig_sim.yaml")


@pytest.fixture(scope="module")
def sim() -> SimRig:
    return SimRig(RIG, PhoneAssembly())


def seat(sim: SimRig, first: str) -> None:
    """A scene with the cover on its springs, to be pressed at `first` before the other end."""
    second = next(end for end in ENDS if end != first)
    sim.reset(0, f"seat the cover, press the {first} end, then the {second} end")
    data = sim.data
    data.mocap_pos[0], data.mocap_quat[0] = [0.36, 0.0, BODY_HALF_Z_M], [1.0, 0.0, 0.0, 0.0]
    height = 2 * BODY_HALF_Z_M + 0.005 + LIFT_M
    data.joint("cover").qpos[:] = [0.36, 0.0, height, 1.0, 0.0, 0.0, 0.0]
    data.joint("cover").qvel[:] = 0.0
    sim.advance(0.2)


def press(sim: SimRig, end: str, force_n: float = 10.0) -> None:
    cover = sim.data.body("cover")
    for _ in range(20):
        arm = PEG_Y_M if end == "left" else -PEG_Y_M
        cover.xfrc_applied[:] = [0.0, 0.0, -force_n, -force_n * arm, 0.0, 0.0]
        sim.advance(0.02)
    cover.xfrc_applied[:] = 0.0
    sim.advance(0.2)


def test_a_seated_cover_needs_both_ends_pressed(sim: SimRig) -> None:
    seat(sim, "left")
    assert sim.task.progress(sim.data) == 0.5
    press(sim, "left")
    assert (sim.task.progress(sim.data), sim.task.success(sim.data)) == (0.75, False)
    press(sim, "right")
    assert (sim.task.progress(sim.data), sim.task.success(sim.data)) == (1.0, True)
    assert sim.task.failure(sim.data) == ""


def test_the_wrong_end_first_is_a_failure_by_name(sim: SimRig) -> None:
    seat(sim, "right")
    press(sim, "left")
    assert sim.task.failure(sim.data) == "the left end was not pressed after the right one"
    press(sim, "right")
    assert sim.task.failure(sim.data) and not sim.task.success(sim.data), "it stays so"


def test_both_ends_at_once_are_not_in_order_and_a_dropped_cover_snaps_nowhere(sim: SimRig) -> None:
    seat(sim, "left")
    sim.data.joint("cover").qpos[2] += 0.05
    sim.advance(0.5)
    assert sim.task.progress(sim.data) == 0.5
    sim.data.body("cover").xfrc_applied[2] = -25.0
    for _ in range(20):
        sim.advance(0.02)
    sim.data.body("cover").xfrc_applied[:] = 0.0
    assert "was not pressed after" in sim.task.failure(sim.data)


def test_a_cover_beside_the_pegs_does_not_snap_in(sim: SimRig) -> None:
    seat(sim, "left")
    sim.data.joint("cover").qpos[:3] += [0.012, 0.0, 0.01]
    sim.advance(0.2)
    press(sim, "left")
    press(sim, "right")
    assert sim.task.progress(sim.data) < 0.5


def test_the_order_comes_from_the_seed_or_from_the_words(sim: SimRig) -> None:
    assert isinstance(sim.task, PhoneAssembly)
    orders = set()
    for seed in range(8):
        words = sim.reset(seed)
        orders.add(sim.task.order)
        assert words.index(sim.task.order[0]) < words.index(sim.task.order[1])
        flags = sim.task.privileged_state(sim.data)["left_first"]
        np.testing.assert_array_equal(flags, [float(sim.task.order[0] == "left")])
    assert len(orders) == 2
    sim.reset(0, "put the cover on; right, then left")
    assert sim.task.order == ("right", "left")
    for prompt in ("put the cover on", "press left and right", "press the left end of the cover"):
        with pytest.raises(ValueError, match="in order"):
            sim.reset(0, prompt)


def test_an_impossible_clearance_is_refused() -> None:
    with pytest.raises(ValueError, match="clearance_m"):
        PhoneAssembly(0.01)
