"""Interrupted anywhere, a run ends as one that never was; what fails is named."""

import itertools
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import made_run as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.durable import InUseError
from aloe_pipeline.rounds.options import LoopOptions
from aloe_pipeline.rounds.order import in_use, loop
from aloe_pipeline.rounds.plan import Current
from aloe_pipeline.rounds.results import numbered
from aloe_pipeline.rounds.runner import Interrupted, Runner, StageError
from aloe_pipeline.rounds.stage import Stage

OPTIONS = LoopOptions(rounds=2, episodes=3, evaluate_episodes=50, evaluate_at_most=100)
CONTINUOUS = replace(OPTIONS, continuous=True)
RATES, CHOICES = (0.3, 0.6, 0.7), ("promote", "need more episodes")


class Killed(BaseException):
    """The power failed."""


def run(plan, kill_at=None):
    """A loop of fake stages; the power fails when so many things have been said and done."""
    steps = itertools.count()

    def step():
        if kill_at is not None and next(steps) >= kill_at:  # also for what works beside
            raise Killed

    made.Pretender(plan, RATES, CHOICES, step).run(loop(plan, plan.options))


@pytest.fixture(scope="module")
def uninterrupted():
    with TemporaryDirectory() as root:
        plan = made.begin(made.make_plan(Path(root), OPTIONS))
        run(plan)
        yield made.executed(plan), made.content(plan)


@pytest.mark.parametrize("options", [OPTIONS, CONTINUOUS])
@settings(max_examples=8)
@given(kills=st.lists(st.integers(0, 70), max_size=4))
def test_killed_anywhere_it_ends_as_if_it_had_not_been_and_does_nothing_twice(uninterrupted, options, kills):
    with TemporaryDirectory() as root:
        plan = made.begin(made.make_plan(Path(root), options))
        for kill_at in kills:
            try:
                run(plan, kill_at)
            except Killed:
                continue
        run(plan)
        executed, expected = made.executed(plan), uninterrupted[0]
        if options.continuous:  # the same stages; those beside each other in any order
            executed, expected = sorted(executed), sorted(expected)
        assert executed == expected
        assert made.content(plan) == uninterrupted[1]


def test_all_stages_are_done_in_their_order(uninterrupted):
    names = [Path(name).name for name in uninterrupted[0] if name.startswith("round_1/")]
    assert names == [
        "collected.json", "episodes.json", "critic", "gate.json", "success.html", "failure.html", "weights.npz",
        "policy", "evaluation_0.json", "decision_0.json", "evaluation_1.json",
    ]  # fmt: skip
    assert uninterrupted[0][-1] == "round_2/decision_1.json", "more episodes, until there are no more"
    assert uninterrupted[0].count("start/evaluation_0.json") == 1


def test_a_finished_run_has_nothing_to_do(tmp_path):
    plan = made.begin(made.make_plan(tmp_path, OPTIONS))
    run(plan)
    before = made.executed(plan)
    run(plan)
    assert made.executed(plan) == before


@pytest.mark.parametrize("how", ["moved", "copied", "alone"])
@pytest.mark.parametrize("kill_at", [10, 40])
def test_a_run_that_was_moved_or_copied_goes_on_where_it_stood(uninterrupted, tmp_path, how, kill_at):
    plan = made.begin(made.make_plan(tmp_path / "here", OPTIONS))
    with pytest.raises(Killed):
        run(plan, kill_at)
    root = tmp_path / "there"
    if how == "moved":
        plan.folder.path.parent.rename(root)
    elif how == "copied":
        shutil.copytree(plan.folder.path.parent, root)
    else:
        root.mkdir()
        for name in ("run", "executed"):
            (plan.folder.path.parent / name).rename(root / name)
    moved = made.begin(made.make_plan(root, OPTIONS))
    run(moved)
    assert made.executed(moved) == uninterrupted[0]
    assert made.content(moved).keys() == uninterrupted[1].keys()


def test_a_decision_about_an_earlier_candidate_does_not_decide_about_a_new_one(tmp_path):
    plan = made.begin(made.make_plan(tmp_path, OPTIONS))
    run(plan)
    here = plan.folder.round(2)
    assert [file.name for file in numbered(here, "decision")] == ["decision_0.json", "decision_1.json"]
    other = replace(plan, options=replace(OPTIONS, actor_steps=7))  # another candidate
    made.Pretender(other, RATES, ("promote", "keep")).run(loop(other, other.options))
    assert [file.name for file in numbered(here, "decision")] == ["decision_0.json"]
    assert not (here / "evaluation_1.json").exists(), "it was of the candidate before"
    assert in_use(plan, 2, Current(plan.policy, 0)).round == 0


def test_the_same_episodes_judged_anew_are_judged_by_the_new_decision_alone(tmp_path):
    plan = made.begin(made.make_plan(tmp_path, OPTIONS))
    run(plan)
    other = replace(plan, options=replace(OPTIONS, confidence=0.8))
    made.Pretender(other, RATES, ("promote", "promote")).run(loop(other, other.options))
    assert [file.name for file in numbered(plan.folder.round(2), "decision")] == ["decision_0.json"]
    assert in_use(plan, 2, Current(plan.policy, 0)).round == 2


def one(plan, script, **more):
    """A single stage that is a script."""
    return Stage(1, "actor", "test", ("sh", "-c", script), plan.folder.round(1) / "policy", **more)


def execute(plan, stage):
    said = []
    Runner(plan.folder, lambda: None, said.append).run([stage])
    return "\n".join(said)


@pytest.fixture
def plan(tmp_path):
    return made.begin(made.make_plan(tmp_path, OPTIONS))


def test_a_stage_that_fails_is_named_with_its_last_words_and_what_to_do(plan):
    with pytest.raises(StageError, match=r"(?s)round 1, actor failed \(exit code 3\).*the disk is full.*same command"):
        execute(plan, one(plan, "echo lines; echo 'the disk is full' >&2; exit 3"))
    assert "the disk is full" in (plan.folder.round(1) / "logs" / "actor.log").read_text()


def test_a_stage_that_leaves_nothing_has_failed(plan):
    with pytest.raises(StageError, match=r"left no .*policy"):
        execute(plan, one(plan, "true"))


def test_a_command_that_does_not_exist_is_said(plan):
    stage = Stage(1, "actor", "test", ("no_such_program",), plan.folder.round(1) / "policy")
    with pytest.raises(StageError, match="No such file"):
        execute(plan, stage)


def test_pictures_that_fail_are_left_out(plan):
    assert "failed and left out" in execute(plan, one(plan, "exit 1", needed=False))


def test_what_people_want_to_see_is_shown_and_the_rest_kept(plan):
    said = execute(plan, one(plan, f"echo '[node] episode 1/3  success'; echo chatter; touch {plan.candidate(1)}",
                             shows=r"episode \d+/\d+ .*"))  # fmt: skip
    assert "    episode 1/3  success" in said and "chatter" not in said
    assert "100 % of this round so far" in said
    assert "chatter" in (plan.folder.round(1) / "logs" / "actor.log").read_text()


def test_of_long_work_the_newest_state_of_its_bar_is_shown_now_and_then(plan):
    bars = "".join(rf"\rtraining: {n}0%|\342\226\210 | {n}/10 [00:0{n}<00:05]" for n in (1, 2))
    script, said = f"printf '{bars.replace('%', '%%')}'; touch {plan.candidate(1)}", []
    Runner(plan.folder, lambda: None, said.append, bar_s=0.0).run([one(plan, script)])
    assert "    training: 20%|\u2588 | 2/10 [00:02<00:05]" in said and not any("10%" in line for line in said)


def collecting(plan, script, **more):
    """A stage beside which others work."""
    done = plan.folder.round(2) / "collected.json"
    return Stage(2, "collect", "test", ("sh", "-c", f"{script}; touch {done}"), done, beside=True, **more)


def events(plan):
    return {record.name: record.event for record in plan.folder.records().values()}


def await_file(name):
    """A script that waits for a file."""
    return f"until [ -e {name} ]; do sleep 0.01; done"


def touching(name, *words):
    """Takes what the runner says, and makes a file when all these words are said."""
    return lambda line: name.touch() if all(word in line for word in words) else None


def test_learning_and_collecting_work_at_the_same_time(plan):
    a, b = plan.folder.path / "a", plan.folder.path / "b"
    collect = collecting(plan, f"touch {a}; {await_file(b)}")
    learn = one(plan, f"{await_file(a)}; touch {b} {plan.candidate(1)}")
    Runner(plan.folder, lambda: None, lambda _: None).run([collect, learn, collect])
    assert events(plan) == {"collect": "done", "actor": "done"}


def test_collecting_goes_on_while_the_failure_of_learning_is_told(plan):
    told = plan.folder.path / "told"
    say = touching(told, "actor failed", "goes on to its end; Ctrl-C stops it")
    stages = [collecting(plan, await_file(told)), one(plan, "exit 3")]
    with pytest.raises(StageError, match="actor failed"):
        Runner(plan.folder, lambda: None, say).run(stages)
    assert events(plan) == {"collect": "done", "actor": "failed"}


def test_learning_goes_on_while_the_failure_of_collecting_is_told(plan):
    told = plan.folder.path / "told"
    say = touching(told, "collect failed", "beside it go on")
    stages = [collecting(plan, "exit 3"), one(plan, f"{await_file(told)}; touch {plan.candidate(1)}")]
    with pytest.raises(StageError, match="collect failed"):
        Runner(plan.folder, lambda: None, say).run(stages)
    assert events(plan) == {"collect": "failed", "actor": "done"}


def test_learning_is_as_nice_as_is_asked(plan):
    execute(plan, one(plan, f"nice > {plan.candidate(1)}", nice=3))
    assert int(plan.candidate(1).read_text()) == min(19, os.nice(0) + 3)


def test_two_at_a_time_are_refused(plan):
    inside = Runner(plan.folder, lambda: None, lambda _: None)
    with pytest.raises(InUseError):
        Runner(plan.folder, lambda: inside.run([]), lambda _: None).run([])


def test_ctrl_c_reaches_the_stages_and_waits_for_their_end(plan):
    script = "trap 'echo saved; exit 0' INT; echo ready; while :; do sleep 0.01; done"
    stages = [collecting(plan, script), one(plan, script)]
    logs = [plan.folder.log_file(stage) for stage in stages]

    def interrupt():
        while not all(log.exists() and "ready\n" in log.read_text() for log in logs):
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(Interrupted, match="stopped in round 1, actor; the same command goes on there"):
        Runner(plan.folder, lambda: None, lambda _: None).run(stages)
    assert all("saved" in log.read_text() for log in logs)
    assert events(plan) == {"collect": "interrupted", "actor": "interrupted"}


@pytest.mark.parametrize("script", ["echo $$ > {pid}; exec sleep 60", "sh -c 'echo $$ > {pid}; exec sleep 60'; true"])
def test_a_stage_and_what_it_started_do_not_outlive_a_runner_that_is_killed(plan, script):
    pid_file = plan.folder.path / "pid"
    child = os.fork()
    if child == 0:
        Runner(plan.folder, lambda: None, lambda _: None).run([one(plan, script.format(pid=pid_file))])
        os._exit(0)
    await_true(lambda: pid_file.exists() and pid_file.read_text().strip())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    await_true(lambda: not lives(int(pid_file.read_text())))


def test_what_a_stage_that_is_killed_has_started_ends_before_its_failure_is_told(plan):
    saved, pid_file = plan.folder.path / "saved", plan.folder.path / "pid"
    robot = f"""
import os, pathlib, time
try:
    pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path({str(saved)!r}).touch()
"""
    killed = f"""
import os, pathlib, signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {robot!r}])
file = pathlib.Path({str(pid_file)!r})
while not (file.exists() and file.read_text()):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    with pytest.raises(StageError, match="exit code 137"):
        Runner(plan.folder, lambda: None, lambda _: None).run(
            [Stage(1, "collect", "test", (sys.executable, "-c", killed), plan.folder.round(1) / "collected.json")]
        )
    assert saved.exists() and not lives(int(pid_file.read_text()))


def test_what_a_stage_prints_when_nobody_listens_any_more_does_not_keep_it_from_its_end(plan):
    saved = plan.folder.path / "saved"
    printing = "import signal, time, pathlib; print('ready', flush=True)\n"
    printing += "try: time.sleep(60)\nexcept KeyboardInterrupt:\n    print('x' * 100000, flush=True)\n"
    printing += f"    pathlib.Path({str(saved)!r}).touch()"
    stage = Stage(1, "actor", "test", (sys.executable, "-c", printing), plan.candidate(1))
    child = os.fork()
    if child == 0:
        Runner(plan.folder, lambda: None, lambda _: None).run([stage])
        os._exit(0)
    log = plan.folder.log_file(stage)
    await_true(lambda: log.exists() and "ready\n" in log.read_text())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    await_true(saved.exists)


def await_true(condition):
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s, "still not so"
        time.sleep(0.01)


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
