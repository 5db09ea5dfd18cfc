"""The measures tell good critics from those that are known to be bad, and say so in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_critic.health import (
    Gates,
    Scores,
    as_metrics,
    auc,
    calibration,
    judge,
    matched_auc,
    measure,
)

BOUNDS = (-1.0, 0.0)


def scores(kind: str = "good", n: int = 2000) -> Scores:
    """Success depends on the state and on the chunk in equal parts; critics see both, one or neither."""
    rng = np.random.default_rng(0)
    state, chunk = rng.uniform(-1, 1, (2, n))

    def expected_of(sum_of_both: np.ndarray) -> np.ndarray:
        return -0.9 + 0.8 / (1 + np.exp(-4 * sum_of_both))

    expected, foreign = expected_of(state + chunk), expected_of(state - 0.5)
    samples = expected_of(state + rng.uniform(-1, 1, (8, n)))
    success = rng.uniform(-0.9, -0.1, n) < expected
    returns = np.where(success, -0.1, -0.9)
    if kind == "ignores the action":
        expected = foreign = expected_of(state)
        samples = np.repeat(expected[None], 8, 0)
    if kind == "random":
        expected, foreign = rng.uniform(-1, 0, (2, n))
    if kind == "too high":
        expected, foreign, samples = expected + 0.4, foreign + 0.4, samples + 0.4
    q = expected + 0.02 * rng.standard_normal((3, n))
    return Scores(q, foreign + 0 * q, samples, q.min(0), expected, returns, success, rng.uniform(0, 500, n))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("good", "calibrated"),
        ("ignores the action", "ignores the action"),
        ("random", "does not tell successes from failures"),
        ("too high", "overestimates by 0.4"),
    ],
)
def test_critics_are_judged_in_words(kind, says):
    judgement = judge(measure(scores(kind), BOUNDS), Gates())
    assert judgement.passed == (kind == "good")
    assert any(says in sentence for sentence in judgement.sentences), judgement.sentences


def test_values_out_of_bounds_are_said():
    given_ = scores()
    health = measure(Scores(**{**vars(given_), "q": given_.q * 3}), BOUNDS)
    assert any("leaves the bounds" in s for s in judge(health, Gates()).sentences)


def test_what_the_data_cannot_tell_is_said_and_does_not_pass():
    given_ = scores()
    health = measure(Scores(**{**vars(given_), "returns": np.full(2000, np.nan)}), BOUNDS)
    judgement = judge(health, Gates())
    assert not judgement.passed and any("cannot be told" in s for s in judgement.sentences)
    assert "health/rank_auc" not in as_metrics(health) and "health/shuffle_gap" in as_metrics(health)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.lists(st.integers(0, 5), min_size=1, max_size=9))
@settings(max_examples=30)
def test_auc_is_that_of_a_loop_over_pairs(positive, negative):
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    found = auc(np.array(positive, float), np.array(negative, float))
    assert found == pytest.approx(wins / (len(positive) * len(negative)))


def test_progress_alone_does_not_rank():
    progress = np.tile(np.arange(1000.0), 2)
    success = np.arange(2000) >= 1000
    late = success | (progress < 500)  # failures end early
    value = progress[late]
    assert auc(value[success[late]], value[~success[late]]) > 0.7
    assert matched_auc(value, success[late], progress[late], bins=8) == pytest.approx(0.5, abs=0.05)


def test_calibration_compares_values_with_what_came():
    q = np.linspace(-1, 0, 800)
    table = calibration(q, q + 0.1)
    np.testing.assert_allclose(table[:, 1] - table[:, 0], 0.1)
    assert table[:, 2].sum() == 800
