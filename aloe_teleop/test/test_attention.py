import numpy as np
import pytest

from aloe_teleop.attention import Attention
from aloe_teleop.device import TaskView

S = 1_000_000_000
HERE, THERE = {"arm": np.array([0.3, 0.0, 0.2])}, {"arm": np.array([0.3, 0.0, 0.25])}


def task(progress: float = 0.0, trouble: str = "") -> TaskView:
    return TaskView(0, "sorting", progress, False, "", trouble, ("arm",))


@pytest.fixture
def attention() -> Attention:
    attention = Attention(stall_s=10.0, still_s=3.0)
    attention.begin(S)
    return attention


def test_trouble_is_a_reason_at_once(attention: Attention) -> None:
    assert attention.reason(S, task(), HERE) == ""
    assert attention.reason(S + 1, task(trouble="dropped"), HERE) == "dropped"


def test_arms_that_stand_still_are_a_reason_after_a_while_and_a_motion_begins_it_anew(attention: Attention) -> None:
    attention.reason(S, task(), HERE)
    assert attention.reason(4 * S, task(), HERE) == ""
    assert "stand still" in attention.reason(4 * S + 1, task(), HERE)
    assert attention.reason(5 * S, task(), THERE) == ""
    assert attention.reason(8 * S, task(), THERE) == ""


def test_motion_without_progress_is_a_reason_only_later(attention: Attention) -> None:
    tools = (HERE, THERE)
    reasons = [attention.reason(second * S, task(), tools[second % 2]) for second in range(1, 13)]
    assert reasons[:11] == [""] * 11
    assert "no progress for 10 s" in reasons[11]


def test_progress_renews_patience_but_a_fall_of_it_does_not(attention: Attention) -> None:
    tools = (HERE, THERE)
    progress = [0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    reasons = [attention.reason(s * S, task(p), tools[s % 2]) for s, p in enumerate(progress, start=1)]
    assert reasons[:15] == [""] * 15
    assert reasons[15] != ""
