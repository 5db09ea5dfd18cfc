"""Hands of a random operator: how each commands its arm, and where it wanders."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.joint_requests import RequestSolver
from aloe_data.kinematics import rotation_from_6d, rotation_from_rpy, rotation_to_6d
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode

Array = npt.NDArray[np.float64]
_XYZ = slice(0, 3)  # of a pose row: its position
_ROTATION = slice(3, 9)  # and its rotation in six numbers
_MODES = (  # of commands: their kind, and whether they are relative to where the hand was at the takeover
    (CommandMode.JOINT_POSITION, False),
    (CommandMode.JOINT_POSITION, True),
    (CommandMode.EE_POSE, True),
    (CommandMode.EE_TWIST, True),
)


@dataclass
class Hand:
    """An operator's device for one arm.

    Attributes:
        mode: Kind of its commands.
        relative: Whether they are relative to where the hand was at the takeover.
        home: Values around which it wanders, by mode.
        reach: How far it wanders from there, in units of the values.
        phase: Where on its way it is at time 0, rad.
        held: Whether the operator holds the device's deadman switch.
    """

    mode: CommandMode
    relative: bool
    home: Array
    reach: float
    phase: float
    held: bool = False

    def data(self, time_s: float) -> Array:
        """What it sends at a time: values by mode."""
        wave = self.reach * np.sin(1.7 * time_s + self.phase + np.arange(len(self.home)))
        wave[-1] = 0.0  # the gripper stays
        if self.mode is not CommandMode.EE_POSE:
            return self.home + wave
        # A tracked hand turns: waves on the six values of a rotation would make a row that is no rotation.
        turned = rotation_from_rpy(wave[_ROTATION][:3]) @ rotation_from_6d(self.home[_ROTATION])
        return np.concatenate((self.home[_XYZ] + wave[_XYZ], rotation_to_6d(turned), self.home[-1:]))


def draw_hand(rig: Rig, arm: str, solver: RequestSolver, rng: np.random.Generator) -> Hand:
    """A device of any kind for an arm.

    Args:
        rig: Description of the arms.
        arm: Name of the arm.
        solver: Solver of the rig's poses; it is begun anew.
        rng: Generator that draws kind and motion.
    """
    mode, relative = _MODES[int(rng.integers(len(_MODES)))]
    solver.begin(np.concatenate([a.home for a in rig.arms]))
    reach = 0.05
    if mode is CommandMode.JOINT_POSITION:
        joints = np.array(rig.arm(arm).home)
        home = joints + np.append(rng.uniform(-0.4, 0.4, len(joints) - 1), 0.0)
        reach = 0.3
    elif mode is CommandMode.EE_POSE:
        home = solver.here(arm)[1]
    else:
        home = np.zeros(7)
    return Hand(mode, relative, home, reach, rng.uniform(0.0, 6.0))
