"""A critic that cannot be trusted is not used, nor is a candidate that is no better."""

import json

import made_run as made
import pytest

from aloe_data.config import ConfigError
from aloe_pipeline.promotion import PromotionConfig
from aloe_pipeline.rounds.gates import GateError, judge_candidate, pass_critic


@pytest.fixture
def critic(tmp_path):
    def write(passed):
        text = json.dumps(
            {"passed": passed, "judgement": ["the critic ignores the action (shuffle_gap 0.02, gate 0.3)"]}
        )
        (tmp_path / "config.json").write_text(text)
        return tmp_path

    return write


def test_a_critic_that_failed_its_gates_ends_the_round_with_the_reason(critic):
    with pytest.raises(GateError, match=r"ignores the action \(shuffle_gap 0.02, gate 0.3\).*force:=true"):
        pass_critic(critic(False), force=False)


def test_a_round_may_do_without_a_critic_that_failed_and_only_without_such_a_one(critic):
    assert not pass_critic(critic(False), force=False, without=True).used
    assert pass_critic(critic(False), force=True, without=True).used
    assert pass_critic(critic(True), force=False, without=True).used


def test_one_may_insist_and_that_is_kept(critic):
    forced = pass_critic(critic(False), force=True)
    assert (forced.passed, forced.used) == (False, True)
    assert pass_critic(critic(True), force=True).passed


def test_a_critic_that_is_not_there_is_said(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        pass_critic(tmp_path / "nothing", force=False)


@pytest.mark.parametrize(("rate", "taken"), [(0.9, True), (0.32, False), (0.1, False)])
def test_a_candidate_is_used_where_its_episodes_prove_it_better(tmp_path, rate, taken):
    for name, share in (("new", rate), ("old", 0.3)):
        (tmp_path / name).write_text(json.dumps(made.evaluation(share)))
    made_up = judge_candidate(tmp_path, [tmp_path / "new"], [tmp_path / "old"], PromotionConfig())
    assert made_up.taken == taken and "15 of 50" in made_up.reason


def test_all_evaluations_count_together(tmp_path):
    for block in range(2):
        one = made.evaluation(0.5, 10)
        one["episodes"] = [[900_000 + 10 * block + k, *row[1:]] for k, row in enumerate(one["episodes"])]
        (tmp_path / str(block)).write_text(json.dumps(one))
    files = [tmp_path / "0", tmp_path / "1"]
    assert "10 of 20 against 10 of 20" in judge_candidate(tmp_path, files, files, PromotionConfig()).reason


def test_what_nothing_measures_waits_for_a_person(tmp_path):
    made_up = judge_candidate(tmp_path, [], [], PromotionConfig())
    assert not made_up.taken
    assert "not used: nothing was measured; try it on the rig, on trial (/policy/load)" in made_up.sentence


def test_a_person_may_say_that_the_next_rollout_is_its_evaluation(tmp_path):
    made_up = judge_candidate(tmp_path, [], [], PromotionConfig(), take_untested=True)
    assert made_up.taken and "the next rollout is its evaluation" in made_up.sentence
