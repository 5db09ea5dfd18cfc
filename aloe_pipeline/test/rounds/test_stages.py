"""Which commands a round consists of, and with which policy and scenes."""

import argparse
import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import made_run as made
import pytest

from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_data.episode_index import StoredEpisode
from aloe_pipeline.rounds.options import METHODS, WITH_CRITIC, ImproveOptions, LoopOptions, command_words
from aloe_pipeline.rounds.order import YIELDS, improvement, loop
from aloe_pipeline.rounds.plan import check
from aloe_pipeline.rounds.results import EpisodeFacts, write_episodes
from aloe_pipeline.rounds.stages import HELPED, WON, examples, without_critic

LOOP = LoopOptions(rounds=2, episodes=3)


def stages(tmp_path, options, choices=("promote",) * 3, simulated=True, trusted=True):
    """A run of which all stages were pretended, and the stages as they are really planned, by their outputs."""
    plan = made.make_plan(tmp_path, options, simulated)
    if not (plan.folder.path / "run.json").exists():
        made.begin(plan)
    runner = made.Pretender(plan, (0.3, 0.6, 0.7, 0.8), choices, trusted=trusted)
    runner.run(loop(plan, options))
    return plan, runner.planned


def word(stage, key):
    return stage.command[stage.command.index(key) + 1]


def test_a_taken_candidate_collects_and_is_improved_next(tmp_path):
    plan, planned = stages(tmp_path, LOOP)
    first, second = (planned[f"round_{n}/collected.json"] for n in (1, 2))
    assert f"policy:={plan.policy}" in first.command
    assert f"policy:={plan.candidate(1)}" in second.command
    assert word(planned["round_2/policy"], "--policy") == word(planned["round_2/critic"], "--policy")
    assert word(planned["round_2/policy"], "--policy") == str(plan.candidate(1))


@pytest.mark.parametrize("output", ["episodes.json", "critic", "weights.npz"])
def test_all_that_reads_frames_for_the_critic_is_told_its_encoder(tmp_path, output):
    _, planned = stages(tmp_path, replace(LOOP, rounds=1, critic_encoder="pretrained"))
    assert word(planned[f"round_1/{output}"], "--critic-encoder") == "pretrained"
    _, planned = stages(tmp_path / "other", replace(LOOP, rounds=1))
    assert "--critic-encoder" not in planned[f"round_1/{output}"].command


def test_in_continuous_mode_a_round_is_collected_and_the_one_before_learned_from_with_the_same_policy(tmp_path):
    plan, planned = stages(tmp_path, replace(LOOP, rounds=3, continuous=True))
    in_use = [plan.policy, plan.policy, plan.candidate(1), plan.candidate(2)]
    for number, (collector, learner) in enumerate(itertools.pairwise(in_use), start=1):
        collect, actor = planned[f"round_{number}/collected.json"], planned[f"round_{number}/policy"]
        assert f"policy:={collector}" in collect.command and collect.beside == (number > 1)
        assert word(actor, "--policy") == str(learner) and actor.nice == YIELDS
        assert str(plan.folder.bags(number + 1)) not in planned[f"round_{number}/episodes.json"].command


def test_in_continuous_mode_more_rounds_may_be_asked_of_a_run(tmp_path):
    options = replace(LOOP, continuous=True)
    plan, _ = stages(tmp_path, options)
    before = made.executed(plan)
    plan, _ = stages(tmp_path, replace(options, rounds=3))
    again = made.executed(plan)[len(before) :]
    assert again[0] == "round_3/collected.json" and all(name.startswith("round_3/") for name in again)


@pytest.mark.parametrize("choice", ["keep", "need more episodes"])
def test_the_old_policy_stays_where_a_candidate_is_not_better(tmp_path, choice):
    plan, planned = stages(tmp_path, LOOP, (choice, "keep"))
    assert f"policy:={plan.policy}" in planned["round_2/collected.json"].command
    assert word(planned["round_2/policy"], "--policy") == str(plan.policy)
    decisions = [stage for name, stage in planned.items() if name.startswith("round_2/decision")]
    assert all(str(plan.folder.round(0) / "evaluation_0.json") in stage.command for stage in decisions)


def test_scenes_go_on_from_round_to_round_and_held_out_ones_only_measure(tmp_path):
    _, planned = stages(tmp_path, LOOP)
    assert "seed:=200000" in planned["round_1/collected.json"].command
    assert "seed:=200003" in planned["round_2/collected.json"].command
    assert "--seeds=900000:900050" in planned["round_2/evaluation_0.json"].command


def test_more_scenes_are_asked_of_both_policies(tmp_path):
    _, planned = stages(tmp_path, replace(LOOP, rounds=1), ("need more episodes",))
    for made_by in ("start", "round_1"):
        seeds = [word_of(planned[f"{made_by}/evaluation_{block}.json"], "--seeds=") for block in range(4)]
        assert seeds == ["900000:900050", "900050:900100", "900100:900150", "900150:900200"]
    assert len([name for name in planned if "decision" in name]) == 4


def word_of(stage, key):
    return next(word.removeprefix(key) for word in stage.command if word.startswith(key))


def test_rounds_may_begin_with_the_warm_start(tmp_path):
    plan, planned = stages(tmp_path, replace(LOOP, begin="warm_start"))
    actor = planned["round_2/policy"]
    assert word(actor, "--policy") == str(plan.policy) and "--other-policy" in actor.command
    assert word(planned["round_2/critic"], "--policy") == str(plan.candidate(1))


@pytest.mark.parametrize("method", METHODS)
def test_methods_without_a_critic_do_without_its_stages(tmp_path, method):
    _, planned = stages(tmp_path, replace(LOOP, rounds=1, method=method))
    names = {stage.name for stage in planned.values()}
    asked = {"critic", "gate", "timeline_success", "timeline_failure"}
    assert names & asked == (asked if method in WITH_CRITIC else set())
    assert ("--critic" in planned["round_1/weights.npz"].command) == (method in WITH_CRITIC)


@pytest.mark.parametrize("method", WITH_CRITIC)
def test_a_round_whose_critic_failed_asks_no_critic_and_takes_no_options_meant_for_it(tmp_path, method):
    options = replace(LOOP, rounds=1, method=method, weigh_options="--rule zscore")
    _, planned = stages(tmp_path, options, trusted=False)
    weigh = planned["round_1/weights.npz"]
    assert word(weigh, "--method") == WON[0]  # no demonstrations are pretended
    assert "--critic" not in weigh.command and "--rule" not in weigh.command
    assert "round_1/policy" in planned


@pytest.mark.parametrize(("source", "expected"), [("demo", HELPED), ("autonomous", WON), ("human", WON)])
def test_corrections_stand_in_for_a_failed_critic_only_beside_demonstrations(tmp_path, source, expected):
    plan = made.make_plan(tmp_path, LOOP, True)
    plan.folder.round(1).mkdir(parents=True)
    facts = [EpisodeFacts(f"ep_{k}", k, "success", 5.0, 0, {"autonomous": 100, source: 100}) for k in range(2)]
    write_episodes(plan.folder.round(1) / "episodes.json", facts)
    assert without_critic(plan, 1) == expected


def test_whether_a_round_does_without_a_failed_critic_is_passed_on(tmp_path):
    _, planned = stages(tmp_path / "a", replace(LOOP, rounds=1))
    assert word(planned["round_1/gate.json"], "--failed-critic") == "without"
    _, planned = stages(tmp_path / "b", replace(LOOP, rounds=1, failed_critic="stop"))
    assert word(planned["round_1/gate.json"], "--failed-critic") == "stop"


@pytest.mark.parametrize("untested", ["keep", "take"])
def test_a_real_rig_is_not_evaluated_without_people(tmp_path, untested):
    options = replace(LOOP, untested=untested, prompt="pack the phone")
    _, planned = stages(tmp_path, options, ("left untested", "taken untested"), simulated=False)
    assert word(planned["round_1/decision_0.json"], "--untested") == untested
    assert "prompt:=pack the phone" in planned["round_1/collected.json"].command
    assert not [name for name in planned if "evaluation" in name]
    assert "--evaluated" not in planned["round_1/decision_0.json"].command
    assert not [word for word in planned["round_1/collected.json"].command if word.startswith("real_time_factor")]


def test_on_a_real_rig_a_person_may_go_on_with_the_last_candidate(tmp_path):
    options = replace(LOOP, prompt="pack the phone")
    plan, _ = stages(tmp_path, options, ("left untested",) * 2, simulated=False)
    before = made.executed(plan)
    longer = replace(options, rounds=3, untested="take")
    plan, planned = stages(tmp_path, longer, ("left untested", *["taken untested"] * 2), simulated=False)
    assert made.executed(plan)[len(before) :][:2] == ["round_2/decision_0.json", "round_3/collected.json"]
    assert f"policy:={plan.candidate(2)}" in planned["round_3/collected.json"].command


def test_more_rounds_may_be_asked_of_a_run_and_those_before_are_history(tmp_path):
    plan, _ = stages(tmp_path, LOOP)
    before = made.executed(plan)
    longer = replace(LOOP, rounds=3, critic_steps=7)
    plan, planned = stages(tmp_path, longer)
    again = made.executed(plan)[len(before) :]
    assert word(planned["round_3/critic"], "--steps") == "7"
    assert all(name.startswith("round_3/") for name in again)


def test_a_last_round_without_an_answer_is_gone_on_with_where_more_rounds_are_asked_for(tmp_path):
    plan, _ = stages(tmp_path, LOOP, ("promote", "need more episodes"))
    before = made.executed(plan)
    longer = replace(LOOP, rounds=3, evaluate_at_most=250)
    plan, _ = stages(tmp_path, longer, ("promote", "need more episodes", "keep"))
    again = made.executed(plan)[len(before) :]
    assert again[0] == "round_1/evaluation_4.json" and "round_2/evaluation_4.json" in again
    assert "round_2/policy" not in again and "round_3/policy" in again


def test_with_more_of_the_machine_nothing_is_done_anew(tmp_path):
    plan, _ = stages(tmp_path, LOOP)
    before = made.executed(plan)
    plan, planned = stages(tmp_path, replace(LOOP, threads=7))
    assert made.executed(plan) == before
    assert "--threads=7" in planned["round_2/critic"].command
    assert "--processes=7" in planned["round_2/evaluation_0.json"].command


def test_policies_are_measured_anew_where_the_rig_file_has_changed(tmp_path):
    plan, _ = stages(tmp_path, LOOP)
    before = made.executed(plan)
    plan.rig_file.write_text("slower")
    plan, _ = stages(tmp_path, LOOP)
    measured = [name for name in made.executed(plan)[len(before) :] if "evaluation" in name]
    assert measured == ["round_1/evaluation_0.json", "round_2/evaluation_0.json"]


def test_what_is_more_to_say_is_passed_on(tmp_path):
    options = replace(LOOP, rounds=1, critic_options="--num-critics 2", weigh_options="--rule zscore", force=True,
                      actor_steps=9, actor_options="--ema 0.9")  # fmt: skip
    _, planned = stages(tmp_path, options)
    assert word(planned["round_1/critic"], "--num-critics") == "2"
    weigh = planned["round_1/weights.npz"]
    assert word(weigh, "--failures") == "dropped" and weigh.command[-2:] == ("--rule", "zscore"), "the last word counts"
    assert (word(planned["round_1/policy"], "--ema"), word(planned["round_1/policy"], "--steps")) == ("0.9", "9")
    assert "--force" in planned["round_1/gate.json"].command


@pytest.mark.parametrize("method", ["aloe", "filtered_bc"])
def test_chunks_are_driven_judged_and_evaluated_in_the_same_steps(tmp_path, method):
    _, planned = stages(tmp_path, replace(LOOP, rounds=1, method=method, n_action_steps=10))
    assert "n_action_steps:=10" in planned["round_1/collected.json"].command
    judged = {"round_1/critic"} if method == "aloe" else set()
    told = {name for name, stage in planned.items() if "--n-action-steps=10" in stage.command}
    evaluations = {name for name in planned if "evaluation" in name}
    assert told == {"round_1/weights.npz", *judged, *evaluations} and evaluations


def test_evaluations_have_the_delay_that_chunks_have_on_the_robot(tmp_path):
    _, planned = stages(tmp_path, replace(LOOP, rounds=1, latency_ticks=6))
    evaluations = [stage for name, stage in planned.items() if "evaluation" in name]
    assert evaluations and all("--latency-ticks=6" in stage.command for stage in evaluations)


def test_one_improvement_collects_nothing(tmp_path):
    options = ImproveOptions(bags=str(tmp_path / "bags"))
    plan = made.begin(made.make_plan(tmp_path, options))
    first = next(iter(improvement(plan, options)))
    assert first.name == "ingest" and word(first, "--folders") == str(tmp_path / "bags")


def test_a_verdict_that_is_corrected_is_learned_from_wherever_it_lies(tmp_path):
    bag, stored = tmp_path / "bags" / "ep_0000", tmp_path / "other" / "ep_0007"
    for folder in (bag, stored):
        folder.mkdir(parents=True)
        (folder / "a.mcap").touch()
    facts = StoredEpisode(str(stored), "", "ep_0007", "", 7, "success", "", 0, 1, 0, 1)
    store = tmp_path / "demos_store"
    store.mkdir()
    (store / "episodes.jsonl").write_text(json.dumps(asdict(facts)) + "\n")
    options = replace(LOOP, rounds=1, bags=str(bag), store=str(store))
    plan, planned = stages(tmp_path, options)
    for folder in (bag.parent, stored.parent):
        assert plan.folder.is_done(planned["round_1/episodes.json"])
        (folder / "verdicts.jsonl").write_text("{}\n")
        assert not plan.folder.is_done(planned["round_1/episodes.json"])
        (folder / "verdicts.jsonl").unlink()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"begin": "warm_start", "method": "poco"}, "use begin:=previous"),
        ({"seed": 899_990}, "held out"),
        ({"seed": 900_000}, "held out"),
        ({"seed": 850_000, "rounds": 200, "episodes": 400}, "scene seed 900000 is held out"),
        ({"latency_ticks": 25}, "every 25 ticks .* would never be followed"),
        ({"latency_ticks": 10, "n_action_steps": 10}, "every 10 ticks"),
    ],
)
def test_what_cannot_go_together_is_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        check(replace(LOOP, **changes))


@pytest.mark.parametrize("seed", [899_987, 1_000_000])
def test_scenes_beside_the_held_out_ones_may_be_collected(seed):
    check(replace(LOOP, seed=seed))


def test_options_survive_their_way_through_a_command_line():
    options = LoopOptions(run="a b", force=True, critic_options="--num-critics 2", confidence=0.9, policy="")
    parser = argparse.ArgumentParser()
    add_arguments(parser, LoopOptions)
    assert from_arguments(LoopOptions, parser.parse_args(command_words(options))) == options


def test_examples_are_of_the_newest_data_and_tell_most(tmp_path):
    plan = made.make_plan(tmp_path, LOOP)
    for bag in ("ep_0000", "ep_0001", "ep_0002"):
        (plan.folder.bags(2) / bag).mkdir(parents=True)
        (plan.folder.bags(2) / bag / "a.mcap").touch()
    new = made.episodes(plan, 2)
    found = examples([*made.episodes(plan, 1), *new], plan.folder.bags(2))
    assert {outcome: bag.name for outcome, bag in found.items()} == {"success": "ep_0000", "failure": "ep_0002"}
    helped = examples(new[:2], plan.folder.bags(2))
    assert helped.keys() == {"success", "takeover"} and helped["takeover"].name == "ep_0001"
    assert examples([], plan.folder.bags(2)) == {}


def test_facts_of_episodes_come_back(tmp_path):
    facts = EpisodeFacts("bag", 3, "success", 1.5, 1, {"human": 4})
    write_episodes(tmp_path / "episodes.json", [facts])
    assert json.loads(Path(tmp_path / "episodes.json").read_text())[0]["ticks"] == {"human": 4}
