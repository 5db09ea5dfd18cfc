"""Joint positions of a LeRobot dataset in the rig's units, and what they cannot be."""

import numpy as np
from numpy.typing import NDArray

from aloe_data.lerobot_format import DatasetError, joint_names
from aloe_data.lerobot_info import DEGREES
from aloe_data.rig import Arm, Rig
from aloe_data.urdf import load_chain
from aloe_data.urdf_joint import UrdfError

_BEYOND = 0.5  # rad or m outside its limits that a joint may be measured; degrees soon are farther


class Joints:
    """Takes positions over into rad and m.

    Args:
        rig: Rig whose joints they are.
        units: Unit of the dataset's angles, "radians" or "degrees". Lengths and grippers stay as they are.

    Raises:
        DatasetError: a URDF that does not say which joints turn.
    """

    def __init__(self, rig: Rig, units: str) -> None:
        joints = [joint for arm in rig.arms for joint in arm.all_joints]
        self._names = joint_names(rig)
        self._lower = np.array([joint.lower for joint in joints])
        self._upper = np.array([joint.upper for joint in joints])
        self._degrees = units == DEGREES
        self._scale = np.ones(rig.state_dim)
        if self._degrees:
            turning = [turns for arm in rig.arms for turns in _turning(arm)]
            self._scale[turning] = np.pi / 180

    def convert(self, rows: NDArray[np.float64], where: str) -> NDArray[np.float32]:
        """Positions [T, S] in the rig's order, in its units.

        Args:
            rows: Positions [T, S] as the dataset has them.
            where: Dataset, episode and feature, for messages.

        Raises:
            DatasetError: a value that is not finite, or far outside its joint's limits.
        """
        positions = rows * self._scale
        inside = (positions >= self._lower - _BEYOND) & (positions <= self._upper + _BEYOND)  # NaN is not
        if not inside.all():
            frame, joint = np.argwhere(~inside)[0]
            self._refuse(float(rows[frame, joint]), int(joint), f"{where}, frame {frame}")
        return positions.astype(np.float32)

    def _refuse(self, value: float, joint: int, where: str) -> None:
        limits = f"the rig's limits are {self._lower[joint]:g} to {self._upper[joint]:g}"
        remedy = "correct the rig file, or scale the dataset"
        if not np.isfinite(value):
            remedy = "remove the episode, or record it again"
        elif not self._degrees:
            remedy = f"where it is in degrees, import it with --units {DEGREES}; else {remedy}"
        raise DatasetError(f"{where}: {self._names[joint]} is {value:g}, {limits}; {remedy}")


def _turning(arm: Arm) -> list[bool]:
    """Which joints of an arm are angles; the gripper, last, is taken for a length."""
    try:
        chain = load_chain(arm.urdf, arm.base_link, arm.tool_link)
    except UrdfError as error:
        raise DatasetError(str(error)) from error
    return [joint.kind != "prismatic" for joint in chain if joint.kind != "fixed"] + [False]
