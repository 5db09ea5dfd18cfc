"""What the columns of an action row are: which hold rotations, and how far each may move in a tick."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.chunk_refusal import ChunkRefused
from aloe_control.joints import FAR_M, FAR_RAD
from aloe_data.kinematics import rotation_from_6d, rotation_to_6d
from aloe_data.rig import Rig
from aloe_data.vocabulary import RefusalReason

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class JumpLimits:
    """How far two consecutive actions may lie apart before a chunk counts as infeasible."""

    joint_rad: float
    position_m: float
    rotation_rad: float


class ActionColumns:
    """Checks of action rows by what their columns mean.

    Args:
        rig: Rig whose action layout the rows have.
        jumps: Limits between two consecutive rows.
    """

    def __init__(self, rig: Rig, jumps: JumpLimits) -> None:
        self._layout = rig.action_layout
        self._jumps = jumps
        self._rotations: list[slice] = []
        starts = [rig.action_slice(arm.name).start for arm in rig.arms]
        if rig.action_space == "ee_pose":
            self._rotations = [slice(start + 3, start + 9) for start in starts]
            self._metric = np.concatenate([np.arange(start, start + 3) for start in starts])
            units = [
                ["m"] * 9 + [arm.gripper.unit] for arm in rig.arms
            ]  # of rotations, which have none, it is no matter
        else:
            joints = [np.arange(start, start + len(arm.joints)) for start, arm in zip(starts, rig.arms, strict=True)]
            self._metric = np.concatenate(joints)
            units = [[joint.unit for joint in arm.all_joints] for arm in rig.arms]
        self._units = np.concatenate(units)
        self._far = np.where(self._units == "rad", FAR_RAD, FAR_M)
        self._limit = np.where(self._units == "rad", jumps.joint_rad, jumps.position_m)[self._metric]

    def normalised(self, rows: Array) -> Array:
        """Rows [H, A] with every 6D rotation made orthonormal."""
        rows = rows.copy()
        for columns in self._rotations:
            try:
                rows[:, columns] = rotation_to_6d(rotation_from_6d(rows[:, columns]))
            except ValueError as error:
                text = f"{self._layout[columns.start]}: {error}; check the policy's output"
                raise ChunkRefused(RefusalReason.MALFORMED, text) from error
        return rows

    def impossible(self, rows: Array) -> str:
        """ "" or which value is so large that nothing of an arm can be there; grippers count as well."""
        size = np.abs(rows).max(axis=0)
        if (size <= self._far).all():
            return ""
        worst = int((size / self._far).argmax())
        return f"'{self._layout[worst]}' is {size[worst]:.3g} {self._units[worst]}, where no arm can be"

    def jump(self, rows: Array) -> str:
        """ "" or which consecutive rows lie too far apart."""
        steps = np.abs(np.diff(rows[:, self._metric], axis=0))
        if (steps > self._limit).any():
            furthest = steps.max(axis=0)
            worst = int((furthest / self._limit).argmax())
            column = self._metric[worst]
            what = f"{furthest[worst]:.3f} {self._units[column]} in one step (limit {self._limit[worst]:g})"
            return f"'{self._layout[column]}' jumps by {what}"
        for columns in self._rotations:
            rotations = rotation_from_6d(rows[:, columns])
            cosines = 0.5 * (np.einsum("hij,hij->h", rotations[:-1], rotations[1:]) - 1.0)
            if cosines.size and cosines.min() < np.cos(self._jumps.rotation_rad):
                angle = float(np.arccos(np.clip(cosines.min(), -1.0, 1.0)))
                arm = self._layout[columns.start].rsplit(".", 1)[0]
                return f"'{arm}' turns by {angle:.2f} rad in one step (limit {self._jumps.rotation_rad:g})"
        return ""
