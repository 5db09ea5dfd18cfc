"""Every episode in one process ends for one of five reasons, and says for which."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.demonstration import Demonstration
from aloe_sim.rollout.episode import Episode
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks.base import Task

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


@pytest.fixture(scope="module")
def process() -> InProcessRig:
    return InProcessRig(SimRig(RIG))


def run(episode: Episode) -> None:
    while not episode.verdict:
        episode.tick()


def task_that(monkeypatch: pytest.MonkeyPatch, task: Task, **answers: Any) -> None:
    """Let a task answer what it is told to."""
    for name, answer in answers.items():
        monkeypatch.setattr(task, name, lambda _, answer=answer: answer)


def test_time_is_up_after_as_many_ticks_as_the_limit_has(process: InProcessRig) -> None:
    episode = Episode(process, timeout_s=0.5)
    episode.begin(0)
    run(episode)
    assert (episode.verdict, episode.ticks, episode.length_s) == (Verdict.TIMEOUT, 25, 0.5)
    assert episode.reason == "no success within 0.5 s"


@pytest.mark.parametrize(("hold_s", "ticks"), [(0.0, 1), (0.1, 6)])
def test_success_ends_it_once_it_has_lasted(
    process: InProcessRig, monkeypatch: pytest.MonkeyPatch, hold_s: float, ticks: int
) -> None:
    task_that(monkeypatch, process.sim.task, success=True)
    episode = Episode(process, 1.0, judge_hz=None, hold_s=hold_s)
    episode.begin(0)
    run(episode)
    assert (episode.verdict, episode.ticks) == (Verdict.SUCCESS, ticks)


def test_what_the_task_calls_a_failure_ends_it_with_the_tasks_words(
    process: InProcessRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_that(monkeypatch, process.sim.task, success=True, failure="the red cube fell off the table")
    episode = Episode(process, 1.0)
    episode.begin(0)
    run(episode)
    assert (episode.verdict, episode.reason) == (Verdict.FAILURE, "the red cube fell off the table")


def test_diverged_physics_aborts_it_and_the_next_one_runs(process: InProcessRig) -> None:
    episode = Episode(process, 1.0)
    episode.begin(0)
    process.sim.data.qvel[:] = np.nan
    assert episode.tick() is None
    assert episode.verdict is Verdict.ABORT
    episode.begin(0)
    assert episode.tick() is not None and not episode.verdict


def test_a_fault_of_control_ends_it_with_the_reason_of_the_fault(process: InProcessRig) -> None:
    episode = Episode(process, 2.0)
    episode.begin(0)
    process.offer(np.tile(here(process), (50, 1)), "policy")
    process.sim.arm_faults.power("left_arm", False)
    run(episode)
    process.sim.arm_faults.power("left_arm", True)
    assert episode.verdict is Verdict.FAILURE
    assert "left_arm" in episode.reason


def test_an_operator_may_end_it_and_nothing_moves_any_more(process: InProcessRig) -> None:
    episode = Episode(process, 2.0)
    episode.begin(0)
    episode.tick()
    episode.end(Verdict.FAILURE, "the operator has seen enough")
    before_ns = process.stamp_ns
    assert episode.tick() is None
    assert (episode.ticks, process.stamp_ns, episode.reason) == (1, before_ns, "the operator has seen enough")


def test_a_demonstration_whose_chunk_is_refused_has_failed_and_says_why(process: InProcessRig) -> None:
    demonstration = Demonstration(process, 0, 0.0, timeout_s=10.0)
    assert demonstration.offer_if_due() is not None
    process.control.disarm("somebody else ends motion")
    while not demonstration.verdict:
        demonstration.offer_if_due()
        demonstration.tick()
    assert demonstration.verdict is Verdict.FAILURE
    assert demonstration.reason


def here(process: InProcessRig) -> np.ndarray:
    """A row [A] that keeps the arms where they are."""
    positions = np.concatenate([process.sim.command(arm.name) for arm in RIG.arms])
    return process.control._motion.solver.action_of(positions).astype(np.float32)
