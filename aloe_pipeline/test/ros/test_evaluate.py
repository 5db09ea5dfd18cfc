"""What `ros2 run aloe_pipeline evaluate` says and keeps."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ament_index_python")

from aloe_data.config import ConfigError
from aloe_data.vocabulary import Verdict
from aloe_pipeline.promote import read_results
from aloe_pipeline.ros import evaluate
from aloe_sim.rollout.evaluation import EpisodeResult


@pytest.mark.parametrize("text", ["5", "a:b", "7:7", "9:3"])
def test_scenes_that_are_no_range_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected FIRST:END"):
        evaluate.seed_range(text)


def test_the_last_line_is_kept_for_those_who_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = (Verdict.FAILURE, Verdict.SUCCESS, Verdict.ABORT)
    results = [EpisodeResult(7 - k, "task", verdict, 0.5, 8.0, "why") for k, verdict in enumerate(verdicts)]
    monkeypatch.setattr(evaluate, "evaluate", lambda *_: iter(results))
    monkeypatch.setattr(sys, "argv", ["evaluate", "--seeds", "5:8", "--json", str(tmp_path / "found.json")])
    evaluate.main()
    last = capsys.readouterr().out.strip().splitlines()[-1]
    assert (tmp_path / "found.json").read_text() == last + "\n"
    assert json.loads(last)["figures"]["success_rate"] == 0.5
    assert read_results(tmp_path / "found.json").success == {6: True, 7: False}


def test_what_was_finished_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two_of_three(*_: object) -> Iterator[EpisodeResult]:
        for seed in (5, 6):
            yield EpisodeResult(seed, "task", Verdict.SUCCESS, 1.0, 8.0, "")
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "evaluate", two_of_three)
    found = tmp_path / "deep" / "found.json"
    monkeypatch.setattr(sys, "argv", ["evaluate", "--seeds", "5:8", "--json", str(found)])
    with pytest.raises(SystemExit, match="interrupted; 2 of 3 episodes were finished"):
        evaluate.main()
    assert read_results(found).success == {5: True, 6: True}
    with pytest.raises(SystemExit, match=r"found\.json: is there already; name a new file"):
        evaluate.main()


def test_what_is_wrong_is_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate", "--policy", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match=r"evaluate: policy:=.* is no folder"):
        evaluate.main()
