"""Faults that can be injected into a running, simulated graph: what there is, and how it is written.

A fault is written `KIND[:TARGET][:VALUE]`, as in `camera_freeze:head`, `delay:left_arm:0.3` or `kill:policy_node`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aloe_data.rig import Rig
from aloe_data.section import nearest

MAX_TIME_S: Final = 86_400.0


class FaultError(ValueError):
    """A fault or a schedule that cannot be carried out; the message says what is valid."""


class Means(Enum):
    """Who causes a fault."""

    SIMULATOR = "the simulator changes what its devices send"
    MESSAGES = "a hostile node publishes beside the real one"
    PROCESS = "a signal to a node's process"


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        means: Who causes it.
        target: What it is aimed at: "camera", "arm", "stream" (camera or arm), "node", "topic or node", or "" for none.
        effect: What it does.
        expected: What the suite should do.
        value: Default of the number that may be given; None: it takes none.
        unit: Unit of the value.
        lasting: Whether it goes on until it is ended; else it happens once.
    """

    means: Means
    target: str
    effect: str
    expected: str
    value: float | None = None
    unit: str = ""
    lasting: bool = True


_STOP = "the arms come to rest within two ticks after the stream's limit; fault, until armed again"
_HELD = "the arm is held where it is measured; free again it moves by no more than 0.02 rad; fault if it strayed"
_REFUSED = "it is refused with a sentence; the chunk before it goes on, and then the arms hold"
_UNMOVED = "it is refused with a sentence; authority stays, and without good commands the arm holds"
KINDS: Final[Mapping[str, Kind]] = {
    "camera_freeze": Kind(Means.SIMULATOR, "camera", "the last image again and again, with new stamps", _STOP),
    "camera_stuck": Kind(Means.SIMULATOR, "camera", "the last image again and again, with its old stamp", _STOP),
    "drop": Kind(Means.SIMULATOR, "stream", "this share of the messages is not sent", _STOP, 1.0, "of 1"),
    "delay": Kind(Means.SIMULATOR, "stream", "messages are sent late, in order", _STOP, 0.6, "s"),
    "burst": Kind(Means.SIMULATOR, "stream", "messages are kept, and sent all at once at the end", _STOP),
    "block": Kind(Means.SIMULATOR, "arm", "something holds the arm fast, whatever its motors do", _HELD),
    "drive_off": Kind(Means.SIMULATOR, "arm", "its drive has no power, and the arm sinks", _HELD),
    "cut_commands": Kind(Means.SIMULATOR, "arm", "its commands do not arrive", _HELD),
    "nan_joints": Kind(Means.SIMULATOR, "arm", "a joint position is NaN", "the arms come to rest at once; fault"),
    "clock_jump": Kind(
        Means.SIMULATOR, "", "the devices' clock (and /clock) jumps", "the arms come to rest at once; fault", 5.0, "s"
    ),
    "nan_chunk": Kind(Means.MESSAGES, "", "an action chunk with a NaN", _REFUSED, lasting=False),
    "jump_chunk": Kind(Means.MESSAGES, "", "an action chunk that leaps across the table", _REFUSED, lasting=False),
    "late_chunk": Kind(
        Means.MESSAGES, "", "a chunk that answers an observation of long ago", _REFUSED, 2.0, "s", lasting=False
    ),
    "nan_command": Kind(Means.MESSAGES, "arm", "a human command with a NaN", "the arm holds at once", lasting=False),
    "jump_command": Kind(
        Means.MESSAGES, "arm", "a human command that leaps across the table", "the arm holds at once", lasting=False
    ),
    "late_command": Kind(
        Means.MESSAGES, "arm", "the last human command again, stamped long ago", _UNMOVED, 0.5, "s", lasting=False
    ),
    "duplicate_commands": Kind(Means.MESSAGES, "arm", "every human command arrives twice", _UNMOVED),
    "shuffled_commands": Kind(Means.MESSAGES, "arm", "every human command is followed by an older one", _UNMOVED),
    "kill": Kind(
        Means.PROCESS, "node", "kill -9", "silence of what it sent is told by name; the arms hold", lasting=False
    ),
    "stall": Kind(
        Means.PROCESS,
        "topic or node",
        "the process of the node (of the topic's publisher) stands still, then goes on with all that it missed",
        "silence is told by name, the arms hold; what comes late is refused",
    ),
}


@dataclass(frozen=True)
class Fault:
    """A fault, ready to be injected."""

    kind: str
    target: str = ""
    value: float = 0.0

    @property
    def lasting(self) -> bool:
        """Whether it goes on until it is ended."""
        return KINDS[self.kind].lasting

    @property
    def means(self) -> Means:
        """Who causes it."""
        return KINDS[self.kind].means

    def __str__(self) -> str:
        words = [self.kind]
        if self.target:
            words.append(self.target)
        if KINDS[self.kind].value is not None:
            words.append(f"{self.value:g}")
        return ":".join(words)


def parse_fault(text: str, rig: Rig) -> Fault:
    """Read `KIND[:TARGET][:VALUE]`.

    Raises:
        FaultError: no such kind or target, or a value that is none.
    """
    name, *words = text.strip().split(":")
    if name not in KINDS:
        raise FaultError(f"unknown fault '{name}'; {nearest(name, KINDS)}")
    kind = KINDS[name]
    given = words.pop(0) if words and kind.target else ""
    target = _target(name, kind.target, given, rig)
    value = kind.value or 0.0
    if words and kind.value is not None:
        value = _number(text, words.pop(0))
    if words:
        raise FaultError(f"'{text}' says too much: '{':'.join(words)}' is not understood; write {usage(name)}")
    return Fault(name, target, value)


def usage(name: str) -> str:
    """How a kind is written."""
    kind = KINDS[name]
    text = name
    if kind.target:
        text += f":{kind.target.upper().replace(' ', '_')}"
    if kind.value is not None:
        text += f"[:{kind.value:g} {kind.unit}]"
    return text


def describe() -> str:
    """All kinds, for people: what each does, and what the suite should do."""
    lines = []
    for means in Means:
        lines.append(f"\n{means.value}:")
        for name, kind in KINDS.items():
            if kind.means is means:
                once = "" if kind.lasting else " (once)"
                lines += [f"  {usage(name)}", f"      {kind.effect}{once}", f"      expected: {kind.expected}"]
    return "\n".join(lines)


def _target(name: str, target: str, given: str, rig: Rig) -> str:
    cameras = [camera.name for camera in rig.cameras]
    arms = [arm.name for arm in rig.arms]
    valid: dict[str, list[str]] = {"camera": cameras, "arm": arms, "stream": [*cameras, *arms]}
    if target and not given:
        raise FaultError(f"{name}: which {target}? write {usage(name)}")
    if target in valid and given not in valid[target]:
        raise FaultError(f"{name}: no {target} '{given}'; {nearest(given, valid[target])}")
    return given


def _number(text: str, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise FaultError(f"'{text}': '{word}' is not a number") from None
    if not abs(value) <= MAX_TIME_S:
        raise FaultError(f"'{text}': {word} lies outside -{MAX_TIME_S:g} to {MAX_TIME_S:g}")
    return value
