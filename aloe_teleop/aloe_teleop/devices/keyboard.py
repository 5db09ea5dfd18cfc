"""The keyboard of a terminal: for a simulated rig, and for a first try without any device."""

import atexit
import os
import re
import select
import sys
import termios
import tty
from dataclasses import dataclass

from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS
from aloe_teleop.device import Inputs, Sample, View
from aloe_teleop.keys import ACTIONS, TOGGLE, KeyActions
from aloe_teleop.twist import DIRECTIONS, TwistConfig, Twister

_NAMED = {
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1b": "esc",
    " ": "space",
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    "\x7f": "backspace",
}
# A whole escape sequence (CSI and SS3 of ECMA-48: "ESC [ 3 ~" is Delete), else one character.
_STROKE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|.", re.DOTALL)
KEYS = (*(chr(code) for code in range(33, 127) if chr(code) != "-"), *dict.fromkeys(_NAMED.values()))
_REPEAT_NS = 700_000_000  # longest time from a key to its first repetition: unseen for so long, it was lifted


@dataclass(frozen=True)
class KeyboardConfig(TwistConfig):
    """Keys are single characters, or esc, space, enter, tab, backspace, up, down, left, right.

    A terminal does not say when a key is lifted: a twist ends `twist_s` after its key was last seen.
    """

    twist_s: float = parameter(0.15, unit="s", low=0.02, high=1.0, doc="how long one key stroke drives the arms")


class Keyboard:
    """See `KeyboardConfig`. Puts the terminal into character mode and restores it at the end, whatever that is.

    Raises:
        ConfigError: the file is no terminal, or one that belongs to another job.
    """

    asks = True
    inputs = Inputs()

    def __init__(self, name: str, config: KeyboardConfig, rig: Rig, terminal: int | None = None) -> None:
        if config.take != TOGGLE:
            raise ConfigError(f"{name}: a terminal does not tell when a key is lifted; set take: {TOGGLE}")
        self.stops = bool(config.estop)
        self._name = name
        self._twist_ns = round(config.twist_s * NS)
        self._twister = Twister(config, rig, name)
        keys = KEYS
        for key in self._twister.names:
            if key not in keys:
                raise ConfigError(
                    f"{name}: unknown key '{key}'; write a character or one of {', '.join(_NAMED.values())}"
                )
        self._actions = KeyActions(config, rig, keys, name)
        self._seen: dict[str, int] = {}
        self._down: set[str] = set()
        self._problem = ""
        self._terminal = _checked_terminal(name, sys.stdin.fileno() if terminal is None else terminal)
        self._settings = termios.tcgetattr(self._terminal)
        atexit.register(self.close)
        tty.setcbreak(self._terminal)
        print(_legend(name, config), flush=True)

    @property
    def arms(self) -> tuple[str, ...]:
        """See `Device.arms`."""
        return self._twister.arms

    def poll(self, now_ns: int, view: View) -> Sample:
        """See `Device.poll`."""
        for key in self._strokes():
            self._seen[key] = now_ns
            if key not in self._down:
                self._down.add(key)
                self._actions.feed(key, True, now_ns)
        for key in [key for key in self._down if abs(now_ns - self._seen[key]) > _REPEAT_NS]:
            self._down.discard(key)
            self._actions.feed(key, False, now_ns)
        requests, verdict = self._actions.poll(now_ns, view)
        commands = {} if self._problem else self._twister.commands(lambda key, _: self._deflection(key, now_ns))
        return Sample(commands, requests, verdict, problem=self._problem)

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """See `Device.refusal`: a twist fits any pose."""
        return ""

    def files(self) -> tuple[int, ...]:
        """See `Waitable.files`."""
        return () if self._problem else (self._terminal,)

    def close(self) -> None:
        """See `Device.close`: the terminal gets its settings back."""
        atexit.unregister(self.close)
        if not self._problem:
            termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._settings)
        self._problem = self._problem or f"{self._name}: closed"

    def _deflection(self, key: str, now_ns: int) -> float:
        return float(key in self._seen and abs(now_ns - self._seen[key]) < self._twist_ns)

    def _strokes(self) -> list[str]:
        if self._problem or not select.select([self._terminal], [], [], 0.0)[0]:
            return []
        try:
            text = os.read(self._terminal, 1024).decode(errors="replace")
        except OSError:
            text = ""
        if not text:
            self._problem = f"{self._name}: the terminal was closed; start teleop_node again in another one"
        return split_strokes(text)


def split_strokes(text: str) -> list[str]:
    """Names of the keys that a terminal has sent; keys that have none (Delete, F5, Ctrl-Left) count for nothing."""
    strokes = [_NAMED.get(stroke, stroke) for stroke in _STROKE.findall(text)]
    return [stroke for stroke in strokes if len(stroke) == 1 or stroke in _NAMED.values()]


def _checked_terminal(name: str, terminal: int) -> int:
    if not os.isatty(terminal):
        how = "run `ros2 run aloe_teleop teleop_node ...` in a terminal of its own"
        raise ConfigError(f"{name}: the standard input is no terminal (a launch file gives nodes none); {how}")
    if os.tcgetpgrp(terminal) != os.getpgrp():
        raise ConfigError(f"{name}: runs in the background; start it in the foreground of its terminal")
    return terminal


def _legend(name: str, config: KeyboardConfig) -> str:
    uses = [(getattr(config, use), use) for use in (*ACTIONS, *DIRECTIONS) if getattr(config, use)]
    return f"{name}: " + ", ".join(f"[{key}] {use}" for key, use in uses)
