"""The cloth behaves like one, and folded means folded."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.laundry_folding.task import CLOSED_M, CORNERS, SIZE_M, LaundryFolding
from aloe_sim.tasks.registry import make_expert

RIG = load_rig(Path(__file__).parents[4] / "config" / "rig_sim.yaml")


@pytest.fixture(scope="module")
def process() -> InProcessRig:
    return InProcessRig(SimRig(RIG, make_task("laundry_folding")))


def folding(process: InProcessRig) -> LaundryFolding:
    assert isinstance(process.sim.task, LaundryFolding)
    return process.sim.task


def fold(process: InProcessRig, ticks: int) -> bool:
    expert = make_expert(process.sim)
    for tick in range(ticks):
        if tick % 25 == 0:
            process.offer(expert.chunk(50, executed=25), "expert")
        assert not process.tick().fault
        if process.sim.task.success(process.sim.data):
            return True
    return False


def test_a_cloth_lies_flat_keeps_its_size_and_is_not_folded(process: InProcessRig) -> None:
    process.reset(0)
    task, data = folding(process), process.sim.data
    process.sim.advance(0.3)
    assert task.is_flat(data) and not task.success(data)
    assert task.progress(data) < 0.05
    assert task.mismatch_m(data) == pytest.approx(SIZE_M, rel=0.02)


def test_the_expert_folds_it_and_only_a_cloth_that_is_let_go_counts(process: InProcessRig) -> None:
    prompt = process.reset(1)
    assert "fold" in prompt
    assert make_expert(process.sim).arms() == tuple(arm.name for arm in RIG.arms)
    assert fold(process, 400)
    task, data = folding(process), process.sim.data
    assert task.progress(data) == 1.0
    assert make_expert(process.sim).arms() == ()
    data.eq_active[process.sim.model.equality(f"{RIG.arms[0].name}/near_left").id] = True
    assert not task.success(data) and task.progress(data) < 1.0


def test_a_corner_that_slips_is_gone_and_the_expert_takes_it_again(process: InProcessRig) -> None:
    process.reset(2)
    task, data = folding(process), process.sim.data
    while not fold(process, 5) and len(task.held(data)) < 2:
        pass
    for name in CORNERS:
        data.eq_active[process.sim.model.equality(f"{RIG.arms[0].name}/{name}").id] = False
    fold(process, 10)
    assert task.held(data) == {RIG.arms[-1].name}
    assert fold(process, 600)


def test_fingers_that_close_far_from_a_corner_hold_nothing(process: InProcessRig) -> None:
    process.reset(3)
    for arm in RIG.arms:
        process.sim.set_command(arm.name, np.append(arm.home[:-1], 0.5 * CLOSED_M))
    process.sim.advance(0.5)
    assert folding(process).held(process.sim.data) == set()


def test_a_prompt_about_something_else_is_refused(process: InProcessRig) -> None:
    with pytest.raises(ValueError, match="towel"):
        process.reset(0, "sort the cubes")


def test_one_arm_cannot_fold() -> None:
    rig = load_rig(Path(__file__).parents[4] / "config" / "rig_sim_one_arm.yaml")
    with pytest.raises(ValueError, match="1 arm"):
        make_expert(SimRig(rig, make_task("laundry_folding")))
