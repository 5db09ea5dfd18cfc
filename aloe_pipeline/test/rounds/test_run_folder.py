"""What was done is known, what changed is done again, and folders of another kind are refused."""

import hashlib
import json
from dataclasses import asdict

import made_run as made
import pytest

from aloe_data.config import ConfigError
from aloe_pipeline.rounds.options import LoopOptions
from aloe_pipeline.rounds.results import EpisodeFacts, read_episodes, write_episodes, write_json
from aloe_pipeline.rounds.run_folder import DONE, FAILED, INTERRUPTED, RunFolder
from aloe_pipeline.rounds.stage import Stage
from aloe_pipeline.rounds.stage_key import signature

FACTS = {"task": "sorting", "method": "aloe"}


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.begin(FACTS)
    return folder


@pytest.fixture
def stage(folder, tmp_path):
    (tmp_path / "data").write_text("1")
    here = folder.round(1)
    return Stage(1, "critic", "", ("train", "--steps", "3"), here / "critic", (tmp_path / "data",),
                 (here / "critic_training",), here / "critic_training" / "state.pt")  # fmt: skip


def do(folder, stage, event=DONE, seconds=1.0):
    command = folder.begin_stage(stage)
    if event == DONE:
        stage.output.mkdir(exist_ok=True)
    folder.end_stage(stage, event, seconds)
    return command


def test_a_stage_is_done_until_what_it_reads_or_does_changes(folder, stage, tmp_path):
    assert not folder.is_done(stage)
    do(folder, stage)
    assert folder.is_done(stage) and RunFolder(folder.path).is_done(stage)
    (tmp_path / "data").write_text("2")
    assert not folder.is_done(stage)
    (tmp_path / "data").write_text("1")
    longer = Stage(1, "critic", "", ("train", "--steps", "4"), stage.output, stage.inputs)
    assert folder.is_done(stage) and not folder.is_done(longer)


def test_a_stage_whose_output_is_gone_is_done_again(folder, stage):
    do(folder, stage)
    stage.output.rmdir()
    assert not folder.is_done(stage)


@pytest.mark.parametrize("event", [FAILED, INTERRUPTED])
def test_an_interrupted_training_goes_on_from_its_state(folder, stage, event):
    do(folder, stage, event)
    assert folder.begin_stage(stage) == stage.command, "nothing was saved: from the beginning"
    stage.state.parent.mkdir()
    stage.state.touch()
    assert folder.begin_stage(stage) == (*stage.command, "--resume")


def test_with_other_options_it_begins_anew_without_what_the_old_one_left(folder, stage):
    do(folder, stage, INTERRUPTED, seconds=5.0)
    stage.state.parent.mkdir()
    stage.state.touch()
    other = Stage(1, "critic", "", ("train",), stage.output, stage.inputs, stage.leaves, stage.state)
    assert do(folder, other, seconds=2.0) == ("train",)
    assert not stage.state.exists()
    assert [record.seconds for record in folder.records().values()] == [2.0]


def test_what_was_written_before_it_was_known_to_be_done_is_written_again(folder):
    stage = Stage(1, "weights", "", ("weigh",), folder.round(1) / "weights.npz")
    folder.begin_stage(stage)
    stage.output.touch()  # and then the power failed
    assert not folder.is_done(stage)
    assert folder.begin_stage(stage) == ("weigh",)
    assert not stage.output.exists(), "weigh writes over nothing"


def test_the_time_of_all_attempts_counts(folder, stage):
    do(folder, stage, INTERRUPTED, 5.0)
    stage.state.parent.mkdir()
    stage.state.touch()
    do(folder, stage, INTERRUPTED, 7.0)
    assert [record.seconds for record in folder.records().values()] == [12.0]


def test_a_line_that_a_crash_has_torn_is_passed_over(folder, stage):
    do(folder, stage)
    with (folder.path / "log.jsonl").open("a") as file:
        file.write('{"stage": "round_1/cri')
    assert folder.is_done(stage)
    do(folder, Stage(2, "actor", "", ("x",), folder.round(2) / "policy"))
    assert folder.last_round() == 2


def test_a_line_that_was_edited_into_nonsense_is_named(folder, stage):
    do(folder, stage)
    file = folder.path / "log.jsonl"
    text = file.read_text()
    file.write_text(text.replace('"stage"', '"stge"', 1))
    with pytest.raises(ConfigError, match=rf"{file}:1: stage missing; correct or remove that line"):
        folder.records()
    file.write_text(text.replace("}", ",}", 1))
    with pytest.raises(ConfigError, match=rf"{file}:1: a comma before the closing bracket"):
        folder.records()


@pytest.mark.parametrize("version", [0, 1, 3])
def test_another_version_is_refused_by_name(folder, version):
    (folder.path / "run.json").write_text(json.dumps({"version": version, "facts": FACTS}))
    with pytest.raises(ConfigError, match=rf"run folder of version {version}, this suite writes version 2"):
        RunFolder(folder.path).begin(FACTS)


def test_options_that_contradict_a_begun_run_are_named(folder):
    folder.begin(FACTS)
    with pytest.raises(ConfigError, match="begun otherwise: task was 'sorting', is 'folding'; change it back"):
        folder.begin({**FACTS, "task": "folding"})


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="not empty and no run folder"):
        RunFolder(tmp_path).begin(FACTS)


def test_a_damaged_run_file_is_said(folder):
    (folder.path / "run.json").write_text("{")
    with pytest.raises(ConfigError, match=r"run\.json: cannot be read"):
        folder.begin(FACTS)


def test_bags_change_with_a_verdict_and_checkpoints_with_their_hash(tmp_path):
    made.make_plan(tmp_path, LoopOptions())
    assert signature(tmp_path / "first") == "first"
    (tmp_path / "bags" / "ep_0000").mkdir(parents=True)
    (tmp_path / "bags" / "ep_0000" / "a.mcap").write_text("x")
    before = signature(tmp_path / "bags")
    (tmp_path / "bags" / "verdicts.jsonl").write_text("{}\n")
    assert signature(tmp_path / "bags") != before


def test_bags_behind_links_change_what_a_folder_of_bags_holds(tmp_path):
    outside = tmp_path / "outside" / "ep_0000"
    bags = tmp_path / "bags"
    for folder in (outside, bags):
        folder.mkdir(parents=True)
    (bags / "link").symlink_to(outside.parent)
    before = signature(bags)
    (outside / "ep_0000_0.mcap").write_text("x")
    assert signature(bags) != before


def test_a_stage_that_a_former_version_finished_is_done_also_after_a_move(folder, tmp_path):
    (tmp_path / "data").write_text("1")
    command = ("train", "--out", str(folder.round(1) / "critic"), "--store", "/elsewhere/store")
    words = [*command, f"{tmp_path / 'data'} {signature(tmp_path / 'data')}"]
    line = {"stage": "round_1/critic", "round": 1, "name": "critic", "event": DONE, "stamp_s": 0.0}
    line["key"] = hashlib.sha256("\0".join(words).encode()).hexdigest()
    (folder.path / "log.jsonl").write_text(json.dumps(line) + "\n")
    (folder.round(1) / "critic").mkdir(parents=True)

    def stage(run):
        out = run.round(1) / "critic"
        words = ("train", "--out", str(out), "--store", "/elsewhere/store")
        return Stage(1, "critic", "", words, out, (tmp_path / "data",))

    assert folder.is_done(stage(folder))
    moved = RunFolder(folder.path.rename(tmp_path / "moved"))
    moved.begin(FACTS)
    assert moved.is_done(stage(moved))
    (tmp_path / "data").write_text("2")
    assert not moved.is_done(stage(moved))


def test_folders_that_moved_with_the_run_or_have_gone_elsewhere_are_the_same_and_others_are_not(tmp_path):
    for name in ("bags", "other"):
        (tmp_path / "home" / name).mkdir(parents=True)
    RunFolder(tmp_path / "home" / "run").begin({"bags": str(tmp_path / "home" / "bags"), "store": "/old/demos"})
    home = (tmp_path / "home").rename(tmp_path / "moved")
    run = RunFolder(home / "run")
    run.begin({"bags": str(home / "bags"), "store": str(tmp_path / "new" / "demos")})
    with pytest.raises(ConfigError, match=r"bags was '.*/home/bags', is '.*/moved/other'"):
        run.begin({"bags": str(home / "other"), "store": "/old/demos"})


def test_facts_about_episodes_name_the_bags_where_they_are_after_a_move(tmp_path):
    home = tmp_path / "home"
    run = RunFolder(home / "run")
    run.begin(FACTS)
    inside, beside = run.bags(1) / "ep_0000", home / "bags" / "ep_0001"
    for bag in (inside, beside):
        bag.mkdir(parents=True)
    ticks = {"autonomous": 3}
    facts = [EpisodeFacts(str(bag), 0, "success", 1.0, 0, ticks) for bag in (inside, beside)]
    write_episodes(run.round(1) / "episodes.json", facts)
    assert read_episodes(run.round(1) / "episodes.json") == facts
    former = [asdict(one) for one in facts]
    moved = RunFolder(home.rename(tmp_path / "moved") / "run")
    expected = [str(moved.bags(1) / "ep_0000"), str(tmp_path / "moved" / "bags" / "ep_0001")]
    assert [one.bag for one in read_episodes(moved.round(1) / "episodes.json")] == expected
    write_json(moved.round(2) / "episodes.json", former)  # by a former version, before the move
    assert [one.bag for one in read_episodes(moved.round(2) / "episodes.json")] == expected
