"""Whose turn it is on one arm, judged by what people asked for alone."""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from aloe_control.human_commands import HumanCommand
from aloe_data.chunk import Chunk
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS, CommandMode

Array = npt.NDArray[np.float64]
_TOLERANCE = 1e-6  # rad or m
_SIZES = {1: 7, 2: 10}  # values of a Cartesian command by mode; joint positions have one per joint
_FRAMES = ("", "rig")


class Turn(Enum):
    """Who may command an arm."""

    STOPPED = "motion is not enabled"
    POLICY = "it is the policy's turn"
    HUMAN = "it is in human hands"
    NOBODY = "it is nobody's turn"


@dataclass
class ArmTurn:
    """The turn on one arm, since when, and the newest command that may be followed.

    Attributes:
        ahead_ns: How far in the future a stamp may lie before it is void.
        holder: Device, in this run of it, that has the arm in a human turn.
        operator: whose hands, in a human turn.
        since_ns: begin of the turn; what was observed or commanded earlier is stale.
        fresh_until_ns: until when the newest good command may be followed.
        newest: the newest good command of this turn, if one has come.
        slack_ns: how far apart what happened and the time of its record may lie.
    """

    rig: Rig
    arm: Arm
    ahead_ns: float
    slack_ns: int = 0
    turn: Turn = Turn.STOPPED
    holder: str = ""
    operator: str = ""
    since_ns: int = 0
    fresh_until_ns: int = 0
    newest: HumanCommand | None = None
    _orders: dict[str, tuple[int, int]] = field(default_factory=dict)  # by device: its last command's stamp, sequence
    _gap: Array | None = None  # between what was asked of the joints and what is requested
    _asked: Array | None = None  # what was requested then
    _before: tuple[Turn, str] = (Turn.STOPPED, "")

    def begin(self, turn: Turn, now_ns: int, holder: str = "", operator: str = "") -> None:
        """Another turn."""
        self._before = self.turn, self.operator
        self.turn = turn
        self.since_ns = now_ns - self.slack_ns
        self.holder = holder
        self.operator = operator
        self.fresh_until_ns = 0
        self.newest = None
        self._gap = None
        self._asked = None

    def forget(self) -> None:
        """The clock was set: earlier stamps mean nothing."""
        self._orders.clear()

    def possible(self, now_ns: int) -> list[tuple[Turn, str]]:
        """The turn and its operator; with slack also those before, for a short time."""
        recent = now_ns - self.since_ns < 2 * self.slack_ns  # it began that much later than `since_ns` says
        return [(self.turn, self.operator), *([self._before] if recent else [])]

    def command(self, command: HumanCommand, now_ns: int) -> None:
        """A human's command has arrived."""
        device = command.sender or command.operator
        if self.turn is Turn.HUMAN and self.holder != device:
            return
        if not self._in_order(command, device, now_ns) or self.turn is not Turn.HUMAN:
            return
        if not command.deadman:
            self.fresh_until_ns = 0
        elif not np.isfinite(command.data).all():
            self.begin(Turn.NOBODY, now_ns)
        elif command.stamp_ns >= self.since_ns:
            self._gap = self._gap if _same_kind(self.newest, command) else None
            self.newest = command
            self.fresh_until_ns = command.stamp_ns + round(self.rig.takeover.max_age_s * NS)

    def strays(self, requested: Array) -> bool:
        """Whether requested joints [dof] move away from those that the hand asks for; nearer or alongside is right.

        An offset from before the turn may fade or stay. It also grows where the hand moves on and the arm comes after
        it; where the arm itself leaves the hand, something else than the hand is followed.
        """
        if self.newest is None or self.newest.mode != CommandMode.JOINT_POSITION or self.slack_ns:
            return False  # with slack it is not known which command was the newest one
        before = self._gap
        asked = self._asked
        self._gap = np.abs(requested - self.newest.data)
        self._asked = requested
        if before is None or asked is None:
            return False
        moves = np.abs(requested - asked) > _TOLERANCE  # an arm that waits is left behind by the hand
        grows = self._gap > before + _TOLERANCE
        leaves = self._gap > np.abs(asked - self.newest.data) + _TOLERANCE  # wherever the hand is now
        return bool((moves & grows & leaves).any())

    def stale_chunk(self, chunk: Chunk, now_ns: int) -> str:
        """ "" or why a chunk may not be followed at this time."""
        if chunk.data.shape[1] != self.rig.action_dim or not np.isfinite(chunk.data).all():
            return f"chunk {chunk.chunk_id} is malformed"
        if chunk.stamp_ns < self.since_ns:
            return f"chunk {chunk.chunk_id} is from before the policy's turn on '{self.arm.name}'"
        if now_ns - chunk.stamp_ns > self.rig.policy_max_age_s * NS:
            return f"chunk {chunk.chunk_id} is {(now_ns - chunk.stamp_ns) / NS:.3f} s old"
        return ""

    def _in_order(self, command: HumanCommand, device: str, now_ns: int) -> bool:
        """Whether a command is well-formed, of this time, and newer than the operator's last one."""
        size = _SIZES.get(command.mode, self.arm.dof)
        if command.data.shape != (size,) or (command.mode in _SIZES and command.frame not in _FRAMES):
            return False
        age_ns = now_ns - command.stamp_ns
        if age_ns > self.rig.takeover.max_age_s * NS or age_ns < -self.ahead_ns:
            return False
        stamp_ns, sequence = self._orders.get(device, (-1, -1))
        since_ns = command.stamp_ns - stamp_ns
        anew = since_ns > self.rig.takeover.max_age_s * NS  # a device that starts anew counts anew
        if since_ns <= 0 or (command.sequence <= sequence and not anew):
            return False
        self._orders[device] = command.stamp_ns, command.sequence
        return True


def _same_kind(one: HumanCommand | None, other: HumanCommand) -> bool:
    return one is not None and (one.mode, one.relative) == (other.mode, other.relative)
