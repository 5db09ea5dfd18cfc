"""Frames of all moving links of all arms, for many configurations at once: forward kinematics within a tick."""

from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_data.kinematics import ArmKinematics, rotation_from_rpy
from aloe_data.rig import Arm, Rig
from aloe_data.urdf_joint import ChainJoint

Array = npt.NDArray[np.float64]

BASE: Final = 0  # index of the frame that does not move; a joint's frame has the joint's index + 1


class ArmFrames:
    """Batched forward kinematics: arms with fewer joints than others are filled up with joints that do nothing.

    Every joint's transform is `fixed + sin(q) sine + (1 - cos(q)) versine + q slide`, with constant matrices [4, 4]:
    Rodrigues' formula for joints that turn, a translation for those that slide.

    Args:
        rig: Rig whose arms are meant; q is its state, grippers included.
    """

    def __init__(self, rig: Rig) -> None:
        n_joints = max(len(arm.joints) for arm in rig.arms)
        shape = len(rig.arms), n_joints, 4, 4
        self._fixed = np.tile(np.eye(4), (*shape[:2], 1, 1))
        self._sine = np.zeros(shape)
        self._versine = np.zeros(shape)
        self._slide = np.zeros(shape)
        self._base = np.zeros((len(rig.arms), 4, 4))
        self._index = np.zeros(shape[:2], int)
        for number, arm in enumerate(rig.arms):
            self._read(number, arm)
            start = rig.state_slice(arm.name).start
            self._index[number, : len(arm.joints)] = start + np.arange(len(arm.joints))

    def _read(self, number: int, arm: Arm) -> None:
        kinematics = ArmKinematics(arm)
        self._base[number] = transform(kinematics.base_rotation, kinematics.base_xyz)
        before = np.eye(4)  # fixed joints between the last moving one and this one
        moving = 0
        for joint in kinematics.chain:
            before = before @ placement(joint)
            if joint.kind == "fixed":
                continue
            self._fixed[number, moving] = before
            if joint.kind == "prismatic":
                self._slide[number, moving, :3, 3] = before[:3, :3] @ joint.axis
            else:
                x, y, z = joint.axis
                cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
                self._sine[number, moving, :3, :3] = before[:3, :3] @ cross
                self._versine[number, moving, :3, :3] = before[:3, :3] @ cross @ cross
            moving += 1
            before = np.eye(4)

    def of(self, q: Array) -> Array:
        """Frames [N, arms, joints + 1, 4, 4] in the rig's frame at states [N, S]: the base's, then every joint's."""
        values = q[:, self._index][..., None, None]
        local = self._fixed + np.sin(values) * self._sine + (1.0 - np.cos(values)) * self._versine
        local += values * self._slide
        frames = np.empty((*local.shape[:2], local.shape[2] + 1, 4, 4))
        frames[:, :, BASE] = self._base
        for joint in range(local.shape[2]):
            np.matmul(frames[:, :, joint], local[:, :, joint], out=frames[:, :, joint + 1])
        return frames


def transform(rotation: Array, xyz: Array) -> Array:
    """Homogeneous matrix [4, 4] of a rotation [3, 3] and a translation [3]."""
    result = np.eye(4)
    result[:3, :3] = rotation
    result[:3, 3] = xyz
    return result


def placement(joint: ChainJoint) -> Array:
    """Homogeneous matrix [4, 4] of a joint's frame in its parent link's, at zero."""
    return transform(rotation_from_rpy(joint.rpy), np.array(joint.xyz))
