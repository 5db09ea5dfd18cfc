from types import SimpleNamespace
from typing import Any

from aloe_sim.rollout.judge import HOLD_S, Judge

MS = 1_000_000


def make(success: bool = False, failure: str = "") -> tuple[Judge, Any]:
    task = SimpleNamespace(goal=success, fault=failure)
    task.success, task.failure = lambda _: task.goal, lambda _: task.fault
    judge = Judge(task)  # type: ignore[arg-type]
    judge.begin()
    return judge, task


def test_success_counts_once_it_has_lasted() -> None:
    judge, _ = make(success=True)
    hold_ms = int(1000 * HOLD_S)
    assert judge.judge(0, None) is None
    assert judge.judge((hold_ms - 10) * MS, None) is None
    judgement = judge.judge((hold_ms + 10) * MS, None)
    assert judgement is not None and judgement.success
    assert judge.judge((hold_ms + 500) * MS, None) is None, "it is said once"


def test_a_cube_that_passes_through_the_goal_does_not_count() -> None:
    judge, task = make(success=True)
    judge.judge(0, None)
    task.goal = False
    judge.judge(200 * MS, None)
    task.goal = True
    assert judge.judge(400 * MS, None) is None


def test_a_failure_carries_its_reason() -> None:
    judge, _ = make(failure="the red cube fell off the table")
    judge.judge(0, None)
    judgement = judge.judge(1000 * MS, None)
    assert judgement is not None and not judgement.success
    assert "fell off" in judgement.reason


def test_nothing_is_judged_while_no_episode_runs() -> None:
    judge, _ = make(success=True)
    judge.end()
    assert judge.judge(0, None) is None
    assert judge.judge(1000 * MS, None) is None
