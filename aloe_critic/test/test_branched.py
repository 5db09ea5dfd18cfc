"""What branches of a state say about a critic's order of chunks."""

from dataclasses import fields

import numpy as np
import pytest

from aloe_critic.branched import Branches, ceiling, fall, knowable, load_branches, nearness, outranks, rank
from aloe_data.config import ConfigError

KINDS = np.array(["expert", "policy", "policy", "blunder"])


def worth(*means):
    """Returns [1, m, 4] of one state."""
    return np.array(means)[None, :, None] + np.zeros(4)


def test_an_order_like_the_returns_is_right_always_and_its_reverse_never():
    returns = worth(-0.1, -0.3, -0.5, -0.9)
    right, wrong = (rank(sign * returns.mean(-1), returns, KINDS) for sign in (1, -1))
    assert (right.all, right.policy, right.foreign, right.pairs) == (1.0, 1.0, 1.0, (6, 1))
    assert (wrong.all, wrong.policy, wrong.foreign) == (0.0, 0.0, 0.0)


def test_chunks_that_are_worth_the_same_are_no_pairs_and_equal_scores_count_half():
    found = rank(np.zeros((1, 4)), worth(-0.1, -0.5, -0.51, -0.9), KINDS)
    assert found.all == 0.5
    assert found.pairs == (5, 0)
    assert np.isnan(found.policy)


def test_the_ceiling_is_one_for_certain_outcomes_and_one_half_for_chance():
    rng = np.random.default_rng(0)
    assert ceiling(worth(-0.1, -0.3, -0.5, -0.9), KINDS).all == 1.0
    assert abs(ceiling(rng.uniform(-1, 0, (400, 4, 4)), KINDS).all - 0.5) < 0.05


@pytest.mark.parametrize(("states", "chunks", "continuations"), [(0.2, 0.0, 0.0), (0.1, 0.1, 0.1), (0.1, 0.0, 0.2)])
def test_what_can_be_known_is_split_into_state_chunk_and_what_follows(states, chunks, continuations):
    rng = np.random.default_rng(0)
    returns = sum(
        std * rng.normal(size=shape)
        for std, shape in ((states, (3000, 1, 1)), (chunks, (3000, 4, 1)), (continuations, (3000, 4, 6)))
    )
    found = knowable(returns + np.zeros((3000, 4, 6)), returns + np.zeros((3000, 4, 6)) > 0, KINDS)
    total = states**2 + chunks**2 + continuations**2
    shares = np.array([states, chunks, continuations]) ** 2 / total
    assert [found.states, found.chunks, found.continuations] == pytest.approx(shares, abs=0.04)


def test_what_the_advantage_can_know_is_chance_where_chunks_do_not_matter_and_more_where_they_do():
    rng = np.random.default_rng(0)
    state, chunk = rng.normal(size=(3000, 1, 1)), rng.normal(size=(3000, 4, 1))
    luck = rng.normal(size=(3000, 4, 6))
    alike, differing = state + luck, state + chunk + luck
    assert abs(knowable(alike, alike > 0, KINDS).advantage_auc - 0.5) < 0.02
    assert knowable(differing, differing > 0, KINDS).advantage_auc > 0.6
    assert knowable(differing, differing > 0, KINDS).value_auc > 0.6


def test_one_kind_outranks_another_in_the_states_in_which_it_scores_higher():
    scores = np.array([[0.9, 0, 0, 0.1], [0.2, 0, 0, 0.8], [0.7, 0, 0, 0.1], [0.3, 0, 0, 0.3]])
    assert outranks(scores, KINDS, "expert", "blunder") == (1 + 0 + 1 + 0.5) / 4


def test_success_in_no_time_is_worth_nothing_lost_and_no_success_everything():
    ticks = np.array([[[0, 100, -1]]])
    parts = {field.name: np.zeros(0) for field in fields(Branches) if field.name != "ticks"}
    assert Branches(**parts, ticks=ticks).returns(0.99)[0, 0] == pytest.approx([0.0, 0.99**100 - 1, -1.0])


def test_the_control_prefers_what_is_near_to_the_policys_mean():
    chunks = np.zeros((1, 4, 2, 3))
    chunks[0, 0], chunks[0, 3] = 0.5, 2.0
    scores = nearness(chunks, KINDS)
    assert scores[0, 1] == scores[0, 2] > scores[0, 0] > scores[0, 3]


def test_the_largest_fall_is_found_at_the_chunk_that_is_worse_than_the_one_before_it():
    ticks = np.arange(0, 200, 5)
    values = np.where(ticks < 120, -0.2, -0.8) + 1e-3 * ticks
    assert fall(values, ticks, span=25) == 120


def test_a_file_without_branches_is_named(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(ConfigError, match="no branches"):
        load_branches(tmp_path / "other.npz")
