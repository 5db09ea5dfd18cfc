"""The commands that a bag holds: to which tick each belongs, of which session they are, and which are a stranger's."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from aloe_msgs.msg import ArmCommand
from sensor_msgs.msg import JointState

from aloe_control.audit_findings import Kind, Unsafe
from aloe_control.tick import TickResult
from aloe_data.codecs import select_joints
from aloe_data.recording import recorded_commands
from aloe_data.rig import Rig
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.vocabulary import NS

_AHEAD_NS = 100_000_000  # by which a command may be received before its stamp: clocks of two machines differ
_OTHER_CLOCK_NS = 3_600_000_000_000  # stamps are not of the recorder's clock, as in simulated time


@dataclass(frozen=True, eq=False)
class _Command:
    positions: npt.NDArray[np.float64]
    hold: bool = False
    sender: str = ""
    session: str = ""
    early_ns: int = 0  # by which it was received before its stamp


class SentCommands:
    """Commands by arm and time of their tick.

    Args:
        rig: Rig whose arms are commanded.
    """

    def __init__(self, rig: Rig) -> None:
        self._arms = recorded_commands(rig)
        self._sent: dict[tuple[str, int], list[_Command]] = {}

    def take(self, topic: str, message: Any, time_ns: int) -> bool:
        """Keep a message that is a command; whether it is one."""
        arm = self._arms.get(topic)
        if arm is None:
            return False
        if isinstance(message, ArmCommand):
            stamp_ns = stamp_to_ns(message.header.stamp)
            seal = message.seal
            positions = np.array(message.positions, float)
            command = _Command(positions, message.hold, seal.sender, seal.session, stamp_ns - time_ns)
            self._sent.setdefault((arm.name, stamp_ns), []).append(command)
        elif isinstance(message, JointState):  # a Float64MultiArray has no stamp to find its tick by
            values = np.array(select_joints(message.name, message.position, arm), float)
            self._sent.setdefault((arm.name, stamp_to_ns(message.header.stamp)), []).append(_Command(values))
        return True

    @property
    def session(self) -> str:
        """Session of the node that commanded the arms; "" in bags from before there were sessions."""
        return self._most_frequent("session")

    def complete(self, result: TickResult) -> TickResult:
        """A recorded tick with the commands that were really sent; with those that it names where none is known."""
        arms = []
        commands = {}
        for arm in result.arms:
            sent = self._sent.get((arm.arm, result.stamp_ns))
            arms.append(arm if sent is None else replace(arm, hold=sent[-1].hold))
            if result.armed:
                commands[arm.arm] = arm.executed if sent is None else sent[-1].positions
        return replace(result, arms=tuple(arms), commands=commands)

    def strangers(self, ticks_ns: Iterable[int]) -> Iterator[Unsafe]:
        """Commands that belong to no tick, are two for one, or of somebody else's making; and those from the future."""
        known = set(ticks_ns)
        first_ns = min(known, default=0)
        last_ns = max(known, default=0)
        ours = self.session, self._most_frequent("sender")
        for (arm, stamp_ns), commands in self._sent.items():
            inside = first_ns < stamp_ns < last_ns
            foreign = any((command.session, command.sender) != ours for command in commands)
            if len(commands) > 1 or foreign or (inside and stamp_ns not in known):
                yield Unsafe(-1, stamp_ns, Kind.SOURCE, f"somebody else than control_node commands '{arm}'")
            early_ns = max(command.early_ns for command in commands)
            if _AHEAD_NS < early_ns < _OTHER_CLOCK_NS:
                words = f"a command for '{arm}' is received {early_ns / NS:.3f} s before it is stamped"
                yield Unsafe(-1, stamp_ns, Kind.STALE, words)

    def _most_frequent(self, name: str) -> str:
        counts = Counter(getattr(command, name) for commands in self._sent.values() for command in commands)
        return str(counts.most_common(1)[0][0]) if counts else ""
