"""A human's commands for one arm, and which of them may count: in form, in order, in time, and possible."""

from collections import deque
from dataclasses import dataclass
from typing import Final, NoReturn

import numpy as np
import numpy.typing as npt

from aloe_control.joints import FAR_M, FAR_RAD, by_unit
from aloe_control.tick import ControlConfig
from aloe_control.tick_clock import LATE_PERIODS
from aloe_control.watchdog import future_stamp
from aloe_data.kinematics import rotation_from_6d
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS, CommandMode

Array = npt.NDArray[np.float64]
_SLACK: Final = 0.1  # of a rotation's columns, in length and against each other
_BEYOND_RAD: Final = 0.5  # how far a leader's joint may go beyond the arm's limits, which the arm does not leave
_BEYOND_M: Final = 0.05
_SLOWEST_RAD_S: Final = 3.0  # hands do move so fast, however slow the arm is
_SLOWEST_M_S: Final = 0.5
_SPEED_NS: Final = 60_000_000  # three periods at 50 Hz: stamps and encoders are too coarse for less
_ROTATION: Final = slice(3, 9)  # of a pose row
RIG_FRAME: Final = "rig"  # the frame common to all arms; "" means the same


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
        rig: Rig with its rate and the age limit of commands.
        arm: Arm that the commands are for.
        config: Parameters with the speeds of hands.
    """

    def __init__(self, rig: Rig, arm: Arm, config: ControlConfig) -> None:
        self._arm = arm
        self._config = config
        self._ahead_ns = LATE_PERIODS * NS / rig.rate_hz
        self._max_age_ns = rig.takeover.max_age_s * NS
        self._size = {CommandMode.JOINT_POSITION: arm.dof, CommandMode.EE_TWIST: 7, CommandMode.EE_POSE: 10}
        self._last: HumanCommand | None = None
        self._recent: deque[HumanCommand] = deque()  # of the last moments, all with deadman and in one mode
        joints = arm.all_joints
        beyond = by_unit(joints, _BEYOND_RAD, _BEYOND_M)
        far = by_unit(joints, FAR_RAD, FAR_M)
        lower = np.array([joint.lower for joint in joints]) - beyond
        upper = np.array([joint.upper for joint in joints]) + beyond
        # A clutched device may stand anywhere; only its gripper counts as it is.
        apart = np.array([True] * len(arm.joints) + [False])
        self._ranges = {False: (lower, upper), True: (np.where(apart, -far, lower), np.where(apart, far, upper))}
        speed = config.hand_speed_ratio * np.array([joint.max_velocity for joint in arm.joints])
        self._fastest = np.maximum(speed, by_unit(arm.joints, _SLOWEST_RAD_S, _SLOWEST_M_S))

    def check(self, command: HumanCommand, now_ns: int) -> None:
        """Pass a command, or say why not.

        Raises:
            CommandUnsafe: its values are not finite, or no human hand moves so fast.
            CommandRefused: anything else that is wrong with it.
        """
        self._check_form(command)
        self._check_time(command, now_ns)
        self._last = command
        if not np.isfinite(command.data).all():
            raise CommandUnsafe(f"{self._name(command)} is not finite; check the device")
        self._check_values(command)
        self._check_speed(command)

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._last = None
        self._recent.clear()

    def _check_form(self, command: HumanCommand) -> None:
        name = self._name(command)
        if command.mode not in self._size:
            raise CommandRefused(
                f"{name} has mode {command.mode}; one of {', '.join(f'{m} {m.name}' for m in CommandMode)}"
            )
        size = self._size[CommandMode(command.mode)]
        if command.data.shape != (size,):
            raise CommandRefused(
                f"{name} has {command.data.size} values, {CommandMode(command.mode).name} for this arm needs {size}; "
                "is the device set up for another arm?"
            )
        if command.mode != CommandMode.JOINT_POSITION and command.frame not in ("", RIG_FRAME):
            raise CommandRefused(f"{name} is in frame '{command.frame}'; send it in the rig's frame, '{RIG_FRAME}'")

    def _check_time(self, command: HumanCommand, now_ns: int) -> None:
        name = self._name(command)
        age_ns = now_ns - command.stamp_ns
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
        """Poses that are none, and places that no device can mean: nothing else stands against a first command."""
        data = command.data
        if command.mode == CommandMode.EE_TWIST:
            self._check_twist(command)
            return
        if command.mode == CommandMode.EE_POSE:
            columns = data[_ROTATION].reshape(2, 3)
            is_small = bool(np.abs(columns).max() <= 2.0)  # products of what is not could overflow
            if not is_small or not np.abs(columns @ columns.T - np.eye(2)).max() <= _SLACK:
                name = self._name(command)
                raise CommandUnsafe(f"{name} has no rotation: its columns are {columns.round(3).tolist()}")
            if np.abs(data[:3]).max() > FAR_M:
                self._refuse(command, f"asks for {np.abs(data[:3]).max():.3g} m")
        joints = data if command.mode == CommandMode.JOINT_POSITION else data[-1:]
        lower, upper = (limits[-len(joints) :] for limits in self._ranges[command.relative])
        beyond = np.maximum(lower - joints, joints - upper)
        worst = int(beyond.argmax())
        if beyond[worst] > 0.0:
            joint = self._arm.all_joints[worst - len(joints)]
            span = f"{lower[worst]:.3g} to {upper[worst]:.3g}"
            self._refuse(
                command, f"asks for {joints[worst]:.3g} {joint.unit} of '{joint.name}', which is not in {span}"
            )

    def _check_twist(self, command: HumanCommand) -> None:
        speed = np.abs(command.data[:3]).max()
        turn = np.abs(command.data[3:6]).max()
        if speed > self._config.hand_speed_m_s:
            self._refuse(command, f"asks for {speed:.3g} m/s (limit {self._config.hand_speed_m_s:g})")
        if turn > self._config.hand_speed_rad_s:
            self._refuse(command, f"asks for {turn:.3g} rad/s (limit {self._config.hand_speed_rad_s:g})")
        if abs(command.data[6]) > FAR_M:
            self._refuse(command, f"moves the gripper by {command.data[6]:.3g} {self._arm.gripper.unit}/s")

    def _check_speed(self, command: HumanCommand) -> None:
        """Whether a hand moves like that; a leader arm that is let go falls, and gathers speed until it lands.

        Speeds are taken over `_SPEED_NS`, so that a glitch of one sample counts as much as it moves the arm.
        """
        if not command.deadman or (self._recent and not _continues(self._recent[-1], command)):
            self._recent.clear()
        if command.deadman:
            self._recent.append(command)
        while len(self._recent) > 2 and command.stamp_ns - self._recent[1].stamp_ns >= _SPEED_NS:
            self._recent.popleft()
        if len(self._recent) < 2 or command.mode == CommandMode.EE_TWIST:
            return
        before = self._recent[0]
        seconds = max(command.stamp_ns - before.stamp_ns, _SPEED_NS) / NS
        if command.mode == CommandMode.EE_POSE:
            way = float(np.linalg.norm(command.data[:3] - before.data[:3])) / seconds
            turn = _angle_between(before.data[_ROTATION], command.data[_ROTATION]) / seconds
            self._refuse_fast(command, way, self._config.hand_speed_m_s, "m/s")
            self._refuse_fast(command, turn, self._config.hand_speed_rad_s, "rad/s")
            return
        speeds = np.abs(command.data - before.data)[:-1] / seconds
        worst = int((speeds / self._fastest).argmax())
        joint = self._arm.joints[worst]
        self._refuse_fast(command, speeds[worst], self._fastest[worst], f"{joint.unit}/s in '{joint.name}'")

    def _refuse_fast(self, command: HumanCommand, speed: float, limit: float, unit: str) -> None:
        if speed > limit:
            self._refuse(
                command, f"jumps or falls with {speed:.2f} {unit} (limit {limit:g}): nobody leads an arm so fast"
            )

    def _refuse(self, command: HumanCommand, what: str) -> NoReturn:
        raise CommandUnsafe(f"{self._name(command)} {what}; check the device and its units")

    def _name(self, command: HumanCommand) -> str:
        return f"command {command.sequence} for '{self._arm.name}'"


def _continues(before: HumanCommand, command: HumanCommand) -> bool:
    return (before.mode, before.relative, before.sender) == (command.mode, command.relative, command.sender)


def _angle_between(before: Array, after: Array) -> float:
    """Angle in rad between two rotations in their 6D form."""
    cosine = (np.trace(rotation_from_6d(before).T @ rotation_from_6d(after)) - 1.0) / 2.0
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))
