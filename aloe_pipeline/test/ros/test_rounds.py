"""The stages that `rounds` is itself, and what it refuses before anything starts."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import critic_store as made
import pytest

from aloe_critic.ros import weigh
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.installed_files import find_rig_file
from aloe_data.recording import RecordingError
from aloe_data.rig_file import load_rig
from aloe_pipeline.ros import rounds
from aloe_pipeline.ros.assets import assets_folder
from aloe_pipeline.ros.run_plan import store_to_begin_with
from aloe_pipeline.rounds.options import METHODS, WITH_CRITIC, LoopOptions
from aloe_pipeline.rounds.plan import Plan
from aloe_pipeline.rounds.run_folder import VERSION, RunFolder
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store

CONFIG = Path(__file__).parents[3] / "config"


def call(monkeypatch, *words):
    """The command, in this process; what it ends with."""
    monkeypatch.setattr(sys, "argv", ["rounds", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        rounds.main()
    return str(end.value)


def test_methods_are_those_that_weigh_knows():
    assert set(METHODS) == set(weigh.METHODS) and set(WITH_CRITIC) == set(weigh.ASKING)


def test_facts_of_episodes_tell_who_acted_and_who_took_over(tmp_path):
    made.write_store(tmp_path / "store", tmp_path / "bags", "encoder", ("success", "failure"), human_from=20)
    first, second = rounds.episode_facts(EpisodeStore(tmp_path / "store", made.RIG, made.SIZE), made.RIG)
    assert (first.takeovers, second.takeovers) == (1, 0)
    assert first.ticks == {"demo": 0, "human": 40, "autonomous": 20}
    assert second.ticks == {"demo": 0, "human": 0, "autonomous": 60}
    assert (first.verdict, second.verdict) == ("success", "failure")
    assert first.length_s == pytest.approx(59 * 0.02)


class Rollouts:
    """collect.launch.py, of whose episodes every third ends without a verdict that counts."""

    def __init__(self, monkeypatch, code=0, gives=True):
        self.asked, self.usable, self.code, self.gives = [], 0, code, gives
        monkeypatch.setattr(subprocess, "run", self._run)
        monkeypatch.setattr(rounds, "_usable", lambda _: self.usable)

    def _run(self, command, check):
        given = dict(word.split(":=") for word in command if ":=" in word)
        self.asked.append(int(given["episodes"]))
        self.usable += -(-2 * self.asked[-1] // 3) if self.gives else 0
        return subprocess.CompletedProcess(command, self.code)


def collect(tmp_path, **more):
    stage = rounds.CollectStage(record=tmp_path / "bags", episodes=10, out=tmp_path / "collected.json", **more)
    rounds.collect(stage, ["seed:=7"])
    return json.loads(stage.out.read_text())


def test_collecting_goes_on_until_there_are_enough_episodes_that_ended(monkeypatch, tmp_path):
    rollouts = Rollouts(monkeypatch)
    assert collect(tmp_path) == {"episodes": 10}
    assert rollouts.asked == [10, 3, 1]


def test_what_was_collected_before_an_interruption_counts(monkeypatch, tmp_path):
    rollouts = Rollouts(monkeypatch)
    rollouts.usable = 9
    collect(tmp_path)
    assert rollouts.asked == [1]


def test_a_simulated_rollout_that_broke_off_is_begun_again(monkeypatch, tmp_path):
    Rollouts(monkeypatch, code=1)
    assert collect(tmp_path, again=True) == {"episodes": 10}


@pytest.mark.parametrize("fault", [{"code": 1}, {"gives": False}, {"gives": False, "code": 1}])
def test_a_real_one_is_not_and_one_that_gives_nothing_not_for_ever(monkeypatch, tmp_path, fault):
    rollouts, simulated = Rollouts(monkeypatch, **fault), "gives" in fault
    with pytest.raises(RecordingError, match="broke off; the reason stands above"):
        collect(tmp_path, again=simulated)
    assert len(rollouts.asked) == (3 if simulated else 1) and not (tmp_path / "collected.json").exists()


def test_a_run_may_begin_with_what_was_ingested_before_and_leaves_that_as_it_was(setting, tmp_path):
    new = {"rig": setting.rig, "policy": setting.policy, "store": str(tmp_path / "run" / "store")}
    stage = rounds.IngestStage(begin_with=setting.store, out=tmp_path / "run" / "episodes.json", **new)
    rounds.ingest(stage)
    known = [EpisodeStore(Path(folder), made.RIG, made.SIZE).bags for folder in (setting.store, stage.store)]
    assert known[0].keys() == known[1].keys() and len(json.loads(stage.out.read_text())) == len(known[1])
    added = made.episode(9, "success")
    EpisodeStore(Path(stage.store), made.RIG, made.SIZE).append(added, "another", "another")
    rounds.ingest(stage)
    kept = [EpisodeStore(Path(folder), made.RIG, made.SIZE).bags for folder in (setting.store, stage.store)]
    assert kept[0].keys() == known[0].keys() and "another" in kept[1]


def test_a_store_that_is_none_is_refused_before_anything_starts(monkeypatch, tmp_path, policy):
    said = call(monkeypatch, "loop", "--run", tmp_path / "run", "--policy", policy[0], "--store", tmp_path / "nothing")
    assert f"{tmp_path / 'nothing'}: no store of episodes" in said and not (tmp_path / "run").exists()


@pytest.fixture
def shipped():
    return assets_folder()


@pytest.fixture
def begins_with(shipped, tmp_path):
    """The store that a run begins with which is asked for so."""

    def ask(rig_file=CONFIG / "rig_sim.yaml", **given):
        options = LoopOptions(**given)
        policy = shipped / options.task
        plan = Plan(RunFolder(tmp_path / "run"), options, rig_file, True, policy, tmp_path / "run" / "store")
        return store_to_begin_with(options, plan, options.task)

    return ask


def test_a_shipped_policy_brings_its_demonstrations_and_they_were_seen_through_its_eyes(shipped, begins_with):
    assert begins_with(task="phone_packing") == str(shipped.resolve() / "phone_packing_demonstrations")
    for demos in shipped.glob("*_demonstrations"):
        task = demos.name.removesuffix("_demonstrations")
        files = {"rig": find_rig_file("sim", CONFIG), "policy": shipped / task}
        known = StoreConfig(**files, store=str(demos))
        store, _ = open_store(known, matching_policy(known, load_rig(known.rig)))
        assert {(e.policy, e.verdict) for e in store.bags.values()} == {("expert", "success")}
        assert not any(Path(e.bag).is_absolute() for e in store.bags.values())


@pytest.mark.parametrize("given", [{"policy": "mine"}, {"bags": "mine"}, {"store": "false"}, {"task": "sorting"}])
def test_they_are_left_out_where_others_are_given_or_none_are_wanted_or_come(given, begins_with):
    assert begins_with(**{"task": "phone_packing", **given}) == ""


def test_a_store_that_is_given_comes_before_them(shipped, begins_with, tmp_path):
    mine = shutil.copytree(shipped / "phone_packing_demonstrations", tmp_path / "mine")
    assert begins_with(task="phone_packing", store=str(mine)) == str(mine)


def test_for_a_rig_of_ones_own_they_are_left_out_but_not_what_was_asked_for(shipped, begins_with, tmp_path, capsys):
    shutil.copytree(CONFIG, tmp_path / "config")
    rig_file = tmp_path / "config" / "rig_sim.yaml"
    rig_file.write_text(rig_file.read_text().replace("name: sim_bimanual", "name: mine"))
    assert begins_with(rig_file, task="phone_packing") == ""
    assert "are for another rig, and left out" in capsys.readouterr().out
    with pytest.raises(StoreError, match="rig is 'sim_bimanual', not 'mine'"):
        begins_with(rig_file, task="phone_packing", store=str(shipped / "phone_packing_demonstrations"))


def test_a_folder_without_bags_is_refused(monkeypatch, tmp_path):
    assert "no bags found" in call(monkeypatch, "improve", "--bags", tmp_path)


def test_options_that_cannot_go_together_are_refused_for_one_improvement_too(monkeypatch, tmp_path):
    bag = tmp_path / "bags" / "ep_0000"
    bag.mkdir(parents=True)
    (bag / "ep_0000_0.mcap").touch()
    said = call(monkeypatch, "improve", "--bags", bag.parent, "--n-action-steps", 4)
    assert "would never be followed" in said and not (tmp_path / "bags_improved").exists()


def test_an_improvement_that_was_begun_with_another_method_is_left_as_it_is(monkeypatch, tmp_path, policy):
    bag = tmp_path / "bags" / "ep_0000"
    bag.mkdir(parents=True)
    (bag / "ep_0000_0.mcap").touch()
    out = tmp_path / "bags_improved"
    out.mkdir()
    facts = {"folder": str(out), "kind": "improve", "method": "awr", "bags": str(bag.parent)}
    (out / "run.json").write_text(json.dumps({"version": VERSION, "facts": facts}))
    said = call(monkeypatch, "improve", "--bags", bag.parent, "--policy", policy[0], "--task", "sorting")
    assert "method was 'awr', is 'aloe'" in said and "policy was None" in said


def test_a_task_without_a_policy_is_refused_by_name(monkeypatch, tmp_path):
    said = call(monkeypatch, "loop", "--run", tmp_path / "run", "--task", "laundry_folding")
    assert "no checkpoint comes for the task 'laundry_folding'; choose the folder" in said


def test_a_run_begun_for_another_task_is_refused(monkeypatch, tmp_path, policy):
    run = tmp_path / "run"
    run.mkdir()
    begun = {"folder": str(run), "kind": "loop", "rig": "sim_bimanual", "task": "phone_packing"}
    (run / "run.json").write_text(json.dumps({"version": VERSION, "facts": begun}))
    said = call(monkeypatch, "loop", "--run", run, "--task", "sorting", "--policy", policy[0])
    assert "task was 'phone_packing', is 'sorting'" in said and "name another folder" in said


def test_a_critic_that_failed_ends_the_command_with_the_reason(monkeypatch, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"passed": False, "judgement": ["it ignores the action"]}))
    words = ("gate", "--critic", tmp_path, "--out", tmp_path / "gate.json")
    assert "failed its gates: it ignores the action" in call(monkeypatch, *words)
    assert not (tmp_path / "gate.json").exists()
    monkeypatch.setattr(sys, "argv", ["rounds", *map(str, words), "--force"])
    rounds.main()
    found = json.loads(Path(tmp_path / "gate.json").read_text())
    assert found["used"] and not found["passed"]


def test_a_round_that_goes_on_without_its_critic_says_why(monkeypatch, tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps({"passed": False, "judgement": ["it ignores the action"]}))
    words = ("gate", "--critic", tmp_path, "--out", tmp_path / "gate.json", "--failed-critic", "without")
    monkeypatch.setattr(sys, "argv", ["rounds", *map(str, words)])
    rounds.main()
    assert "failed its gates (it ignores the action): this round goes on without it" in capsys.readouterr().out
    assert not json.loads(Path(tmp_path / "gate.json").read_text())["used"]
