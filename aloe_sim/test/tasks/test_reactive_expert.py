"""The scripted experts solve their tasks through the real control loop, from the start and from the middle."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.reactive_expert import Style
from aloe_sim.tasks.registry import make_expert

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


def run(process: InProcessRig, ticks: int, faults: list[str]) -> bool:
    sim, expert = process.sim, make_expert(process.sim)
    for tick in range(ticks):
        if tick % 25 == 0:
            process.offer(expert.chunk(50, executed=25), "expert")
        faults.append(process.tick().fault)
        if sim.task.success(sim.data):
            return True
    return False


@pytest.mark.parametrize(("seed", "noise_rad"), [(0, 0.0), (1, 0.02)])
def test_expert_sorts_both_cubes(seed: int, noise_rad: float) -> None:
    process = InProcessRig(SimRig(RIG, noise=ActuatorNoise(noise_rad)))
    process.reset(seed)
    faults: list[str] = []
    assert run(process, 1000, faults)
    assert not any(faults)


@pytest.mark.parametrize("task", ["phone_packing", "phone_assembly", "sorting_3"])
def test_experts_do_their_tasks_from_the_start(task: str) -> None:
    process = InProcessRig(SimRig(RIG, make_task(task)))
    process.reset(1)
    faults: list[str] = []
    assert make_expert(process.sim).arms()
    assert run(process, 1000, faults)
    assert not any(faults)
    assert make_expert(process.sim).arms() == ()


def test_packing_goes_on_after_the_phone_was_dropped() -> None:
    process = InProcessRig(SimRig(RIG, make_task("phone_packing")))
    process.reset(2)
    assert not run(process, 100, [])
    process.sim.data.joint("phone").qpos[:7] = [0.38, -0.15, 0.03, np.cos(0.2), 0.0, 0.0, np.sin(0.2)]
    assert run(process, 1000, [])


def test_a_cube_out_of_reach_is_handed_over_by_the_other_arm() -> None:
    process = InProcessRig(SimRig(RIG, make_task("sorting_3")))
    process.reset(1)
    sim = process.sim
    far = sim.task.assignments[0]  # type: ignore[attr-defined]
    for other in sim.task.assignments[1:]:  # type: ignore[attr-defined]
        sim.data.joint(other.body).qpos[:3] = [*other.bin_xy, 0.03]
    arm_of_bin = RIG.arms[0 if far.side == "left" else -1]
    start = sim.data.body(far.body).xpos[:2]
    assert np.linalg.norm(start - arm_of_bin.base_xyz[:2]) > 0.6, "beyond the stretched arm"
    assert make_expert(sim).arms() == tuple(arm.name for arm in RIG.arms), "both are needed"
    assert run(process, 1000, [])


def test_an_expert_that_cannot_help_says_so() -> None:
    sim = SimRig(RIG, make_task("phone_packing"))
    sim.reset(0)
    sim.data.joint("phone").qpos[:7] = [0.36, -0.17, 0.03, 0.0, 1.0, 0.0, 0.0]  # upside down
    sim.advance(0.3)
    expert = make_expert(sim)
    assert "does not lie flat" in expert.refusal()
    assert expert.arms() == ()
    with pytest.raises(CannotHelpError, match="phone"):
        expert.chunk(50, executed=25)


def test_a_part_that_still_falls_is_no_reason_to_give_up_and_one_without_room_for_fingers_is() -> None:
    sim = SimRig(RIG, make_task("phone_assembly"))
    sim.reset(0)
    sim.data.joint("cover").qpos[:7] = [0.2, 0.3, 0.5, 0.0, 1.0, 0.0, 0.0]
    sim.advance(0.1)
    assert make_expert(sim).refusal() == ""
    body = sim.data.body("phone_body").xpos
    sim.data.joint("cover").qpos[:7] = [body[0] + 0.066, body[1], 0.006, *sim.data.mocap_quat[0]]
    sim.data.joint("cover").qvel[:] = 0.0
    sim.advance(0.5)
    assert "too close" in make_expert(sim).refusal()


def test_a_noisy_style_differs_by_seed_and_a_steady_one_does_not() -> None:
    sim = SimRig(RIG)
    sim.reset(0)
    steady = [make_expert(sim, seed=seed).chunk(10, executed=5) for seed in (0, 1)]
    noisy = [make_expert(sim, Style(noise_m=0.01), seed).chunk(10, executed=5) for seed in (0, 1, 1)]
    np.testing.assert_array_equal(*steady)
    np.testing.assert_array_equal(noisy[1], noisy[2])
    assert not np.array_equal(noisy[0], noisy[1])


def test_expert_goes_on_when_a_cube_was_moved_in_the_middle() -> None:
    process = InProcessRig(SimRig(RIG))
    process.reset(2)
    assert not run(process, 60, [])
    sim = process.sim
    cube = sim.task.assignments[0].body  # type: ignore[attr-defined]
    sim.data.joint(cube).qpos[:3] = [0.40, 0.0, 0.02]
    assert run(process, 1000, [])


def test_chunks_have_the_rigs_layout_and_start_where_the_arms_are() -> None:
    process = InProcessRig(SimRig(RIG))
    process.reset(4)
    chunk = make_expert(process.sim).chunk(50, executed=25)
    assert chunk.shape == (50, RIG.action_dim)
    assert chunk.dtype == np.float32
    for arm in RIG.arms:
        start = RIG.action_slice(arm.name).start
        np.testing.assert_allclose(chunk[0, start : start + 3], process.sim.tool_position(arm.name), atol=0.02)
