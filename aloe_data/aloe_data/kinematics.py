"""Forward kinematics of a rig's arms, and the 6D representation of rotations."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aloe_data.rig import Arm
from aloe_data.urdf import load_chain
from aloe_data.urdf_joint import ChainJoint

Array = NDArray[np.float64]


class ArmKinematics:
    """Pose of an arm's tool link in the rig's frame, for one or many joint positions at once.

    Attributes:
        chain: Joints from base link to tool link, fixed ones included (for building an IK model).
    """

    def __init__(self, arm: Arm) -> None:
        self.chain: tuple[ChainJoint, ...] = load_chain(arm.urdf, arm.base_link, arm.tool_link)
        self.base_xyz: Array = np.array(arm.base_xyz)
        self.base_rotation: Array = rotation_from_rpy(arm.base_rpy)
        self._steps = [(joint, np.array(joint.xyz), rotation_from_rpy(joint.rpy)) for joint in self.chain]
        self._count = len(arm.joints)

    @property
    def tool_in_last_link(self) -> tuple[Array, Array]:
        """Place [3] and rotation [3, 3] of the tool link in the last link that moves."""
        xyz = np.zeros(3)
        rotation = np.eye(3)
        for joint, offset, origin in reversed(self._steps):
            if joint.kind != "fixed":
                break
            xyz = offset + origin @ xyz
            rotation = origin @ rotation
        return xyz, rotation

    def forward(self, q: ArrayLike) -> tuple[Array, Array]:
        """Where the tool is.

        Args:
            q: [..., n] joint positions without the gripper [rad, m].

        Returns:
            xyz [..., 3] in m and rotation matrices [..., 3, 3], both in the rig's frame.
        """
        q = np.asarray(q, dtype=np.float64)
        if q.shape[-1] != self._count:
            raise ValueError(f"expected {self._count} joint positions (without the gripper), got {q.shape[-1]}")
        xyz = np.broadcast_to(self.base_xyz, (*q.shape[:-1], 3))
        rotation = np.broadcast_to(self.base_rotation, (*q.shape[:-1], 3, 3))
        index = 0
        for joint, offset, origin in self._steps:
            xyz = xyz + rotation @ offset
            rotation = rotation @ origin
            if joint.kind == "fixed":
                continue
            value = q[..., index]
            index += 1
            if joint.kind == "prismatic":
                xyz = xyz + (rotation @ np.array(joint.axis)) * value[..., None]
            else:
                rotation = rotation @ rotation_about(joint.axis, value)
        return np.array(xyz), np.array(rotation)


def rotation_about(axis: ArrayLike, angle: ArrayLike) -> Array:
    """Rotation matrices [..., 3, 3] by `angle` [...] rad about the unit vector `axis` (Rodrigues)."""
    x, y, z = np.asarray(axis, dtype=np.float64)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.asarray(angle, dtype=np.float64)[..., None, None]
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def rotation_vector(rotation: ArrayLike) -> Array:
    """Axis times angle [3] in rad, at most pi, of a rotation matrix [3, 3].

    By its quaternion, the eigenvector of the largest eigenvalue: exact for half a turn, too.

    Source: Bar-Itzhack, New Method for Extracting the Quaternion from a Rotation Matrix, 2000.
    """
    r = np.asarray(rotation, dtype=np.float64)
    k = np.zeros((4, 4))
    k[:3, :3] = r + r.T - np.trace(r) * np.eye(3)
    k[3, :3] = k[:3, 3] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    k[3, 3] = np.trace(r)
    *axis, cosine = np.linalg.eigh(k)[1][:, -1]
    sine = float(np.linalg.norm(axis))
    if sine < 1e-12:
        return np.zeros(3)
    angle = 2.0 * np.arctan2(sine, abs(cosine))
    return np.asarray(axis) * (np.copysign(angle, cosine) / sine)


def rotation_from_rpy(rpy: ArrayLike) -> Array:
    """Rotation matrix [3, 3] of URDF's fixed-axis roll, pitch, yaw [rad]."""
    roll, pitch, yaw = np.asarray(rpy, dtype=np.float64)
    about_z = rotation_about((0, 0, 1), yaw)
    about_y = rotation_about((0, 1, 0), pitch)
    return about_z @ about_y @ rotation_about((1, 0, 0), roll)


def rotation_to_6d(rotation: ArrayLike) -> Array:
    """First two columns [..., 6] of rotation matrices [..., 3, 3]: r11 r21 r31 r12 r22 r32.

    Source: Zhou et al. 2019, "On the Continuity of Rotation Representations in Neural Networks".
    """
    rotation = np.asarray(rotation, dtype=np.float64)
    return np.concatenate([rotation[..., :, 0], rotation[..., :, 1]], axis=-1)


_NEXT = [1, 2, 0]  # axis that follows x, y, z in a cyclic order
_LAST = [2, 0, 1]


def rotation_from_6d(v: ArrayLike) -> Array:
    """Nearest proper rotation matrices [..., 3, 3] to 6D values [..., 6], by Gram-Schmidt.

    Raises:
        ValueError: the two columns are zero or parallel and name no rotation.
    """
    v = np.asarray(v, dtype=np.float64)
    first = _normalised(v[..., :3])
    second = _normalised(v[..., 3:] - np.einsum("...i,...i->...", first, v[..., 3:])[..., None] * first)
    third = first[..., _NEXT] * second[..., _LAST] - first[..., _LAST] * second[..., _NEXT]  # np.cross is slow
    return np.stack([first, second, third], axis=-1)


def _normalised(v: Array) -> Array:
    norm = np.sqrt(np.einsum("...i,...i->...", v, v))[..., None]
    if not (norm > 1e-8).all():
        raise ValueError("6D rotation with a zero, parallel or non-finite column")
    return np.asarray(v / norm)
