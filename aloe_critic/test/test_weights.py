"""Every rule against a loop, and what holds for all of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aloe_critic.weights import (
    RULES,
    Labels,
    WeightConfig,
    by_advantage,
    by_label,
    by_softmax,
    good_chunks,
    good_from,
    statistics,
    with_shares,
)
from aloe_data.sources import AUTONOMOUS, BY_HUMAN, DEMO

CONFIG = WeightConfig()
ADVANTAGES = arrays(float, st.integers(2, 30), elements=st.floats(-3, 3).map(lambda x: round(x, 3)))


def labels(count: int, source=AUTONOMOUS, failure=False) -> Labels:
    failed = np.broadcast_to(failure, count)
    return Labels(np.broadcast_to(source, count), ~failed, failed)


def weigh(advantage, config=CONFIG, known=None):
    return by_advantage(np.asarray(advantage, float), known or labels(len(advantage)), config)


@settings(max_examples=40)
@given(ADVANTAGES)
def test_exp_clip_is_that_of_a_loop(advantage):
    b = max(0.5 * np.sqrt(sum((a - sum(advantage) / len(advantage)) ** 2 for a in advantage) / len(advantage)), 1e-12)
    expected = [math.exp(min(max(a / b, -3.0), 3.0)) for a in advantage]
    np.testing.assert_allclose(weigh(advantage), expected, rtol=1e-6)


@settings(max_examples=40)
@given(ADVANTAGES)
def test_binary_takes_the_top_of_a_sorted_list(advantage):
    config = WeightConfig(rule="binary")
    least = sorted(advantage)[math.ceil(0.7 * (len(advantage) - 1) - 1e-9)]
    np.testing.assert_array_equal(weigh(advantage, config), [float(a >= least) for a in advantage])


@settings(max_examples=40)
@given(ADVANTAGES)
def test_zscore_is_that_of_a_loop(advantage):
    mean = sum(advantage) / len(advantage)
    std = max(math.sqrt(sum((a - mean) ** 2 for a in advantage) / len(advantage)), 1e-12)
    expected = [min(math.exp(min((a - mean) / std, 50)), 20.0) for a in advantage]
    np.testing.assert_allclose(weigh(advantage, WeightConfig(rule="zscore")), expected, rtol=1e-5)


def test_binary_takes_thirty_percent_of_distinct_advantages():
    assert weigh(np.random.default_rng(0).permutation(1000), WeightConfig(rule="binary")).sum() == 300


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=25)
@given(ADVANTAGES, st.sampled_from(["weighted", "forced_positive"]), st.sampled_from(["kept", "dropped"]), st.data())
def test_weights_are_finite_not_negative_and_rise_with_the_advantage(rule, advantage, human, failures, data):
    config, n = WeightConfig(rule=rule, human=human, failures=failures), len(advantage)
    source = np.array(data.draw(st.lists(st.sampled_from([DEMO, AUTONOMOUS, BY_HUMAN]), min_size=n, max_size=n)))
    failed = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    weight = weigh(advantage, config, Labels(source, ~failed, failed))
    assert np.isfinite(weight).all() and (weight >= 0).all()
    for person in (False, True):
        alike = np.isin(source, (DEMO, BY_HUMAN)) == person
        alike &= ~failed if failures == "dropped" else True
        assert (np.diff(weight[alike][np.argsort(advantage[alike], kind="stable")]) >= -1e-9).all()


@pytest.mark.parametrize("rule", ["binary", "zscore", "uniform"])
@settings(max_examples=25)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=30), st.integers(-50, 50))
def test_only_differences_of_advantages_count(rule, advantage, shift):
    config, advantage = WeightConfig(rule=rule), np.array(advantage, float)
    np.testing.assert_allclose(weigh(advantage + shift, config), weigh(advantage, config), rtol=1e-6)


@settings(max_examples=25)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=30), st.floats(0.1, 10))
@example([3, 3, 3], 1.2874084852812244)  # equal, and their mean is another number by rounding
def test_the_unit_of_the_advantage_does_not_count(advantage, unit):
    advantage = np.array(advantage, float)
    for rule in RULES:
        found = [weigh(a, WeightConfig(rule=rule)) for a in (advantage, advantage * unit)]
        np.testing.assert_allclose(*found, rtol=1e-6)


def test_what_people_did_is_good_at_least_when_forced():
    advantage = np.arange(10.0)
    source = np.array([DEMO, BY_HUMAN] + [AUTONOMOUS] * 8)
    forced = WeightConfig(human="forced_positive", rule="binary")
    assert weigh(advantage, forced, labels(10, source)).tolist() == [1, 1, 0, 0, 0, 0, 0, 1, 1, 1]
    unknown = np.where(source == AUTONOMOUS, advantage, np.nan)
    assert weigh(unknown, forced, labels(10, source))[:2].tolist() == [1, 1]
    weight = weigh(advantage, WeightConfig(human="forced_positive"), labels(10, source))
    assert weight[0] == weight[1] == weight[advantage == good_from(advantage, CONFIG)]


def test_a_policy_is_told_that_the_top_and_all_that_people_did_is_good():
    advantage = np.arange(10.0)
    source = np.array([DEMO, BY_HUMAN] + [AUTONOMOUS] * 8)
    failed = np.arange(10) % 2 == 1
    known = labels(10, source, failed)
    assert np.flatnonzero(good_chunks(advantage, known, CONFIG)).tolist() == [0, 1, 7, 8, 9]
    for other in (WeightConfig(rule="zscore", human="weighted"), WeightConfig(failures="dropped")):
        assert (good_chunks(advantage, known, other) == good_chunks(advantage, known, CONFIG)).all()
    assert np.flatnonzero(good_chunks(advantage, known, WeightConfig(top=0.1))).tolist() == [0, 1, 9]


def test_chunks_of_failures_can_be_dropped_and_unknown_ones_weigh_nothing():
    advantage = np.array([0.0, 1.0, np.nan, 2.0])
    failed = np.array([False, True, False, True])
    kept = weigh(advantage, CONFIG, labels(4, failure=failed))
    assert (kept > 0).tolist() == [True, True, False, True]
    dropped = weigh(advantage, WeightConfig(failures="dropped"), labels(4, failure=failed))
    assert dropped.tolist() == [kept[0], 0, 0, 0]
    with pytest.raises(ValueError, match="no chunk has a known advantage"):
        weigh([np.nan])


def test_methods_without_a_critic_choose_by_who_acted_and_how_it_ended():
    source = np.array([DEMO, DEMO, AUTONOMOUS, AUTONOMOUS, BY_HUMAN, BY_HUMAN])
    success = np.array([True, False, True, False, True, False])
    known = Labels(source, success, ~success)
    assert by_label("filtered_bc", known, CONFIG).tolist() == [1, 0, 1, 0, 1, 0]
    assert by_label("hg_dagger", known, CONFIG).tolist() == [1, 0, 0, 0, 1, 1]
    assert by_label("uniform", known, CONFIG).tolist() == [1] * 6
    assert by_label("uniform", known, WeightConfig(failures="dropped")).tolist() == [1, 0, 1, 0, 1, 0]


@given(st.lists(st.sampled_from([DEMO, AUTONOMOUS, BY_HUMAN]), min_size=1, max_size=12), st.floats(0.05, 0.95))
def test_corrections_get_the_share_of_the_weight_that_they_are_to_have(source, share):
    source = np.array(source)
    config, known = WeightConfig(correction_share=share), labels(len(source), source)
    plain = by_label("uniform", known, config)
    shared = with_shares(plain, source, config)
    human = source == BY_HUMAN
    assert shared.sum() == pytest.approx(plain.sum())
    if human.any() and not human.all():
        assert shared[human].sum() == pytest.approx(share * shared.sum())
        assert len(np.unique(shared[human])) == len(np.unique(shared[~human])) == 1
    else:
        assert (shared == plain).all()


@settings(max_examples=25)
@given(arrays(float, (4, 3), elements=st.floats(-1, 0)))
def test_softmax_over_a_states_own_chunks_is_that_of_a_loop_and_one_on_average(q):
    weight = by_softmax(q, CONFIG)
    b = max(0.5 * (q - q.mean(0)).std(), 1e-12)
    for state in range(3):
        powers = [math.exp(max((q[n, state] - q[:, state].max()) / b, -700)) for n in range(4)]
        np.testing.assert_allclose(weight[:, state], [4 * p / sum(powers) for p in powers], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(weight.mean(0), 1.0)


def test_weights_are_described():
    weight, source = np.exp([-3.0, 0.0, 1.0, 3.0]), np.array([0, 1, 2, 2])
    found = statistics(weight, source, CONFIG, "exp_clip")
    assert found["effective_sample_size"] == pytest.approx(weight.sum() ** 2 / (4 * (weight**2).sum()))
    assert found["clipped"] == 0.5
    total = weight.sum()
    shares = {"demo": weight[0] / total, "autonomous": weight[1] / total, "human": weight[2:].sum() / total}
    assert found["share"] == pytest.approx(shares)
    half = statistics(np.array([1.0, 0.0]), source[:2], CONFIG, "")
    assert (half["clipped"], half["chunks"], half["positive"]) == (0.0, 2, 1)
    assert "good" not in half
    shared = statistics(weight, source, replace(CONFIG, correction_share=0.5), "exp_clip")
    assert (shared["clipped"], shared["share"]["human"]) == (0.5, pytest.approx(0.5))
    told = statistics(np.ones(4), np.array([1, 1, 1, 2]), CONFIG, "", np.array([True, False, False, True]))
    assert told["good"] == pytest.approx({"autonomous": 1 / 3, "human": 1.0})
