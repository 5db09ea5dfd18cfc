import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data import verdicts
from aloe_data.durable import append_line
from aloe_data.verdicts import (
    SIDECAR,
    VERDICTS,
    GivenVerdict,
    VerdictError,
    give_verdict,
    main,
    read_verdicts,
    verdict_now,
    verdict_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ep_0000", "ep_0001", "ep_0007"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}_0.mcap").touch()
    return tmp_path


def said(episode: str = "ep_0001", verdict: str = "success", reason: str = "") -> GivenVerdict:
    return GivenVerdict(episode, verdict, "operator", reason, 5)


def test_the_last_verdict_counts_and_the_others_stay_in_the_file(folder: Path) -> None:
    assert verdict_of(folder / "ep_0001") is None
    for verdict in (said(verdict="failure"), said("ep_0007"), said(reason="it lay\nin the tray\u2028after all")):
        give_verdict(folder, verdict)
    assert verdict_of(folder / "ep_0001") == said(reason="it lay\nin the tray\u2028after all")
    assert verdict_of(folder / "ep_0001" / "ep_0001_0.mcap") == verdict_of(folder / "ep_0001")
    assert verdict_of(folder / "ep_0000") is None
    assert [json.loads(line)["verdict"] for line in (folder / SIDECAR).read_text().splitlines()[:2]] == [
        "failure",
        "success",
    ]


@settings(max_examples=30)
@given(data=st.data())
def test_a_line_that_a_crash_tore_loses_itself_only(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bags")
    (folder / "ep_0001").mkdir()
    (folder / "ep_0001" / "a.mcap").touch()
    give_verdict(folder, said(reason="first"))
    whole = (folder / SIDECAR).stat().st_size
    give_verdict(folder, said(verdict="failure", reason="törn"))
    size = data.draw(st.integers(whole, (folder / SIDECAR).stat().st_size - 2))
    os.truncate(folder / SIDECAR, size)
    assert read_verdicts(folder) == {"ep_0001": said(reason="first")}
    give_verdict(folder, said(verdict="abort"))
    assert read_verdicts(folder) == {"ep_0001": said(verdict="abort")}


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (said("ep_0008"), "unknown episode 'ep_0008': .* holds 3 bags, ep_0000 to ep_0007; nothing was changed"),
        (said(verdict="sucess"), "unknown verdict 'sucess'; did you mean 'success'?"),
    ],
)
def test_an_unknown_episode_or_verdict_is_refused_and_nothing_changes(
    folder: Path, verdict: GivenVerdict, expected: str
) -> None:
    with pytest.raises(VerdictError, match=expected):
        give_verdict(folder, verdict)
    assert not (folder / SIDECAR).exists()


@pytest.mark.parametrize("line", ["[]", "{}", '"success"', json.dumps({**said().__dict__, "verdict": "won"})])
def test_a_whole_line_that_is_no_verdict_is_named(folder: Path, line: str) -> None:
    give_verdict(folder, said())
    with (folder / SIDECAR).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(VerdictError, match=rf"{SIDECAR}:2: .* is no verdict"):
        read_verdicts(folder)


def test_the_command_says_what_it_did_or_why_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["verdict", "ep_0000", "failure", "--reason", "dropped", "--source", "eva"])
    main()
    assert "ep_0000: failure" in capsys.readouterr().out
    given_then = verdict_of(folder / "ep_0000")
    assert given_then and (given_then.source, given_then.reason) == ("eva", "dropped")
    monkeypatch.setattr(sys, "argv", ["verdict", "ep_0009", "success"])
    with pytest.raises(SystemExit, match="verdict: unknown episode 'ep_0009'"):
        main()


def test_verdicts_are_those_that_end_an_episode() -> None:
    assert VERDICTS == ("success", "failure", "abort", "timeout")


def test_the_word_that_counts_is_the_given_one_else_the_recorded_one(folder: Path) -> None:
    give_verdict(folder, said(verdict="failure"))
    assert verdict_now(folder / "ep_0001", "success") == "failure"
    assert verdict_now(str(folder / "ep_0000"), "success") == "success"


@pytest.mark.parametrize("name", ["ep_0001", "renamed"])
def test_a_verdict_goes_where_its_bag_goes(folder: Path, name: str) -> None:
    give_verdict(folder, said(verdict="failure"))
    (folder / "other").mkdir()
    moved = (folder / "ep_0001").rename(folder / "other" / name)
    assert verdict_now(moved, "success") == "failure"
    give_verdict(folder / "other", replace(said(name, "abort"), stamp_ns=said().stamp_ns + 1))
    assert verdict_now(moved, "success") == "abort"
    assert verdict_now(moved.rename(folder / "ep_0009"), "success") == "abort"


def test_the_later_of_two_verdicts_counts_whether_it_lies_beside_a_bag_or_in_it(folder: Path) -> None:
    give_verdict(folder, said(verdict="failure"))
    with (folder / SIDECAR).open("a") as file:  # as a person or a former version would
        file.write(json.dumps({**said(verdict="abort").__dict__, "stamp_ns": said().stamp_ns + 1}) + "\n")
    assert verdict_now(folder / "ep_0001", "success") == "abort"


def test_a_verdict_counts_although_the_bag_itself_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(path: Path, line: str) -> None:
        if path.parent != folder:
            raise OSError(30, "Read-only file system")
        append_line(path, line)

    monkeypatch.setattr(verdicts, "append_line", append)
    give_verdict(folder, said(verdict="failure"))
    assert verdict_now(folder / "ep_0001", "success") == "failure"
