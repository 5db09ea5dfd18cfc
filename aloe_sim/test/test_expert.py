"""The scripted expert solves the task through the real control loop, from the start and from the middle."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig import load_rig
from aloe_sim.experts import make_expert
from aloe_sim.in_process import InProcessRig
from aloe_sim.sim_rig import ActuatorNoise, SimRig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


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
