"""One entry says all of a task: its variants, its expert, and what an operator would step in for."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from aloe_data.kinematics import rotation_to_6d
from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.task_monitor import Situation, assess
from aloe_sim.tasks import TASKS, make_task
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.entry import TaskEntry
from aloe_sim.tasks.expert_base import Expert
from aloe_sim.tasks.reactive_expert import Style, pointing_down
from aloe_sim.tasks.registry import find_troubles, make_expert
from aloe_sim.tasks.simulation import Simulation
from aloe_sim.tasks.sorting.task import BINS_XY_M, CUBE_HALF_M, Sorting
from aloe_sim.tasks.troubles import Trouble

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
ARM = RIG.arms[0].name


class Reaching(Task):
    """A made-up task: the first arm's tool to a point over the table."""

    name = "reaching"

    def objects_xml(self) -> str:
        return '<site name="goal" pos=".35 .15 .15" size=".01"/>'

    def reset(self, model: mujoco.MjModel, data: mujoco.MjData, rng: np.random.Generator) -> str:
        return "reach the point"

    def set_prompt(self, prompt: str) -> None:
        pass

    def success(self, data: mujoco.MjData) -> bool:
        return bool(self.away_m(data) < 0.02)

    def away_m(self, data: mujoco.MjData) -> float:
        return float(np.linalg.norm(data.site("goal").xpos - data.site(f"{ARM}/tool").xpos))

    def progress(self, data: mujoco.MjData) -> float:
        return max(0.0, 1.0 - self.away_m(data))

    def failure(self, data: mujoco.MjData) -> str:
        return ""

    def privileged_state(self, data: mujoco.MjData) -> dict[str, NDArray[np.float64]]:
        return {}


class ReachingExpert(Expert):
    """Goes there on a straight line, and keeps the other arm where it is."""

    def __init__(self, sim: Simulation, style: Style | None, seed: int) -> None:
        self.sim = sim

    def refusal(self) -> str:
        return ""

    def arms(self) -> tuple[str, ...]:
        return () if self.sim.task.success(self.sim.data) else (ARM,)

    def chunk(self, horizon: int, *, executed: int) -> NDArray[np.float32]:
        share = np.minimum(1.0, np.arange(horizon) / 40)[:, None]
        rows = []
        for arm in RIG.arms:
            start = self.sim.tool_position(arm.name)
            end = self.sim.data.site("goal").xpos if arm.name == ARM else start
            rest = np.concatenate([rotation_to_6d(pointing_down(0.0)), self.sim.joint_positions(arm.name)[-1:]])
            rows.append(np.hstack([start + share * (end - start), np.tile(rest, (horizon, 1))]))
        return np.hstack(rows).astype(np.float32)


def reaching_troubles(sim: Simulation) -> list[Trouble]:
    closed = sim.joint_positions(ARM)[-1] < 0.01
    return [Trouble(f"{ARM} makes a fist", ARM)] if closed else []


@pytest.fixture
def reaching(monkeypatch: pytest.MonkeyPatch) -> str:
    """The made-up task, known by one entry."""
    monkeypatch.setitem(TASKS, "reaching", TaskEntry({"reaching": Reaching}, ReachingExpert, reaching_troubles))
    return "reaching"


def test_a_task_of_ones_own_needs_one_entry_for_episodes_its_expert_and_the_task_monitor(reaching: str) -> None:
    env = RolloutEnv(RIG, EnvConfig(task=reaching, images=False))
    env.reset(seed=0)
    sim = env.process.sim
    expert = make_expert(sim)
    before = assess(sim, expert)
    assert (before.trouble, before.arms) == ("", (ARM,))

    sim.data.joint(f"{ARM}/finger_left").qpos[0] = 0.0
    assert assess(sim, expert).trouble == f"{ARM} makes a fist"
    sim.data.joint(f"{ARM}/finger_left").qpos[0] = RIG.arm(ARM).home[-1]

    ended = False
    while not ended:
        _, _, terminated, truncated, info = env.step(expert.chunk(50, executed=25))
        ended = terminated or truncated
    assert info["verdict"].name == "SUCCESS", info["reason"]
    assert assess(sim, expert) == Situation(env.process.sim.task.progress(sim.data), True, "", "", ())


@pytest.mark.parametrize("name", TASKS)
def test_every_variant_has_an_expert_and_the_troubles_of_its_task(name: str) -> None:
    task = make_task(name)
    for variant in TASKS[task.name].variants:
        assert TASKS[variant] is TASKS[task.name] is TASKS[name], "what belongs to one belongs to all"
    assert make_expert(SimRig(RIG, task)).arms()


def test_a_task_that_nobody_knows_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="unknown task 'sorting_2'; did you mean 'sorting_"):
        make_task("sorting_2")
    task = Sorting()
    task.name = "sorting_2"
    with pytest.raises(ValueError, match="no expert knows the task 'sorting_2'"):
        make_expert(SimRig(RIG, task))


def first_cube(sim: SimRig) -> Any:
    return sim.task.assignments[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["sorting", "sorting_1", "sorting_3", "sorting_4"])
def test_cubes_are_missed_however_many_there_are(name: str) -> None:
    sim = SimRig(RIG, make_task(name))
    for seed in range(5):
        sim.reset(seed)
        assert find_troubles(sim) == [], "nothing has happened yet"
    cube = first_cube(sim)
    sim.data.body(cube.body).xpos[:] = [0.2, 0.0, CUBE_HALF_M]
    assert [trouble.text for trouble in find_troubles(sim)] == [f"the {cube.colour} cube was dropped outside the bins"]


def test_the_arm_at_the_other_bin_may_hold_a_cube_only_where_cubes_are_handed_over() -> None:
    for name, says in (("sorting", "holds the"), ("sorting_3", "")):
        sim = SimRig(RIG, make_task(name))
        cube = first_cube(sim)
        other = RIG.arms[-1 if cube.side == "left" else 0].name
        sim.data.body(cube.body).xpos[:] = [0.35, 0.0, 0.12]
        sim.data.site(f"{other}/tool").xpos[:] = [0.35, 0.0, 0.12]
        sim.data.joint(f"{other}/finger_left").qpos[0] = CUBE_HALF_M
        assert says in "; ".join(trouble.text for trouble in find_troubles(sim))
        assert bool(says) == bool(find_troubles(sim))
        over_the_wrong_bin = [*BINS_XY_M[cube.swapped.side], 0.12]
        sim.data.body(cube.body).xpos[:] = over_the_wrong_bin
        sim.data.site(f"{other}/tool").xpos[:] = over_the_wrong_bin
        assert find_troubles(sim), "where it may not be let go, whoever holds it"
