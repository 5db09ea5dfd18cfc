"""A human's commands for one arm, and which of them may count: in form, in order, in time, and possible."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.tick import ControlConfig
from aloe_control.tick_clock import LATE_PERIODS
from aloe_control.watchdog import future_stamp
from aloe_data.kinematics import rotation_from_6d
from aloe_data.rig import Arm, Rig

Array = npt.NDArray[np.float64]
NS: Final = 1_000_000_000
_SLACK: Final = 0.1  # of a rotation's columns, in length and against each other
_FAR_M: Final = 10.0  # no tool is so far away, and none moves so far in a second
_FAST_RAD_S: Final = 50.0
_ROTATION: Final = slice(3, 9)  # of a pose row
RIG_FRAME: Final = "rig"  # the frame common to all arms; "" means the same


class Mode(IntEnum):
    """What a command's values are; the numbers are those of aloe_msgs/TeleopCommand."""

    JOINT_POSITION = 0
    EE_TWIST = 1
    EE_POSE = 2


@dataclass(frozen=True, eq=False)
class HumanCommand:
    """What a device asks of one arm; fields and units as in aloe_msgs/TeleopCommand.

    `sender` is the node that sealed it, and its incarnation; "": nobody that this launch knows.
    """

    arm: str
    stamp_ns: int
    sequence: int
    operator: str
    mode: int
    relative: bool
    deadman: bool
    data: Array
    frame: str = ""
    sender: str = ""


class CommandRefused(ValueError):
    """A command that moves nothing; authority stays as it is."""


class CommandUnsafe(CommandRefused):
    """A command that shows that its device cannot be trusted: the arm is let go at once."""


class CommandGuard:
    """Refuses commands that are malformed, late, repeated, out of order or impossible; one per arm.

    Args:
        rig: for its rate and the age limit of commands.
        arm: whose commands they are.
        config: largest jumps from one command to the next.
    """

    def __init__(self, rig: Rig, arm: Arm, config: ControlConfig) -> None:
        self._arm, self._config = arm, config
        self._period_ns = NS / rig.rate_hz
        self._ahead_ns = LATE_PERIODS * self._period_ns
        self._max_age_ns = rig.takeover.max_age_s * NS
        self._size = {Mode.JOINT_POSITION: arm.dof, Mode.EE_TWIST: 7, Mode.EE_POSE: 10}
        self._last: HumanCommand | None = None

    def check(self, command: HumanCommand, now_ns: int) -> None:
        """Pass a command, or say why not.

        Raises:
            CommandUnsafe: its values are not finite, or no human hand moves so fast.
            CommandRefused: anything else that is wrong with it.
        """
        self._check_form(command)
        self._check_time(command, now_ns)
        last, self._last = self._last, replace(command, deadman=False)  # no reference until its values pass
        if not np.isfinite(command.data).all():
            raise CommandUnsafe(f"{self._name(command)} is not finite; check the device")
        self._check_values(command)
        self._last = command
        if last is not None and last.deadman and command.deadman and last.mode == command.mode:
            self._check_jump(last, command)

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._last = None

    def _check_form(self, command: HumanCommand) -> None:
        name = self._name(command)
        if command.mode not in self._size:
            raise CommandRefused(f"{name} has mode {command.mode}; one of {', '.join(f'{m} {m.name}' for m in Mode)}")
        size = self._size[Mode(command.mode)]
        if command.data.shape != (size,):
            raise CommandRefused(
                f"{name} has {command.data.size} values, {Mode(command.mode).name} for this arm needs {size}; "
                "is the device set up for another arm?"
            )
        if command.mode != Mode.JOINT_POSITION and command.frame not in ("", RIG_FRAME):
            raise CommandRefused(f"{name} is in frame '{command.frame}'; send it in the rig's frame, '{RIG_FRAME}'")

    def _check_time(self, command: HumanCommand, now_ns: int) -> None:
        name, age_ns = self._name(command), now_ns - command.stamp_ns
        if age_ns > self._max_age_ns:
            raise CommandRefused(f"{name} is {age_ns / NS:.3f} s old (limit {self._max_age_ns / NS:g} s)")
        if age_ns < -self._ahead_ns:
            raise CommandRefused(f"{name}: {future_stamp(command.stamp_ns, now_ns)}")
        last = self._last
        if last is None:
            return
        if command.stamp_ns <= last.stamp_ns:
            raise CommandRefused(f"{name} is not newer than number {last.sequence}: repeated or out of order")
        restarted = command.stamp_ns - last.stamp_ns > self._max_age_ns  # a device that starts anew counts anew
        if command.sequence <= last.sequence and not restarted:
            raise CommandRefused(f"{name} comes after number {last.sequence}: repeated, or two devices claim the arm")

    def _check_values(self, command: HumanCommand) -> None:
        """Poses that are none, and places and speeds that no hand means."""
        name, data = self._name(command), command.data
        if command.mode == Mode.EE_POSE:
            columns = data[_ROTATION].reshape(2, 3)
            if not np.abs(columns @ columns.T - np.eye(2)).max() <= _SLACK:
                raise CommandUnsafe(f"{name} has no rotation: its columns are {columns.round(3).tolist()}")
        if command.mode != Mode.JOINT_POSITION and np.abs(data[:3]).max() > _FAR_M:
            unit = "m" if command.mode == Mode.EE_POSE else "m/s"
            raise CommandUnsafe(f"{name} asks for {np.abs(data[:3]).max():.3g} {unit}; check the device's units")
        if command.mode == Mode.EE_TWIST and np.abs(data[3:6]).max() > _FAST_RAD_S:
            raise CommandUnsafe(f"{name} asks for {np.abs(data[3:6]).max():.3g} rad/s; check the device's units")

    def _check_jump(self, last: HumanCommand, command: HumanCommand) -> None:
        periods = max(1.0, (command.stamp_ns - last.stamp_ns) / self._period_ns)
        if command.mode == Mode.JOINT_POSITION:
            step, limit, unit = np.abs(command.data - last.data)[:-1].max(), self._config.max_jump_rad, "rad"
        elif command.mode == Mode.EE_POSE:
            step, limit, unit = np.abs(command.data - last.data)[:3].max(), self._config.max_jump_m, "m"
            turn = _angle_between(last.data[_ROTATION], command.data[_ROTATION])
            if turn > self._config.max_jump_rotation_rad * periods:
                step, limit, unit = turn, self._config.max_jump_rotation_rad, "rad"
        else:
            return
        if step > limit * periods:
            raise CommandUnsafe(
                f"{self._name(command)} jumps by {step:.3f} {unit} (limit {limit:g} a period); check the device"
            )

    def _name(self, command: HumanCommand) -> str:
        return f"command {command.sequence} for '{self._arm.name}'"


def _angle_between(before: Array, after: Array) -> float:
    """Angle in rad between two rotations in their 6D form."""
    cosine = (np.trace(rotation_from_6d(before).T @ rotation_from_6d(after)) - 1.0) / 2.0
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))
