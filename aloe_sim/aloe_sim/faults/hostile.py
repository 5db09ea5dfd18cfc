"""Chunks and human commands that nobody should follow, made from good ones."""

from collections import deque
from dataclasses import replace

import numpy as np

from aloe_control.human_commands import HumanCommand
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import NS
from aloe_sim.faults.kinds import Fault

LEAP = 2.0  # rad, m, or m/s: out of reach in any of them
KEPT = 3  # human commands that are remembered, for those that come again


def spoilt_chunk(fault: Fault, chunk: Chunk, now_ns: int) -> Chunk:
    """A chunk as `nan_chunk`, `jump_chunk` or `late_chunk` would have it sent now."""
    if fault.kind == "late_chunk":
        return replace(chunk, stamp_ns=max(0, now_ns - round(fault.value * NS)))
    data = chunk.data.copy()
    if fault.kind == "nan_chunk":
        data[0, 0] = np.nan
    else:
        data[len(data) // 2 :] += LEAP
    return replace(chunk, stamp_ns=now_ns, data=data)


def spoilt_command(fault: Fault, command: HumanCommand, now_ns: int) -> HumanCommand:
    """What follows a command as `nan_command`, `jump_command` or `late_command` would have it sent now."""
    command = replace(command, sequence=command.sequence + 1)
    if fault.kind == "late_command":
        return replace(command, stamp_ns=max(0, now_ns - round(fault.value * NS)))
    data = command.data.copy()
    data[0] = np.nan if fault.kind == "nan_command" else data[0] + LEAP
    return replace(command, stamp_ns=now_ns, data=data)


class Echoes:
    """What answers to every human command while `duplicate_commands` or `shuffled_commands` is on."""

    def __init__(self) -> None:
        self._on: set[tuple[str, str]] = set()  # (kind, arm)
        self._earlier: dict[str, deque[HumanCommand]] = {}

    def begin(self, fault: Fault) -> None:
        """From now on."""
        self._on.add((fault.kind, fault.target))

    def end(self, fault: Fault) -> None:
        """No longer."""
        self._on.discard((fault.kind, fault.target))

    def answers(self, command: HumanCommand) -> list[HumanCommand]:
        """What is sent behind a command."""
        earlier = self._earlier.setdefault(command.arm, deque(maxlen=KEPT))
        answers = [command] if ("duplicate_commands", command.arm) in self._on else []
        if ("shuffled_commands", command.arm) in self._on and earlier:
            answers.append(earlier[0])
        earlier.append(command)
        return answers
