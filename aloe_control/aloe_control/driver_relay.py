"""The law between the commands to one arm and its drive: what goes to the motors, whatever comes in.

The relay stands on the robot's side of every link, as the last one who can say no. It follows one writer whose commands
are fresh, finite, within the limits and within reach of one another, no faster than the arm may move in measured time
and never further ahead of where the arm is measured than a healthy one lags at full speed: what blocks an arm does not
wind it up. In every other case the arm is held where it is measured: the set point is never further from there than a
slack that is too small to be called a jump. So an arm that was held while blocked, moved by hand, switched off or cut
off does not jump when it is free again.

A gripper closes on things and so seldom stands where it is told. It is not compared with what is measured but moved at
its own speed, and when the arm is held it keeps its grip until the fingers have moved. Pure; time is an argument.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.relay_commands import Command, Refusal, bad_leap, bad_start, bad_time, bad_values
from aloe_control.relay_limits import RelayLimits
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]
TIMEOUT_NS: Final = 100_000_000  # age and silence of commands
WRITER_NS: Final = NS  # a writer that said nothing for so long may be succeeded


class DriverRelay:
    """Decides what one arm's driver is sent.

    Args:
        limits: What the arm may do.
        timeout_ns: Silence after which the arm is held, and age at which a command is refused, in the unit of
            `now_ns`.
    """

    def __init__(self, limits: RelayLimits, timeout_ns: int = TIMEOUT_NS) -> None:
        self._limits = limits
        self._timeout_ns = timeout_ns
        self._measured = np.full(limits.lower.shape, np.nan)
        self._measured_ns: int | None = None
        self._set: Array | None = None
        self._target: Array | None = None
        self._grip: float | None = None  # where the fingers stood when the hold began; None: to be looked at
        self._stepped_ns: int | None = None
        self._accepted_ns = 0
        self._writer = ""
        self._writer_ns = 0
        self._reason = "no command yet"

    @property
    def state(self) -> str:
        """What the arm does, in words."""
        if self._set is None:
            return f"nothing is sent: {self._reason}"
        if self._target is None:
            return f"holds where it is measured: {self._reason}"
        return f"follows {self._writer}"

    @property
    def following(self) -> bool:
        """Whether an accepted command is followed."""
        return self._target is not None

    def measured(self, positions: Array, age_ns: int, now_ns: int) -> None:
        """Take measured joint positions; those that are not finite, not of this arm or not of this time count as none.

        Args:
            positions: Joint positions [dof], gripper last [rad; m].
            age_ns: Time since their stamp; negative for a stamp in the future.
            now_ns: Steady time.
        """
        values = np.asarray(positions, float)
        measured_ns = now_ns - max(0, age_ns)
        if values.shape != self._limits.lower.shape or not np.isfinite(values).all():
            return
        if age_ns < -self._limits.ahead_ns or (self._measured_ns is not None and measured_ns < self._measured_ns):
            return
        self._measured = values.copy()
        self._measured_ns = measured_ns

    def command(self, command: Command, now_ns: int) -> Refusal | None:
        """Take a command; None where it is obeyed.

        Args:
            command: A command whose seal is true.
            now_ns: Steady time.
        """
        self._look_at_time(now_ns)
        refusal = self._refusal(command, now_ns)
        if command.sender == self._writer:
            self._writer_ns = now_ns
        if refusal is None:
            self._accept(command, now_ns)
        elif refusal.holds:
            self.hold(refusal.text)
        return refusal

    def hold(self, reason: str) -> None:
        """Hold the arm where it is measured from now on, until a command is obeyed again."""
        if self._target is not None:
            self._grip = None
        self._target = None
        self._reason = reason

    def step(self, now_ns: int) -> Array | None:
        """The set point [dof] that the driver is to have now; None before the first command was obeyed.

        Args:
            now_ns: Steady time.
        """
        self._look_at_time(now_ns)
        before_ns = now_ns if self._stepped_ns is None else self._stepped_ns
        self._stepped_ns = now_ns
        if self._set is None:
            return None
        if self._target is not None:
            reach = self._limits.reach((now_ns - before_ns) / NS)
            wanted = self._set + np.clip(self._target - self._set, -reach, reach)
            # An arm that is blocked or moved by hand draws its set point along.
            leash = self._limits.leash
            self._set = np.clip(wanted, self._measured - leash, self._measured + leash)
        elif self._is_seen(now_ns):
            self._stay()
        return self._set.copy()

    def _look_at_time(self, now_ns: int) -> None:
        """Hold after a silence, be it the writer's or that of this process, which heard nobody while it stood still."""
        silent_ns = now_ns - self._accepted_ns
        if self._target is not None and silent_ns > self._timeout_ns:
            self.hold(f"no command for {silent_ns / NS:.2f} s")

    def _is_seen(self, now_ns: int) -> bool:
        """Whether it is known where the arm is; for a held arm, that is to be known by now."""
        max_age_ns = self._limits.max_age_ns
        if self._target is None:
            max_age_ns = min(max_age_ns, self._timeout_ns)
        return self._measured_ns is not None and now_ns - self._measured_ns <= max_age_ns

    def _stay(self) -> None:
        """Let the set point be drawn along by an arm that is not where it should be."""
        assert self._set is not None
        slack = self._limits.slack
        stays = np.clip(self._set, self._measured - slack, self._measured + slack)
        fingers = float(self._measured[-1])
        if self._grip is None:
            self._grip = fingers
        moved = abs(fingers - self._grip) > slack[-1]
        if moved:
            self._grip = fingers
        else:
            stays[-1] = self._set[-1]
        self._set = stays

    def _refusal(self, command: Command, now_ns: int) -> Refusal | None:
        """Why a command is not obeyed; None: it is."""
        another = self._writer and command.sender != self._writer
        if another and now_ns - self._writer_ns <= max(WRITER_NS, self._timeout_ns):
            text = f"'{command.sender}' commands beside '{self._writer}', which is followed; stop one of the two"
            return Refusal("writer", text)
        return (
            bad_time(command, self._limits, self._timeout_ns)
            or bad_values(command, self._limits, self._measured)
            or self._out_of_reach(command, now_ns)
        )

    def _out_of_reach(self, command: Command, now_ns: int) -> Refusal | None:
        if not self._is_seen(now_ns):
            text = "where the arm is, is not known: its joint states are missing, or stamped by another clock"
            return Refusal("not measured", text, holds=True)
        if command.hold:
            return None
        if self._target is None:
            return bad_start(command, self._limits, self._measured)
        return bad_leap(command, self._limits, self._target, (now_ns - self._accepted_ns) / NS)

    def _accept(self, command: Command, now_ns: int) -> None:
        self._writer = command.sender
        self._writer_ns = now_ns
        self._accepted_ns = now_ns
        if command.hold:
            self.hold(f"told so by {command.sender}")
            return
        if self._set is None:
            self._set = self._measured.copy()
        if self._target is None and self._stepped_ns is not None:
            # What passed while the arm was held is no time to move in.
            self._stepped_ns = max(self._stepped_ns, now_ns - self._limits.period_ns)
        self._target = command.positions.copy()
