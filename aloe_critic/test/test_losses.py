"""Targets and losses against loops of five lines, and against chains whose values are known in closed form."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_critic.losses import (
    AGGREGATIONS,
    LOSSES,
    aggregate,
    critic_loss,
    hl_gauss,
    ranking_loss,
    return_bounds,
    support,
    td_target,
    two_hot,
    value,
)
from aloe_data.transitions import RewardConfig, chunk_returns

REWARD = RewardConfig(discount=0.97)


def targets(starts, stop, terminal, failure, h, next_value, reward=REWARD):
    """td_target of chunks of one segment that ends before `stop`."""
    n = len(starts)
    full = [np.full(n, x) for x in (stop, terminal, failure)]
    parts = chunk_returns(np.array(starts), *full, h, reward)
    tensors = [torch.from_numpy(x) for x in (parts.reward, parts.discount, parts.mask)]
    return td_target(torch.full((n,), next_value), *tensors)


@given(
    length=st.integers(1, 40),
    h=st.sampled_from([1, 5, 25]),
    end=st.sampled_from(["success", "failure", "timeout"]),
    gamma=st.floats(0.9, 0.999),
    next_value=st.floats(-1.0, 0.0),
)
@settings(max_examples=40)
def test_targets_are_those_of_a_loop_over_ticks(length, h, end, gamma, next_value):
    reward = RewardConfig(discount=gamma)
    found = targets(range(length), length, end != "timeout", end == "failure", h, next_value, reward)
    for start in range(length):
        y, stop = 0.0, min(start + h, length)
        for tick in range(start, stop):
            y -= gamma ** (tick - start) * ((1 - gamma) + (end == "failure" and tick == length - 1))
        if end == "timeout" or stop < length:
            y += gamma ** (stop - start) * next_value
        assert found[start] == pytest.approx(y, abs=1e-5)


def test_only_a_true_end_stops_the_bootstrap():
    starts = [0, 5, 7]
    for terminal, failure, sees in [(1, 0, [True, False, False]), (1, 1, [True, False, False]), (0, 0, [True] * 3)]:
        change = targets(starts, 10, terminal, failure, 5, -1.0) - targets(starts, 10, terminal, failure, 5, 0.0)
        assert (change != 0).tolist() == sees


def test_a_chunk_cut_by_a_timeout_bootstraps_with_the_discount_of_the_steps_it_had():
    y = targets([7], 10, 0, 0, 5, -0.5)
    assert y.item() == pytest.approx(0.97**3 - 1 - 0.5 * 0.97**3, abs=1e-6)


@pytest.mark.parametrize("h", [1, 5, 25])
def test_a_tabular_chain_reaches_its_value_in_closed_form(h):
    """At every chunk's beginning pi goes on with probability p, else it fails in the middle of the chunk.

    With g = gamma^h, f = Q(fail): V_0 = 0 and V_n = p (g - 1 + g V_{n-1}) + (1 - p) f, a geometric sum.
    """
    p, chain, gamma, fails_after = 0.8, 12, REWARD.discount, h // 2 + 1
    length = chain * h
    starts = list(range(0, length, h))
    go, fail = torch.zeros(1, chain), torch.zeros(1, chain)
    for _ in range(chain + 1):  # value iteration: once per link
        after = torch.cat([aggregate(p * go + (1 - p) * fail, "mean")[1:], torch.zeros(1)])
        on = [targets([s], length, 1, 0, h, v.item()) for s, v in zip(starts, after, strict=True)]
        down = [targets([s], s + fails_after, 1, 1, h, v.item()) for s, v in zip(starts, after, strict=True)]
        go, fail = torch.cat(on)[None], torch.cat(down)[None]
    g, f = gamma**h, gamma**fails_after - 1 - gamma ** (fails_after - 1)
    c, ratio, left = p * (g - 1) + (1 - p) * f, p * g, chain - np.arange(chain)
    v = c * (1 - ratio**left) / (1 - ratio)
    v_after = c * (1 - ratio ** (left - 1)) / (1 - ratio)
    np.testing.assert_allclose(fail[0], np.full(chain, f), atol=1e-5)
    np.testing.assert_allclose(go[0], g - 1 + g * v_after, atol=1e-5)
    np.testing.assert_allclose(p * go[0] + (1 - p) * fail[0], v, atol=1e-5)


def test_every_aggregation_is_that_of_a_loop():
    q = torch.tensor([[1.0, -4.0], [2.0, 0.0], [6.0, -2.0]])
    columns = q.T.tolist()
    assert aggregate(q, "min").tolist() == [min(c) for c in columns]
    assert aggregate(q, "mean").tolist() == [sum(c) / 3 for c in columns]
    expected = [np.mean(c) - 0.5 * np.std(c) for c in columns]
    np.testing.assert_allclose(aggregate(q, "mean-std", kappa=0.5), expected, rtol=1e-6)
    assert aggregate(q, "redq", pair=torch.tensor([2, 1])).tolist() == [2.0, -2.0]
    torch.manual_seed(0)
    drawn = {tuple(aggregate(q, "redq").tolist()) for _ in range(50)}
    assert drawn == {(1.0, -4.0), (2.0, -2.0)}
    with pytest.raises(ValueError, match="unknown aggregation"):
        aggregate(q, "median")
    assert all(torch.isfinite(aggregate(q[:1], how)).all() for how in AGGREGATIONS)


@pytest.mark.parametrize(("gamma", "cost"), [(0.9, 1.0), (0.995, 0.0), (0.99, 3.0), (1.0, 1.0)])
def test_no_return_leaves_the_bounds(gamma, cost):
    reward = RewardConfig(discount=gamma, failure_cost=cost)
    low, high = return_bounds(reward)
    for length in (1, 2, 10, 1000):
        zero = np.zeros(1, np.int64)
        for failure in (0, 1):
            found = chunk_returns(zero, zero + length, zero + 1, zero + failure, length, reward).reward
            assert low - 1e-6 <= found[0] <= high


@given(target=st.floats(-1.005, 0.0), kind=st.sampled_from([hl_gauss, two_hot]))
@settings(max_examples=30)
def test_the_best_distribution_for_a_target_has_it_as_its_value(target, kind):
    z = support((-1.005, 0.0), 51)
    out = torch.zeros(1, 1, 51, requires_grad=True)
    gradient = torch.autograd.grad(kind(out, torch.tensor([target]), z).sum(), out)[0]
    best = (1 / 51 - gradient).clamp(min=1e-30).log()  # the gradient is softmax(out) - weight
    assert value(best, z).item() == pytest.approx(target, abs=1e-3)


def test_losses_come_per_critic_and_sample_and_are_least_at_the_target():
    z, y = support((-1.0, 0.0), 21), torch.tensor([-0.9, -0.5, -0.1])
    for loss in LOSSES.values():
        out = (-50 * (z - y[:, None]).square()).expand(4, -1, -1)
        assert loss(out, y, z).shape == (4, 3)
        assert loss(out, y, z).mean() < loss(out, y.flip(0), z).mean()
    scalar = torch.full((4, 3, 1), -0.5)
    assert critic_loss(scalar, y, support((-1.0, 0.0), 1), "hl_gauss").item() == pytest.approx(0.32 / 3)


def test_a_categorical_value_cannot_leave_its_support():
    z = support((-1.0, 0.0), 51)
    assert z[0] > -1.08 and z[-1] < 0.08
    assert value(torch.full((1, 1, 51), 0.0).index_fill(-1, torch.tensor([50]), 1e6), z).item() == z[-1]
    with pytest.raises(ValueError, match="at least 8"):
        support((-1.0, 0.0), 7)


def test_ranking_asks_for_a_margin_and_no_more():
    better, worse = torch.tensor([[0.0, -0.1, -1.0]]), torch.tensor([[-0.5, -0.15, -0.5]])
    assert ranking_loss(better, worse, 0.1).item() == pytest.approx((0 + 0.05 + 0.6) / 3)


def test_values_are_not_rounded_where_networks_compute_in_bfloat16():
    out, bins = torch.randn(2, 64, 51), support((-1.0, 0.0), 51)
    with torch.autocast("cpu", torch.bfloat16):
        found = value(out, bins)
    torch.testing.assert_close(found, out.softmax(-1) @ bins, rtol=0, atol=1e-6)
