"""Every command parses its parameters, works, and refuses bad input in one line."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aloe_data.command import INTERRUPTED, run_command
from aloe_data.config import parameter


@dataclass(frozen=True)
class Where:
    """What a command works on."""

    bags: tuple[Path, ...] = parameter(positional=True, doc="folders of bags")


@dataclass(frozen=True)
class How:
    """How it works."""

    steps: int = parameter(3, low=1, high=9, doc="steps per bag")


class UserError(ValueError):
    """Something that the user can mend."""


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    def call(run: Callable[..., int | None], *words: str) -> object:
        monkeypatch.setattr(sys, "argv", ["main", *words])
        try:
            run_command("walk", run, Where, How, about="Walks over bags.", refused=(UserError,))
        except SystemExit as ended:
            return ended.code
        return 0

    return call


def test_the_work_gets_one_configuration_of_each_part(call: Callable[..., object]) -> None:
    given: list[object] = []
    assert call(lambda *configs: given.extend(configs), "a", "b", "--steps", "4") == 0
    assert given == [Where(bags=(Path("a"), Path("b"))), How(steps=4)]


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (2, 2)])
def test_the_exit_code_is_what_the_work_returns(call: Callable[..., object], returned: int | None, code: int) -> None:
    assert call(lambda *_: returned, "a") == code


def test_what_the_user_can_mend_is_said_in_one_line(call: Callable[..., object]) -> None:
    def refuse(*_: object) -> None:
        raise UserError("bag a: is empty; record again")

    assert call(refuse, "a") == "walk: bag a: is empty; record again"
    assert call(refuse, "a", "--steps", "10") == "walk: command line: steps: 10 is outside 1 to 9"


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("bug")

    monkeypatch.setattr(sys, "argv", ["main"])
    with pytest.raises(KeyError):
        run_command("walk", fail, about=None, refused=(UserError,))


def test_ctrl_c_ends_without_a_traceback(call: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    assert call(interrupt, "a") == INTERRUPTED
    assert capsys.readouterr().err == "walk: interrupted\n"


def test_a_command_line_that_lacks_something_shows_how_it_is_used(
    call: Callable[..., object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(lambda *_: None) == 2
    assert "usage: walk" in capsys.readouterr().err
