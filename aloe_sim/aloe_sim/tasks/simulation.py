"""What experts and troubles know of a simulated rig, so that tasks need nothing of its making."""

from typing import Protocol

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Rig
from aloe_sim.tasks.base import Task


class Simulation(Protocol):
    """A rig with a task's objects; `aloe_sim.rig.sim_rig.SimRig` is one.

    Attributes:
        rig: Description of the arms and cameras.
        task: Task whose objects are in the scene.
        data: MuJoCo's state of the scene.
    """

    rig: Rig
    task: Task
    data: mujoco.MjData

    def joint_positions(self, arm: str) -> NDArray[np.float64]:
        """Measured positions [dof] of an arm, gripper last [rad; m]."""

    def joint_velocities(self, arm: str) -> NDArray[np.float64]:
        """Measured velocities of an arm without its gripper [dof - 1], rad/s."""

    def command(self, arm: str) -> NDArray[np.float64]:
        """The set points [dof] that an arm was given last [rad; m]."""

    def tool_position(self, arm: str) -> NDArray[np.float64]:
        """Position [3] of an arm's tool in the rig's frame, m."""
