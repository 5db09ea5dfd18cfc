"""How the network sees states and actions: relative to where the arms are now, and normalised. Undone in reverse."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_data.kinematics import ArmKinematics, rotation_from_6d, rotation_to_6d
from aloe_data.rig import Arm, Rig

Array = NDArray[np.float32]


class ActionSpace:
    """Set points of a rig in its action space, absolute and relative to the arms' present pose.

    Joint set points are executed and recorded; `ee_pose` policies see them as tool poses.
    """

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._kinematics = {arm.name: ArmKinematics(arm) for arm in rig.arms}

    def from_joints(self, joints: Array) -> Array:
        """Absolute action rows [..., A] of joint set points [..., S]."""
        if self.rig.action_space == "joint_position":
            return joints.astype(np.float32)
        rows = []
        for arm, q in self._per_arm(joints):
            xyz, rotation = self._kinematics[arm.name].forward(q[..., :-1])
            rows += [xyz, rotation_to_6d(rotation), q[..., -1:]]
        return np.concatenate(rows, axis=-1).astype(np.float32)

    def state_features(self, joints: Array) -> Array:
        """Proprioception that the network sees: joints [..., S] and the tools' positions [..., 3] each."""
        tools = [self._kinematics[arm.name].forward(q[..., :-1])[0] for arm, q in self._per_arm(joints)]
        return np.concatenate([joints, *tools], axis=-1).astype(np.float32)

    def relative(self, rows: Array, joints: Array) -> Array:
        """Rows [..., H, A] relative to the arms' measured joints [..., S]; the gripper stays absolute."""
        here = self.from_joints(joints)[..., None, :]
        out = rows - here
        for start, stop in self._arm_slices():
            out[..., stop - 1] = rows[..., stop - 1]
            if self.rig.action_space == "ee_pose":
                r = slice(start + 3, start + 9)
                turned = np.swapaxes(rotation_from_6d(here[..., r]), -1, -2) @ rotation_from_6d(rows[..., r])
                out[..., r] = rotation_to_6d(turned)
        return out.astype(np.float32)

    def absolute(self, relative: Array, joints: Array) -> Array:
        """Inverse of `relative`."""
        here = self.from_joints(joints)[..., None, :]
        out = relative + here
        for start, stop in self._arm_slices():
            out[..., stop - 1] = relative[..., stop - 1]
            if self.rig.action_space == "ee_pose":
                r = slice(start + 3, start + 9)
                turned = rotation_from_6d(here[..., r]) @ rotation_from_6d(relative[..., r])
                out[..., r] = rotation_to_6d(turned)
        return out.astype(np.float32)

    def _per_arm(self, joints: Array) -> list[tuple[Arm, Array]]:
        splits = np.cumsum([arm.dof for arm in self.rig.arms])[:-1]
        return list(zip(self.rig.arms, np.split(joints, splits, axis=-1), strict=True))

    def _arm_slices(self) -> list[tuple[int, int]]:
        slices = [self.rig.action_slice(arm.name) for arm in self.rig.arms]
        return [(s.start, s.stop) for s in slices]


@dataclass(frozen=True)
class Normaliser:
    """Mean and standard deviation of state features [S'] and of relative chunks [H, A]; travels with the checkpoint."""

    state_mean: Array
    state_std: Array
    action_mean: Array
    action_std: Array

    STATE_FLOOR = 1e-2
    ACTION_FLOOR = 5e-3

    @classmethod
    def fit(cls, states: Array, chunks: Array) -> "Normaliser":
        """Statistics of states [n, S'] and relative chunks [n, H, A]; floors keep constant dimensions harmless."""
        return cls(
            states.mean(0),
            np.maximum(states.std(0), cls.STATE_FLOOR),
            chunks.mean(0),
            np.maximum(chunks.std(0), cls.ACTION_FLOOR),
        )

    def state(self, features: Array) -> Array:
        """Normalised state features, clipped to five standard deviations."""
        return np.clip((features - self.state_mean) / self.state_std, -5.0, 5.0).astype(np.float32)

    def chunk(self, relative: Array) -> Array:
        """Normalised relative chunks [..., H, A]."""
        return ((relative - self.action_mean) / self.action_std).astype(np.float32)

    def unchunk(self, normalised: Array) -> Array:
        """Inverse of `chunk`."""
        return (normalised * self.action_std + self.action_mean).astype(np.float32)
