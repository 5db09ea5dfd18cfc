"""What no set point of a rig may exceed, whoever proposes it: far wider than what control_node clips to."""

import numpy as np
from numpy.typing import NDArray

from aloe_data.kinematics import ArmKinematics
from aloe_data.rig import Arm, Joint, Rig

MARGIN = 0.25  # of a joint's range, and of an arm's reach: a policy that overshoots a little is control_node's to clip

Array = NDArray[np.float32]


class ActionLimits:
    """Bounds of every value of an action row [A]; orientations have none.

    Joints and grippers may leave their range by MARGIN of it, tools the reach of their arm by MARGIN of that.
    """

    def __init__(self, rig: Rig) -> None:
        self._layout = rig.action_layout
        pose = rig.action_space == "ee_pose"
        bounds = [bound for arm in rig.arms for bound in (_tool(arm) if pose else map(_range, arm.all_joints))]
        self._lower, self._upper = np.array(bounds, np.float64).T

    def problem(self, rows: Array) -> str:
        """Where rows [H, A] leave the bounds first; "" for nowhere."""
        outside = (rows < self._lower) | (rows > self._upper)
        if not outside.any():
            return ""
        row, column = np.argwhere(outside)[0]
        bounds = f"{self._lower[column]:.3g} to {self._upper[column]:.3g}"
        return f"{self._layout[column]} is {rows[row, column]:.3g} at row {row}, far outside what it can be ({bounds})"


def _range(joint: Joint) -> tuple[float, float]:
    margin = MARGIN * (joint.upper - joint.lower)
    return joint.lower - margin, joint.upper + margin


def _tool(arm: Arm) -> list[tuple[float, float]]:
    """Place, orientation and gripper of a tool, as EE_POSE_FIELDS has them."""
    chain = ArmKinematics(arm).chain
    sliding = iter(arm.joints)
    reach = sum(float(np.linalg.norm(joint.xyz)) for joint in chain)
    for joint in chain:
        limits = None if joint.kind == "fixed" else next(sliding)
        if limits is not None and joint.kind == "prismatic":
            reach += max(abs(limits.lower), abs(limits.upper))
    reach *= 1.0 + MARGIN
    place = [(float(x) - reach, float(x) + reach) for x in arm.base_xyz]
    return [*place, *[(-np.inf, np.inf)] * 6, _range(arm.gripper)]
