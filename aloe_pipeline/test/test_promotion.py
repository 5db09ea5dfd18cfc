"""The gate promotes what is better, and is hardly ever fooled, however often it is asked."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_pipeline.promotion import Choice, PromotionConfig, decide_paired, decide_unpaired

CONFIG = PromotionConfig()
COUNTS = st.integers(0, 40)
MARGINS = st.sampled_from([0.0, 0.05, 0.2])


def outcomes(wins: int, losses: int, both: int, neither: int) -> tuple[list[bool], list[bool]]:
    new = [True] * wins + [False] * losses + [True] * both + [False] * neither
    return new, [False] * wins + [True] * losses + [True] * both + [False] * neither


@given(COUNTS, COUNTS, COUNTS, COUNTS, MARGINS)
def test_never_both_answers_and_the_order_of_episodes_does_not_matter(
    wins: int, losses: int, both: int, neither: int, margin: float
) -> None:
    new, old = outcomes(wins, losses, both, neither)
    decision = decide_paired(new, old, PromotionConfig(margin=margin))
    assert decision == decide_paired(new[::-1], old[::-1], PromotionConfig(margin=margin))
    assert min(decision.better, decision.worse) <= 1.0 + 1e-9


@given(COUNTS, COUNTS, COUNTS)
def test_without_a_margin_the_answer_turns_round_when_the_policies_change_places(
    wins: int, losses: int, both: int
) -> None:
    new, old = outcomes(wins, losses, both, 3)
    there, back = decide_paired(new, old, CONFIG), decide_paired(old, new, CONFIG)
    assert (there.better, there.worse) == pytest.approx((back.worse, back.better))


@given(COUNTS, COUNTS, COUNTS, MARGINS)
def test_another_win_never_speaks_against_the_candidate(wins: int, losses: int, both: int, margin: float) -> None:
    config = PromotionConfig(margin=margin)
    less = decide_paired(*outcomes(wins, losses + 1, both, 0), config)
    more = decide_paired(*outcomes(wins + 1, losses, both, 0), config)
    assert more.better >= less.better and more.worse <= less.worse


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30), MARGINS)
def test_unpaired_counts_turn_round_too_and_never_give_both_answers(
    s1: int, n1: int, s0: int, n0: int, margin: float
) -> None:
    new, old = (min(s1, n1), n1), (min(s0, n0), n0)
    decision = decide_unpaired(new, old, PromotionConfig(margin=margin))
    assert min(decision.better, decision.worse) <= 1.0 + 1e-9
    if not margin:
        back = decide_unpaired(old, new, CONFIG)
        assert (decision.better, decision.worse) == pytest.approx((back.worse, back.better))


@pytest.mark.parametrize(("p_new", "p_old", "margin"), [(0.5, 0.5, 0.0), (0.9, 0.9, 0.0), (0.6, 0.7, 0.1)])
def test_evidence_against_a_true_hypothesis_is_at_most_one_on_average(
    p_new: float, p_old: float, margin: float
) -> None:
    """Exactly, over all outcomes of 8 episodes each: this is what makes looking again and again harmless."""
    config, n = PromotionConfig(margin=margin), 8
    chance = lambda k, p: math.comb(n, k) * p**k * (1 - p) ** (n - k)  # noqa: E731
    unpaired = sum(
        chance(a, p_new) * chance(b, p_old) * decide_unpaired((a, n), (b, n), config).better
        for a, b in product(range(n + 1), repeat=2)
    )
    assert unpaired <= 1.0 + 1e-3
    win, lose = p_new * (1 - p_old), p_old * (1 - p_new)
    paired = 0.0
    for wins in range(n + 1):
        for losses in range(n + 1 - wins):
            ties = n - wins - losses
            ways = math.comb(n, wins) * math.comb(n - wins, losses) * win**wins * lose**losses
            paired += ways * (1 - win - lose) ** ties * decide_paired(*outcomes(wins, losses, ties, 0), config).better
    assert paired == pytest.approx(1.0, abs=1e-6)


def test_asking_after_every_episode_promotes_an_equal_candidate_less_often_than_stated() -> None:
    """Exactly: the probability of ever being fooled within 30 scenes in which only one of the two succeeds."""
    fooled, undecided = 0.0, {0: 1.0}  # probability by the number of scenes that the candidate won
    for n in range(1, 31):
        reached = dict.fromkeys(range(n + 1), 0.0)
        for wins, probability in undecided.items():
            reached[wins] += probability / 2
            reached[wins + 1] += probability / 2
        promoted = {w for w in reached if decide_paired(*outcomes(w, n - w, 0, 0), CONFIG).choice is Choice.PROMOTE}
        fooled += sum(reached[wins] for wins in promoted)
        undecided = {wins: p for wins, p in reached.items() if wins not in promoted}
    assert 0.01 < fooled < 0.05


def test_a_lucky_streak_is_not_enough_and_a_long_one_is() -> None:
    few = decide_paired([True] * 4, [False] * 4, CONFIG)
    assert few.choice is Choice.MORE
    assert str(few) == (
        "need more episodes: 4 of 4 against 0 of 4 in the same scenes (4 won, 0 lost): neither answer has 95 % "
        "confidence yet; at these rates about 3 more episodes would"
    )
    many = decide_paired([True] * 7, [False] * 7, CONFIG)
    assert many.choice is Choice.PROMOTE and many.reason.endswith("the candidate is better (95 % confidence)")
    assert decide_paired([False] * 7, [True] * 7, CONFIG).choice is Choice.KEEP


def test_equal_policies_are_told_apart_only_with_a_margin() -> None:
    new, old = outcomes(5, 5, 80, 110)
    undecided = decide_paired(new, old, CONFIG)
    assert undecided.choice is Choice.MORE and "not even 64 times as many would" in undecided.reason
    decision = decide_paired(new, old, PromotionConfig(margin=0.1))
    assert decision.choice is Choice.PROMOTE and "loses less than 10 points" in decision.reason


def test_pairs_need_fewer_episodes_than_strangers() -> None:
    new, old = outcomes(14, 1, 50, 35)
    assert decide_paired(new, old, CONFIG).choice is Choice.PROMOTE
    assert decide_unpaired((sum(new), 100), (sum(old), 100), CONFIG).choice is Choice.MORE
    assert decide_unpaired((90, 100), (40, 100), CONFIG).choice is Choice.PROMOTE
    assert decide_unpaired((40, 100), (90, 100), CONFIG).choice is Choice.KEEP


def test_without_episodes_there_is_no_answer() -> None:
    for decision in (decide_paired([], [], CONFIG), decide_unpaired((0, 0), (0, 0), CONFIG)):
        assert decision.choice is Choice.MORE and decision.reason.endswith("yet; record some")


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="2 episodes of the candidate, 1 of the current policy: not pairs"):
        decide_paired([True, True], [True], CONFIG)
    with pytest.raises(ValueError, match="3 successes of 2 episodes"):
        decide_unpaired((3, 2), (0, 1), CONFIG)
