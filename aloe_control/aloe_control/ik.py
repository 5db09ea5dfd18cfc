"""Inverse kinematics: from tool poses to joint requests."""

from collections.abc import Sequence
from typing import Any, Final

import mink
import mujoco
import numpy as np
import numpy.typing as npt

from aloe_data.kinematics import ArmKinematics, rotation_from_6d, rotation_from_rpy, rotation_to_6d
from aloe_data.rig import Arm, Rig

Array = npt.NDArray[np.float64]

POSITION_TOLERANCE_M: Final = 1e-3  # a solution that misses the pose by more is reported as "ik"
ROTATION_TOLERANCE_RAD: Final = 1e-2
_CONVERGED: Final = 1e-5  # m and rad: below what any encoder of such an arm resolves
_ROTATION_WEIGHT_M: Final = 0.2  # where a pose is out of reach, 1 rad of rotation counts as much as 0.2 m
_DAMPING: Final = 1e-6  # keeps steps bounded at singularities; too small to be felt elsewhere
_ERROR_DAMPING: Final = 0.3  # times the squared error: calms far and unreachable targets
_HALVINGS: Final = 4


class PoseSolver:
    """Tool poses to joint positions: damped Gauss-Newton steps as small quadratic programs (mink, DAQP).

    All arms stand in one model, so that one program serves them. The search starts at the last command and stays
    within joint limits and within the distance in which a joint can stop from full speed: a pose beyond reach or
    behind a singularity gives the nearest configuration on the way, never a leap to another one.
    """

    def __init__(self, rig: Rig, iterations: int) -> None:
        self._iterations = iterations
        model = build_model(rig.arms)
        self._configuration = mink.Configuration(model)
        self._tasks = [
            mink.FrameTask(f"{arm.name}/tool", "site", 1.0, _ROTATION_WEIGHT_M, lm_damping=_ERROR_DAMPING)
            for arm in rig.arms
        ]
        joints = [joint for arm in rig.arms for joint in arm.joints]
        self._lower = np.array([j.lower for j in joints])
        self._upper = np.array([j.upper for j in joints])
        self._reach = np.array([j.max_velocity * (j.max_velocity / j.max_acceleration + 0.1) for j in joints])
        self._box = _Box(len(joints))
        self._arm_of_joint = np.repeat(np.arange(len(rig.arms)), [len(arm.joints) for arm in rig.arms])
        starts = np.cumsum([0] + [arm.dof for arm in rig.arms])
        self._grippers = starts[1:] - 1
        self._arm_joints = np.delete(np.arange(starts[-1]), self._grippers)

    def solve(self, poses: Array, commanded: Array) -> tuple[Array, tuple[str, ...]]:
        """One tick.

        Args:
            poses: Pose rows [arms * 10]: x y z, 6D rotation, gripper of every arm.
            commanded: Last commanded joint positions [S] of all arms, grippers included.

        Returns:
            Requested joint positions [S], and per arm "" or "ik" where the pose is out of reach.
        """
        rows = poses.reshape(len(self._tasks), -1)
        start = commanded[self._arm_joints]
        for task, row in zip(self._tasks, rows, strict=True):
            rotation = mink.SO3.from_matrix(rotation_from_6d(row[3:9]))
            task.set_target(mink.SE3.from_rotation_and_translation(rotation, row[:3]))
        request = np.array(commanded, float)
        request[self._arm_joints] = self._search(start)
        request[self._grippers] = rows[:, 9]
        misses = [task.compute_error(self._configuration) for task in self._tasks]
        return request, tuple("ik" if _out_of_reach(miss) else "" for miss in misses)

    def poses_of(self, positions: Array) -> Array:
        """The pose rows [arms * 10] at joint positions [S]."""
        self._configuration.update(positions[self._arm_joints])
        grippers = positions[self._grippers]
        rows = [self._row(task, gripper) for task, gripper in zip(self._tasks, grippers, strict=True)]
        return np.concatenate(rows)

    def _row(self, task: mink.FrameTask, gripper: float) -> Array:
        pose = self._configuration.get_transform_frame_to_world(task.frame_name, task.frame_type)
        return np.concatenate((pose.translation(), rotation_to_6d(pose.rotation().as_matrix()), [gripper]))

    def _search(self, start: Array) -> Array:
        """Joint positions (no grippers) whose tool poses are nearest to the tasks' targets."""
        configuration = self._configuration
        box = self._box
        # A joint that stands outside its limits is no reason to find no solution: the limiter leads it back.
        box.lower = np.minimum(np.maximum(self._lower, start - self._reach), start)
        box.upper = np.maximum(np.minimum(self._upper, start + self._reach), start)
        configuration.update(start)
        misses = self._misses()
        for _ in range(self._iterations):
            if misses.max() < _CONVERGED:
                break
            try:
                step = mink.solve_ik(
                    configuration, self._tasks, 1.0, "daqp", damping=_DAMPING, limits=[box], safety_break=False
                )
            except mink.NoSolutionFound:
                break
            misses = self._descend(step, misses)
        return np.array(configuration.q)

    def _descend(self, step: Array, misses: Array) -> Array:
        """Take the step, halved for each arm that it would lead away from its target; returns the new misses."""
        configuration = self._configuration
        box = self._box
        q = configuration.q.copy()
        share = np.ones(len(misses))
        for _ in range(_HALVINGS):
            configuration.update(np.clip(q + share[self._arm_of_joint] * step, box.lower, box.upper))
            after = self._misses()
            worse = after > misses
            if not worse.any():
                return after
            share[worse] *= 0.5
        share[worse] = 0.0
        configuration.update(np.clip(q + share[self._arm_of_joint] * step, box.lower, box.upper))
        return self._misses()

    def _misses(self) -> Array:
        """How far each arm is from its target [m], rotations weighted."""
        weights = np.array([1.0] * 3 + [_ROTATION_WEIGHT_M] * 3)
        return np.array([np.linalg.norm(weights * task.compute_error(self._configuration)) for task in self._tasks])


class _Box(mink.Limit):
    """Bounds on joint positions, as a constraint on the step of a program."""

    def __init__(self, n: int) -> None:
        self.lower = np.zeros(n)
        self.upper = np.zeros(n)
        self._rows = np.vstack((np.eye(n), -np.eye(n)))

    def compute_qp_inequalities(self, configuration: mink.Configuration, dt: float) -> Any:
        """`rows @ step <= bounds`."""
        bounds = np.concatenate((self.upper - configuration.q, configuration.q - self.lower))
        return mink.limits.Constraint(G=self._rows, h=bounds)


def build_model(arms: Sequence[Arm]) -> mujoco.MjModel:
    """The arms' chains as a kinematic MuJoCo model: no geometry, a site `<arm>/tool` at each tool link."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    for arm in arms:
        kinematics = ArmKinematics(arm)
        limits = iter(arm.joints)
        body = spec.worldbody.add_body(pos=kinematics.base_xyz, quat=_quaternion(kinematics.base_rotation))
        for link in kinematics.chain:
            body = body.add_body(pos=link.xyz, quat=_quaternion(rotation_from_rpy(link.rpy)))
            if link.kind == "fixed":
                continue
            joint = next(limits)
            kind = mujoco.mjtJoint.mjJNT_SLIDE if link.kind == "prismatic" else mujoco.mjtJoint.mjJNT_HINGE
            body.add_joint(
                name=f"{arm.name}/{joint.name}", type=kind, axis=link.axis, limited=1, range=[joint.lower, joint.upper]
            )
            # MuJoCo compiles no moving body without a mass; the solver never asks for forces.
            body.mass = 1.0
            body.inertia = [1.0, 1.0, 1.0]
            body.explicitinertial = True
        body.add_site(name=f"{arm.name}/tool")
    return spec.compile()


def _quaternion(rotation: Array) -> Array:
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(rotation).ravel())
    return quaternion


def _out_of_reach(miss: Array) -> bool:
    position = float(np.linalg.norm(miss[:3]))
    rotation = float(np.linalg.norm(miss[3:]))
    return not (position <= POSITION_TOLERANCE_M and rotation <= ROTATION_TOLERANCE_RAD)  # also if not a number
