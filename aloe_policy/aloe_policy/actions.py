"""How the network sees states and actions: relative to where the arms are now, and normalised. Undone in reverse."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.kinematics import ArmKinematics, rotation_from_6d, rotation_to_6d
from aloe_data.rig import Arm, Rig

Array = NDArray[np.float32]


class ActionSpace:
    """Set points of a rig in its action space, absolute and relative to the arms' present pose.

    Joint set points are executed and recorded; `ee_pose` policies see them as tool poses.

    Args:
        rig: Rig of the states and actions.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._kinematics = {arm.name: ArmKinematics(arm) for arm in rig.arms}

    @property
    def resolution(self) -> Array:
        """Differences in an action row [A] below which a policy need not care [rad, m; entries of rotations].

        Nearly constant values are not blown up to the size of those that matter: of a tool that always points down, the
        rotation's small wobble is noise.
        """
        parts = []
        for arm in self.rig.arms:
            pose = self.rig.action_space == "ee_pose"
            parts += [0.005] * 3 + [0.05] * 6 if pose else [0.02] * len(arm.joints)
            parts += [0.003]  # gripper
        return np.array(parts, dtype=np.float32)

    def from_joints(self, joints: Array) -> Array:
        """Absolute action rows [..., A] of joint set points [..., S]."""
        if self.rig.action_space == "joint_position":
            return joints.astype(np.float32)
        rows: list[NDArray[Any]] = []
        for arm, q in self._per_arm(joints):
            xyz, rotation = self._kinematics[arm.name].forward(q[..., :-1])
            rows += [xyz, rotation_to_6d(rotation), q[..., -1:]]
        return np.concatenate(rows, axis=-1).astype(np.float32)

    def state_features(self, joints: Array) -> Array:
        """Proprioception that the network sees: joints [..., S] and the tools' positions [..., 3] each."""
        tools = [self._kinematics[arm.name].forward(q[..., :-1])[0] for arm, q in self._per_arm(joints)]
        return np.concatenate([joints, *tools], axis=-1).astype(np.float32)

    def relative(self, rows: Array, joints: Array) -> Array:
        """Rows [..., H, A] as displacements from the arms' measured joints [..., S].

        Positions (joints, or the tool's place) become displacements. Orientation and gripper stay absolute: what they
        should be depends on the object far more than on where the arm happens to be.
        """
        return (rows - self._origin(joints)).astype(np.float32)

    def absolute(self, relative: Array, joints: Array) -> Array:
        """Inverse of `relative`, with orientations made proper rotations again."""
        rows = relative + self._origin(joints)
        if self.rig.action_space == "ee_pose":
            for arm in self.rig.arms:
                r = slice(self.rig.action_slice(arm.name).start + 3, self.rig.action_slice(arm.name).start + 9)
                rows[..., r] = rotation_to_6d(rotation_from_6d(rows[..., r]))
        return rows.astype(np.float32)

    def _origin(self, joints: Array) -> Array:
        """What displacements count from, [..., 1, A]; zero where values are absolute."""
        here = self.from_joints(joints)[..., None, :].copy()
        for arm in self.rig.arms:
            s = self.rig.action_slice(arm.name)
            absolute_from = s.start + 3 if self.rig.action_space == "ee_pose" else s.stop - 1
            here[..., absolute_from : s.stop] = 0.0
        return here

    def _per_arm(self, joints: Array) -> list[tuple[Arm, Array]]:
        splits = np.cumsum([arm.dof for arm in self.rig.arms])[:-1]
        return list(zip(self.rig.arms, np.split(joints, splits, axis=-1), strict=True))


@dataclass(frozen=True)
class Normaliser:
    """Mean and standard deviation of state features [S'] and of relative chunks [H, A]; travels with the checkpoint."""

    state_mean: Array
    state_std: Array
    action_mean: Array
    action_std: Array

    STATE_FLOOR = 1e-2
    OUTLIER = 5.0  # standard deviations: what lies further out is clipped where it is learned from

    @classmethod
    def fit(cls, states: Array, chunks: Array, resolution: Array) -> "Normaliser":
        """Statistics of states [n, S'] and relative chunks [n, H, A]; deviations are at least `resolution` [A]."""
        return cls(
            states.mean(0),
            np.maximum(states.std(0), cls.STATE_FLOOR),
            chunks.mean(0),
            np.maximum(chunks.std(0), resolution),
        )

    def state(self, features: Array) -> Array:
        """Normalised state features, outliers clipped."""
        normalised = (features - self.state_mean) / self.state_std
        return np.clip(normalised, -self.OUTLIER, self.OUTLIER).astype(np.float32)

    def chunk(self, relative: Array) -> Array:
        """Normalised relative chunks [..., H, A], outliers clipped."""
        normalised = (relative - self.action_mean) / self.action_std
        return np.clip(normalised, -self.OUTLIER, self.OUTLIER).astype(np.float32)

    def unchunk(self, normalised: Array) -> Array:
        """Inverse of `chunk`, within the range that is not clipped."""
        return (normalised * self.action_std + self.action_mean).astype(np.float32)
