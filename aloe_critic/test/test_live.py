"""What alarms, and that nobody falls behind."""

import threading

import numpy as np
import pytest

from aloe_critic.estimates import Estimates
from aloe_critic.live import AlertConfig, NewestQuestion, Question, alert
from aloe_data.chunk import Chunk


def estimates(q: list[float], value: float) -> Estimates:
    column = np.array(q, np.float32)[:, None]
    return Estimates(column, column.min(0), np.array([value], np.float32))


def question(number: int) -> Question:
    return Question(Chunk(number, number, np.zeros((1, 1), np.float32), "v", number, 50.0), "sort")


@pytest.mark.parametrize(
    ("q", "value", "said"),
    [
        ([-0.5, -0.5], -0.5, []),
        ([-0.5, -0.5], -0.39, ["1.1 std(Q) worse"]),
        ([-0.5, -0.5], -0.9, []),  # better than what the policy does is no alarm
        ([-0.7, -0.3], -0.7, ["disagree by 2.0 std(Q)"]),
        ([-0.7, -0.3], -0.2, ["5.0 std(Q) worse", "disagree by 2.0 std(Q)"]),
    ],
)
def test_chunks_far_below_the_policys_own_and_critics_that_disagree_alarm(q, value, said):
    found = alert(estimates(q, value), 0.1, AlertConfig())
    assert all(part in found for part in said) and bool(found) == bool(said)
    assert alert(estimates(q, value), 0.1, AlertConfig(low_advantage=0.0, high_spread=0.0)) == ""


def test_a_question_that_was_overtaken_is_counted_and_the_newest_is_answered():
    questions = NewestQuestion()
    for number in range(4):
        questions.ask(question(number))
    assert questions.take(lambda _: True).chunk.chunk_id == 3
    assert questions.skipped == 3
    questions.ask(question(4))
    assert questions.take(lambda _: True).chunk.chunk_id == 4 and questions.skipped == 3


def test_a_question_waits_until_it_can_be_answered():
    questions, seen_ns, taken = NewestQuestion(), [0], []
    thread = threading.Thread(target=lambda: taken.append(questions.take(lambda chunk: chunk.stamp_ns <= seen_ns[0])))
    questions.ask(question(5))
    thread.start()
    questions.recheck()
    assert not taken
    seen_ns[0] = 5
    questions.recheck()
    thread.join(10.0)
    assert taken[0].chunk.chunk_id == 5


def test_closing_ends_the_waiting_and_forgetting_drops_what_waits():
    questions, taken = NewestQuestion(), []
    questions.ask(question(1))
    questions.forget()
    thread = threading.Thread(target=lambda: taken.append(questions.take(lambda _: True)))
    thread.start()
    questions.close()
    thread.join(10.0)
    assert taken == [None]
