"""The keyboard, on a pseudo-terminal."""

import contextlib
import os
import termios
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.vocabulary import RequestKind
from aloe_teleop.device import View
from aloe_teleop.devices import keyboard as module
from aloe_teleop.devices.keyboard import Keyboard, KeyboardConfig, split_strokes

MS = 1_000_000


class Terminal:
    """A pseudo-terminal: what is typed, and what the program reads."""

    def __init__(self) -> None:
        self.person, self.program = os.openpty()

    def type(self, text: str) -> None:
        os.write(self.person, text.encode())

    def mode(self) -> list[Any]:
        return termios.tcgetattr(self.program)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.setattr(os, "tcgetpgrp", lambda _: os.getpgrp())  # it controls no process
    made = Terminal()
    yield made
    for file in (made.person, made.program):
        with contextlib.suppress(OSError):
            os.close(file)


@pytest.fixture
def make(rig: Rig, terminal: Terminal) -> Iterator[Callable[..., Keyboard]]:
    made: list[Keyboard] = []

    def keyboard(**config: Any) -> Keyboard:
        keys = {"take_left": "1", "estop": "space", "success": "up", "x": "w-s", "speed_m_s": 0.1} | config
        made.append(Keyboard("keys", KeyboardConfig(**keys), rig, terminal.program))
        return made[-1]

    yield keyboard
    for item in made:
        item.close()


def test_keys_ask_stop_and_judge(make: Callable[..., Keyboard], terminal: Terminal) -> None:
    keyboard = make()
    terminal.type("1 \x1b[A")
    sample = keyboard.poll(0, View())
    assert [(request.kind, request.arms) for request in sample.requests] == [
        (RequestKind.TAKE, ("left_arm",)),
        (RequestKind.ESTOP, ()),
    ]
    assert sample.verdict.name == "SUCCESS"


@pytest.mark.parametrize("unknown", ["\x1b[3~", "\x1b[15~", "\x1b[1;5D", "\x1bOP", "\x1b[200~"])
def test_a_key_without_a_name_is_not_taken_for_those_that_its_sequence_is_spelt_with(unknown: str) -> None:
    assert split_strokes(f"1{unknown}w") == ["1", "w"]


def test_escape_counts_whatever_follows_it() -> None:
    assert split_strokes("\x1b1") == ["esc", "1"]
    assert split_strokes("\x1b\x1b[A\x1b") == ["esc", "up", "esc"]
    assert split_strokes("\x1b[") == ["esc", "["]


def test_a_key_that_repeats_is_one_press(make: Callable[..., Keyboard], terminal: Terminal) -> None:
    keyboard, asked = make(), []
    for ms in range(0, 2000, 50):
        terminal.type("1")
        asked += keyboard.poll(ms * MS, View()).requests
    assert len(asked) == 1
    assert keyboard.poll(3000 * MS, View()).requests == ()
    terminal.type("1")
    assert len(keyboard.poll(3100 * MS, View()).requests) == 1


def test_a_stroke_drives_for_a_moment_only(make: Callable[..., Keyboard], terminal: Terminal) -> None:
    keyboard = make(twist_s=0.15)
    terminal.type("w")
    assert keyboard.poll(0, View()).commands["left_arm"].data[0] == pytest.approx(0.1)
    assert keyboard.poll(149 * MS, View()).commands["right_arm"].data[0] == pytest.approx(0.1)
    assert keyboard.poll(151 * MS, View()).commands["left_arm"].data[0] == 0.0
    terminal.type("s")
    assert keyboard.poll(200 * MS, View()).commands["left_arm"].data[0] == pytest.approx(-0.1)


def test_the_terminal_gets_its_settings_back(make: Callable[..., Keyboard], terminal: Terminal) -> None:
    before = terminal.mode()
    keyboard = make()
    assert terminal.mode() != before
    keyboard.close()
    keyboard.close()
    assert terminal.mode() == before


def test_a_closed_terminal_is_a_dead_device(make: Callable[..., Keyboard], terminal: Terminal) -> None:
    keyboard = make()
    os.close(terminal.person)
    sample = keyboard.poll(0, View())
    assert sample.commands == {}
    assert "the terminal was closed" in sample.problem
    assert keyboard.files() == ()


def test_a_standard_input_that_is_no_terminal_is_refused(rig: Rig) -> None:
    read, write = os.pipe()
    with pytest.raises(ConfigError, match="the standard input is no terminal"):
        Keyboard("keys", KeyboardConfig(take_left="1", x="w-s"), rig, read)
    os.close(read)
    os.close(write)


def test_a_background_job_is_refused(make: Callable[..., Keyboard], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "tcgetpgrp", lambda _: os.getpgrp() + 1)
    with pytest.raises(ConfigError, match="runs in the background"):
        make()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"take": "while_pressed"}, "does not tell when a key is lifted; set take: toggle"),
        ({"x": "ww-s"}, "unknown key 'ww'"),
        ({"estop": "spac"}, "unknown key 'spac'; did you mean 'space'"),
    ],
)
def test_what_a_terminal_cannot_do_is_refused(
    make: Callable[..., Keyboard], terminal: Terminal, config: dict[str, str], message: str
) -> None:
    before = terminal.mode()
    with pytest.raises(ConfigError, match=message):
        make(**config)
    assert terminal.mode() == before


def test_strokes_are_told_apart() -> None:
    assert split_strokes("a\x1b[A\x1b \r\tZ") == ["a", "up", "esc", "space", "enter", "tab", "Z"]
