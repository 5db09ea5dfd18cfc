"""From what every arm is asked in a tick, by policy or human, to joint requests."""

from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.ik import PoseSolver
from aloe_control.world_model import WORKSPACE
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode

Array = npt.NDArray[np.float64]

WALL_M: Final = 1e-3  # poses end this far inside a workspace: inverse kinematics may miss them by as much


class RequestSolver:
    """Collects one request per arm and solves them together; an arm that nobody asks comes out as NaN: it holds.

    Args:
        rig: Rig with its arms and action space.
        ik_iterations: Largest number of steps of inverse kinematics per tick.
    """

    def __init__(self, rig: Rig, ik_iterations: int) -> None:
        self._rig = rig
        self._poses = PoseSolver(rig, ik_iterations)
        self._policy_mode = CommandMode.EE_POSE if rig.action_space == "ee_pose" else CommandMode.JOINT_POSITION
        self.begin(np.concatenate([arm.home for arm in rig.arms]))

    def action_of(self, positions: Array) -> Array:
        """The action row [A] that asks for the joint positions [S]."""
        return self._poses.poses_of(positions) if self._policy_mode is CommandMode.EE_POSE else positions.copy()

    def begin(self, commanded: Array) -> None:
        """A new tick, from the last commanded joint positions [S]; nothing is asked yet."""
        self._commanded = commanded
        self._joints = np.full(len(commanded), np.nan)
        self._rows: dict[str, Array] = {}
        self._at_wall: set[str] = set()  # arms whose pose was asked for outside their workspace

    def here(self, arm: str) -> tuple[Array, Array]:
        """Joints [dof] and pose row [10] at which an arm was last commanded."""
        index = [a.name for a in self._rig.arms].index(arm)
        rows = self._poses.poses_of(self._commanded).reshape(len(self._rig.arms), -1)
        return self._commanded[self._rig.state_slice(arm)].copy(), rows[index]

    def ask_action(self, arm: str, row: Array) -> None:
        """The policy's action for an arm."""
        self.ask(arm, self._policy_mode, row)

    def ask(self, arm: str, mode: CommandMode, values: Array) -> None:
        """Joints [dof] or a pose row [10] for an arm."""
        if mode is CommandMode.EE_POSE:
            self._rows[arm] = self._in_workspace(arm, values)
        else:
            self._joints[self._rig.state_slice(arm)] = values

    def _in_workspace(self, arm: str, row: Array) -> Array:
        """The pose row with its place brought back into the workspace, so that a tool slides along a wall."""
        workspace = self._rig.arm(arm).workspace
        if workspace is None:
            return row
        place = np.clip(row[:3], np.array(workspace.lower) + WALL_M, np.array(workspace.upper) - WALL_M)
        if (place == row[:3]).all():
            return row
        self._at_wall.add(arm)
        return np.concatenate((place, row[3:]))

    def solve(self) -> tuple[Array, tuple[str, ...]]:
        """Requested joint positions [S], and per arm why they are not what was asked for: "", "ik", "workspace"."""
        if not self._rows:
            return self._joints, ("",) * len(self._rig.arms)
        solved, reasons = self._poses.solve(np.concatenate(self._all_rows()), self._commanded)
        for arm in self._rig.arms:
            if arm.name in self._rows:
                joints = self._rig.state_slice(arm.name)
                self._joints[joints] = solved[joints]
        return self._joints, tuple(
            self._reason(arm.name, reason) for arm, reason in zip(self._rig.arms, reasons, strict=True)
        )

    def _reason(self, arm: str, reason: str) -> str:
        """What is told of an arm whose pose was solved with a reason."""
        if arm not in self._rows:
            return ""
        walls = [WORKSPACE] if arm in self._at_wall else []
        return ",".join(text for text in [*walls, reason] if text)

    def _all_rows(self) -> list[Array]:
        """A pose row per arm: what it is asked for, else where it is."""
        if len(self._rows) == len(self._rig.arms):
            return [self._rows[arm.name] for arm in self._rig.arms]
        here = self._poses.poses_of(self._commanded).reshape(len(self._rig.arms), -1)
        return [self._rows.get(arm.name, row) for arm, row in zip(self._rig.arms, here, strict=True)]
