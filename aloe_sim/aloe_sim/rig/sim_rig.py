"""Physics of the simulated rig: commands in, joint positions and scene state out."""

from collections import deque
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Rig
from aloe_sim.rig.arm_faults import ArmFaults
from aloe_sim.rig.disturbances import Disturber
from aloe_sim.rig.mjcf import FINGER_OPEN_M, GRIPPER, JOINTS, scene_xml
from aloe_sim.rig.scenery import Scenery
from aloe_sim.tasks import make_task
from aloe_sim.tasks.base import Task
from aloe_sim.tasks.variation import Variation

mujoco.set_mju_user_warning(lambda _: None)  # `advance` raises it; by itself MuJoCo leaves a file wherever it runs


class UnstablePhysicsError(RuntimeError):
    """The simulation diverged; the episode counts neither as success nor as failure."""


@dataclass(frozen=True)
class ActuatorNoise:
    """Ornstein-Uhlenbeck offset on the joint set points: arms that do not quite go where they are told.

    Demonstrations recorded under it hold errors and the expert's recoveries (DART, arXiv:1703.09327).
    """

    std_rad: float = 0.0
    correlation_s: float = 0.6


class SimRig:
    """A rig with a task's objects.

    Args:
        rig: Description of the arms and cameras.
        task: Task whose objects are in the scene; None: the one that the rig file names.
        noise: Disturbance of the arms; None: none.
        variation: How much scenes differ; it becomes the task's. None: as the task has it.

    Attributes:
        model: MuJoCo's model of the scene.
        data: MuJoCo's state of the scene.
        arm_faults: What is wrong with the arms.
        prompt: The present task in words.
    """

    def __init__(
        self,
        rig: Rig,
        task: Task | None = None,
        noise: ActuatorNoise | None = None,
        variation: Variation | None = None,
    ) -> None:
        self.rig = rig
        if not rig.simulated:
            raise ValueError(f"the rig '{rig.name}' is not simulated; use a rig file with 'simulated: true'")
        self.task = task or make_task(rig.simulation.task)
        self.noise = noise or ActuatorNoise()
        if variation is not None:
            self.task.variation = variation
        for arm in rig.arms:
            if len(arm.joints) != len(JOINTS):
                has = f"{arm.name} has {len(arm.joints)} joints, a simulated arm {len(JOINTS)} ({', '.join(JOINTS)})"
                raise ValueError(f"the rig '{rig.name}': {has}; use config/sim_arm.urdf")
        size = max(c.width for c in rig.cameras), max(c.height for c in rig.cameras)
        self.model = mujoco.MjModel.from_xml_string(scene_xml(rig, self.task, offscreen=size))
        self.data = mujoco.MjData(self.model)
        self._qpos = {arm.name: self._joint_addresses(arm.name) for arm in rig.arms}
        self._dofs = {arm.name: self._dof_addresses(arm.name) for arm in rig.arms}
        self._actuators = {
            arm.name: np.array([self.model.actuator(f"{arm.name}/{joint}").id for joint in (*JOINTS, GRIPPER)])
            for arm in rig.arms
        }
        self.arm_faults = ArmFaults(self.model, self._qpos, self._actuators)
        self._scenery = Scenery(self.model, self.task.variation)
        self._disturber = Disturber(rig, self.model, self.task.variation)
        self._command = {a.name: np.array(a.home) for a in rig.arms}
        self._followed = dict(self._command)
        self._late: deque[tuple[float, str, NDArray[np.float64]]] = deque(maxlen=1000)
        self._latency_s = self._reset_s = 0.0
        self._offset = {a.name: np.zeros(a.dof) for a in rig.arms}
        self._rng = np.random.default_rng(0)
        self.prompt = ""
        self.reset(0)

    def _joint_addresses(self, arm: str) -> NDArray[np.float64]:
        names = [f"{arm}/{joint}" for joint in (*JOINTS, "finger_left")]
        return np.array([self.model.joint(n).qposadr[0] for n in names])

    def _dof_addresses(self, arm: str) -> NDArray[np.intp]:
        return np.array([self.model.joint(f"{arm}/{joint}").dofadr[0] for joint in JOINTS])

    @property
    def time_s(self) -> float:
        """Simulated time since the model was made, s; it goes on over resets."""
        return float(self.data.time)

    @property
    def happened(self) -> tuple[str, ...]:
        """The disturbances of this episode so far, in words."""
        return tuple(self._disturber.happened)

    def reset(self, seed: int, prompt: str = "") -> str:
        """Home both arms and place the objects of `seed`; returns the task in words.

        Raises:
            ValueError: `prompt` names nothing in the scene.
        """
        time_s = self.data.time
        mujoco.mj_resetData(self.model, self.data)
        self.data.time = time_s
        self.arm_faults.restart()
        self._rng = np.random.default_rng(seed)
        varied = np.random.default_rng([seed, 1])
        self._latency_s = 0.0
        self._reset_s = time_s
        self._late.clear()
        for arm in self.rig.arms:
            home = np.array(arm.home)
            self.data.qpos[self._qpos[arm.name]] = home
            self.data.joint(f"{arm.name}/finger_right").qpos[0] = home[-1]
            self.set_command(arm.name, home)
            self._offset[arm.name][:] = 0.0
        self._scenery.restore()
        self.prompt = self.task.reset(self.model, self.data, self._rng)
        if prompt:
            self.task.set_prompt(prompt)
            self.prompt = prompt
        self._scenery.vary(varied)
        self._disturber.plan(varied)
        self._latency_s = varied.uniform(0.0, self.task.variation.latency_s)
        mujoco.mj_forward(self.model, self.data)
        self.advance(0.1)
        return self.prompt

    def set_command(self, arm: str, positions: NDArray[np.float64]) -> None:
        """Joint set points [dof] of one arm, gripper last [rad; m]."""
        self._command[arm] = np.asarray(positions, dtype=float)
        if self._latency_s > 0.0:
            self._late.append((self.data.time + self._latency_s, arm, self._command[arm]))
        else:
            self._followed[arm] = self._command[arm]

    def advance(self, duration_s: float) -> None:
        """Let `duration_s` of simulated time pass under the present commands.

        Raises:
            UnstablePhysicsError: MuJoCo reported bad state.
        """
        while self._late and self._late[0][0] <= self.data.time:
            _, name, positions = self._late.popleft()
            self._followed[name] = positions
        self._disturber.act(self.data, self.data.time - self._reset_s)
        slack_m = self._slack_m()
        for name, actuators in self._actuators.items():
            self._disturb(name, duration_s)
            command = self._followed[name] + self._offset[name]
            command[-1] += slack_m.get(name, 0.0)
            self.data.ctrl[actuators] = command  # MuJoCo keeps it within its range
        self.task.act(self.model, self.data)
        mujoco.mj_step(self.model, self.data, max(1, round(duration_s / self.model.opt.timestep)))
        self.arm_faults.act(self.data)
        counts = self.data.warning.number
        if counts.any():
            bad = ", ".join(mujoco.mjtWarning(int(i)).name.removeprefix("mjWARN_") for i in np.flatnonzero(counts))
            raise UnstablePhysicsError(f"MuJoCo reported {bad} at {self.time_s:.3f} s; reset the scene")

    def _slack_m(self) -> dict[str, float]:
        if self.task.variation.slip == 0.0:
            return {}
        fingers = {name: (self.data.qpos[ids[-1]], self._followed[name][-1]) for name, ids in self._qpos.items()}
        return self._disturber.slack_m(fingers, self.data.time - self._reset_s)

    def _disturb(self, arm: str, duration_s: float) -> None:
        if self.noise.std_rad == 0.0:
            return
        keep = np.exp(-duration_s / self.noise.correlation_s)
        kick = self._rng.normal(0.0, self.noise.std_rad * np.sqrt(1 - keep**2), self._offset[arm].size)
        self._offset[arm] = keep * self._offset[arm] + kick
        self._offset[arm][-1] = 0.0  # the gripper obeys

    def joint_positions(self, arm: str) -> NDArray[np.float64]:
        """Measured positions [dof], gripper last [rad; m]."""
        return self.data.qpos[self._qpos[arm]].copy()

    def joint_velocities(self, arm: str) -> NDArray[np.float64]:
        """Measured velocities of an arm without its gripper [dof - 1], rad/s."""
        return self.data.qvel[self._dofs[arm]].copy()

    def command(self, arm: str) -> NDArray[np.float64]:
        """The set points [dof] that the arm was given last [rad; m]."""
        return self._command[arm].copy()

    def tool_position(self, arm: str) -> NDArray[np.float64]:
        """Position [3] of the tool in the rig's frame, m."""
        return self.data.site(f"{arm}/tool").xpos.copy()

    def gripper_share(self, arm: str) -> float:
        """How far the fingers are open, 0 to 1."""
        return float(self.data.joint(f"{arm}/finger_left").qpos[0] / FINGER_OPEN_M)
