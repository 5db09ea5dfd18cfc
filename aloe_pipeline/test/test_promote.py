"""The command reads what evaluate wrote, and compares seed by seed."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from aloe_data.config import ConfigError
from aloe_pipeline.promote import decide, main, read_all, read_results
from aloe_pipeline.promotion import Choice, PromotionConfig

CONFIG = PromotionConfig()


def write(file: Path, verdicts: Mapping[int, str], policy: str = "", **conditions: object) -> Path:
    rows = [[seed, verdict, 1.0, 8.0] for seed, verdict in verdicts.items()]
    under = {"rig": "sim", "task": "sorting", "n_action_steps": 25, **conditions}
    line = json.dumps({"policy": policy or file.stem, "conditions": under, "figures": {}, "episodes": rows})
    file.write_text(f"seed 0 success\nsuccess 9 of 10\n{line}\n")
    return file


def test_seeds_are_paired_and_aborted_episodes_left_out(tmp_path: Path) -> None:
    new = read_results(write(tmp_path / "new.txt", {0: "success", 1: "failure", 2: "abort", 3: "success"}))
    old = read_results(write(tmp_path / "old.txt", {3: "timeout", 0: "success", 2: "success", 9: "success"}))
    assert new.success == {0: True, 1: False, 3: True}
    assert "2 of 2 against 1 of 2 in the same scenes (1 won, 0 lost)" in decide(new, old, CONFIG).reason


def test_episodes_of_other_seeds_are_compared_by_their_counts(tmp_path: Path) -> None:
    new = read_results(write(tmp_path / "new.txt", dict.fromkeys(range(40), "success")))
    old = read_results(write(tmp_path / "old.txt", dict.fromkeys(range(100, 140), "failure")))
    decision = decide(new, old, CONFIG)
    assert decision.choice is Choice.PROMOTE and "40 of 40 against 0 of 40 in scenes of their own" in decision.reason


def test_what_evaluate_did_not_write_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing: cannot be read: No such file"):
        read_results(tmp_path / "nothing")
    (tmp_path / "text").write_text("seed 0 success\n")
    with pytest.raises(ConfigError, match="its last line is no result of evaluate"):
        read_results(tmp_path / "text")


def test_what_was_evaluated_otherwise_is_not_compared_and_the_difference_is_named(tmp_path: Path) -> None:
    new = read_results(write(tmp_path / "new", {0: "success"}))
    old = read_results(write(tmp_path / "old", {0: "success"}, n_action_steps=10))
    with pytest.raises(ConfigError, match="different conditions: n_action_steps 25 and 10; evaluate alike"):
        decide(new, old, CONFIG)


def test_two_policies_that_lay_in_the_same_folder_are_two(tmp_path: Path) -> None:
    files = [write(tmp_path / name, {seed: "success"}, "v2") for seed, name in enumerate("abc")]
    for file, version in zip(files, ("1" * 64, "2" * 64, ""), strict=True):
        file.write_text(json.dumps(json.loads(file.read_text().splitlines()[-1]) | {"version": version}))
    with pytest.raises(
        ConfigError, match=r"of the policy v2 \(version 2{12}\), .*a of v2 \(version 1{12}\); compare one"
    ):
        read_all(files[:2])
    assert read_all([files[0], files[2]]).success.keys() == {0, 2}, "evaluations of earlier versions tell none"


def test_several_files_of_one_policy_count_together(tmp_path: Path) -> None:
    first = write(tmp_path / "a", {0: "success", 1: "failure"}, "v2")
    second = write(tmp_path / "b", {1: "success", 2: "success"}, "v2")
    assert read_all([first, second]).success == {0: True, 1: False, 2: True}
    with pytest.raises(ConfigError, match="of the policy v3"):
        read_all([first, write(tmp_path / "c", {3: "success"}, "v3")])
    with pytest.raises(ConfigError, match="task 'sorting' and 'folding'"):
        read_all([first, write(tmp_path / "d", {3: "success"}, "v2", task="folding")])


@pytest.mark.parametrize(("new", "code"), [("success", 0), ("failure", 3)])
def test_the_exit_code_says_what_was_decided(
    new: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    candidate = write(tmp_path / "v2", dict.fromkeys(range(20), new))
    current = write(tmp_path / "v1", dict.fromkeys(range(20), "failure" if new == "success" else "success"))
    monkeypatch.setattr(sys, "argv", ["promote", "--current", str(current), "--candidate", str(candidate)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert capsys.readouterr().out.startswith("v2 for v1: " + ("promote: 20 of 20" if code == 0 else "keep: 0 of 20"))
