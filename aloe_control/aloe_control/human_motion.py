"""What a human's accepted commands ask of an arm, tick by tick, from wherever the arm is when it is taken over."""

import numpy as np
import numpy.typing as npt

from aloe_control.handover import fade, fade_ticks, joint_fade_limits, pose_fade_limits
from aloe_control.human_commands import HumanCommand
from aloe_control.tick import ControlConfig
from aloe_data.kinematics import rotation_from_6d, rotation_to_6d, rotation_vector
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS, CommandMode

Array = npt.NDArray[np.float64]
_XYZ = slice(0, 3)  # columns of a pose row
_ROTATION = slice(3, 9)
_GRIPPER = 9


class HumanMotion:
    """Bumpless: the arm starts where it is, whatever the device says.

    An absolute device (a leader arm) differs from the arm by an offset, which fades as slowly as its size asks for. A
    relative one (clutched) keeps it for good. A velocity moves a target that began at the tool and stays near it.

    Args:
        rig: Rig with its rate and the age limit of commands.
        arm: Arm that is moved.
        config: Parameters with the speeds of the hand-over.
    """

    def __init__(self, rig: Rig, arm: Arm, config: ControlConfig) -> None:
        self._arm = arm
        self._config = config
        self._dt_s = 1.0 / rig.rate_hz
        self._max_age_ns = rig.takeover.max_age_s * NS
        self._grace_ns = config.engage_grace_s * NS
        self._limits = {
            CommandMode.JOINT_POSITION: joint_fade_limits(arm, config, rig.rate_hz),
            CommandMode.EE_POSE: pose_fade_limits(arm, config, rig.rate_hz),
        }
        self.engage(0)

    def engage(self, now_ns: int) -> None:
        """The arm is taken over: only commands from now on count."""
        self._taken_ns = now_ns
        self._command: HumanCommand | None = None
        self._command_ns = 0  # from when on it ages
        self._reference: HumanCommand | None = None  # the command at which the offset was taken
        self._offset = np.zeros(0)
        self._turn = np.zeros(3)
        self._start = np.zeros(0)
        self._step = 0

    def offer(self, command: HumanCommand, now_ns: int) -> None:
        """A command that passed the guard and arrived now; it ages from its stamp, or from now if that is earlier."""
        made_ns = min(command.stamp_ns, now_ns)
        if made_ns >= self._taken_ns:
            self._command = command
            self._command_ns = made_ns

    def problem(self, now_ns: int) -> str:
        """ "" or why the arm must be let go."""
        command = self._command
        if command is None:
            grace = f"{self._config.engage_grace_s:g} s"
            return f"no command within {grace} of the takeover" if self._late(now_ns) else ""
        if not command.deadman:
            return "the deadman control was let go" if self._reference is not None or self._late(now_ns) else ""
        age_ns = now_ns - self._command_ns
        if age_ns > self._max_age_ns:
            return f"the device is silent for {age_ns / NS:.3f} s (limit {self._max_age_ns / NS:g} s)"
        return ""

    def target(self, joints: Array, pose: Array) -> tuple[CommandMode, Array] | None:
        """What is asked for this tick: joints [dof], or a pose row [10]; None: hold.

        Args:
            joints: Last commanded joint positions [dof].
            pose: Pose row [10] that belongs to them.
        """
        command = self._command
        if command is None or not command.deadman:
            return None
        mode = CommandMode(command.mode)
        if self._reference is None or (self._reference.mode, self._reference.relative) != (mode, command.relative):
            self._begin(command, pose if mode is not CommandMode.JOINT_POSITION else joints)
        self._step += 1
        if mode is CommandMode.EE_TWIST:
            return CommandMode.EE_POSE, self._drive(command.data, pose)
        if command.relative:
            return mode, self._shifted(mode, command.data)
        return mode, self._approached(mode, command.data)

    def _begin(self, command: HumanCommand, here: Array) -> None:
        self._reference = command
        self._start = here.copy()
        self._step = 0
        if command.mode == CommandMode.EE_TWIST:
            return
        self._offset = here - command.data
        size = self._offset.copy()
        if command.mode == CommandMode.EE_POSE:
            turn = rotation_from_6d(here[_ROTATION]) @ rotation_from_6d(command.data[_ROTATION]).T
            self._turn = rotation_vector(turn)
            size[_ROTATION] = np.linalg.norm(self._turn)
        self._ticks = fade_ticks(size, self._limits[CommandMode(command.mode)])

    def _approached(self, mode: CommandMode, data: Array) -> Array:
        """An absolute command, with what is left of the difference to it; that of a rotation fades as an angle."""
        left = fade(self._step, self._ticks)
        value: Array = data + left * self._offset
        if mode is CommandMode.EE_POSE:
            turn = _rotation(left[_ROTATION][0] * self._turn)
            value[_ROTATION] = rotation_to_6d(turn @ rotation_from_6d(data[_ROTATION]))
        return value

    def _shifted(self, mode: CommandMode, data: Array) -> Array:
        """A relative command: the device's motion since it was engaged, done by the arm. The gripper is absolute."""
        assert self._reference is not None
        value = data + self._offset
        value[-1] = data[-1] + fade(self._step, self._ticks)[-1] * self._offset[-1]
        if mode is CommandMode.EE_POSE:
            turn = rotation_from_6d(data[_ROTATION]) @ rotation_from_6d(self._reference.data[_ROTATION]).T
            value[_ROTATION] = rotation_to_6d(turn @ rotation_from_6d(self._start[_ROTATION]))
        return value

    def _drive(self, twist: Array, pose: Array) -> Array:
        """Move the target by a twist [7] for one tick, on a leash from the tool."""
        target = self._start
        target[_XYZ] = pose[_XYZ] + _clamped(target[_XYZ] + twist[:3] * self._dt_s - pose[_XYZ], self._config.leash_m)
        here = rotation_from_6d(pose[_ROTATION])
        turned = _rotation(twist[3:6] * self._dt_s) @ rotation_from_6d(target[_ROTATION])
        ahead = _clamped(rotation_vector(turned @ here.T), self._config.leash_rad)
        target[_ROTATION] = rotation_to_6d(_rotation(ahead) @ here)
        gripper = self._arm.gripper
        target[_GRIPPER] = np.clip(target[_GRIPPER] + twist[6] * self._dt_s, gripper.lower, gripper.upper)
        return target.copy()

    def _late(self, now_ns: int) -> bool:
        return now_ns - self._taken_ns > self._grace_ns


def _clamped(vector: Array, length: float) -> Array:
    size = float(np.linalg.norm(vector))
    return vector if size <= length else vector * (length / size)


def _rotation(vector: Array) -> Array:
    """Rotation matrix of a rotation vector [3] in rad (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    result: Array = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * (cross @ cross)
    return result
