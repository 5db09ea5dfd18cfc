"""What can be wrong with a simulated arm: something holds it fast, or its drive has no power."""

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class ArmFaults:
    """Faults of the arms of one model.

    Args:
        model: The model.
        positions: Addresses of each arm's joint positions, by its name.
        actuators: Numbers of each arm's actuators, by its name.
    """

    def __init__(self, model: mujoco.MjModel, positions: Mapping[str, Array], actuators: Mapping[str, Array]) -> None:
        self._model = model
        self._positions = positions
        self._actuators = actuators
        self._gains = {name: self._gains_of(name) for name in actuators}
        self._stuck: dict[str, Array | None] = {}

    def block(self, arm: str, blocked: bool) -> None:
        """Hold an arm fast where it is, whatever its motors do; or free it."""
        if not blocked:
            self._stuck.pop(arm, None)
        else:
            self._stuck.setdefault(arm, None)

    def power(self, arm: str, powered: bool) -> None:
        """Give the drive of an arm power; without, the arm has no torque and sinks."""
        ids = self._actuators[arm]
        gain, bias = self._gains[arm]
        self._model.actuator_gainprm[ids] = gain if powered else 0.0
        self._model.actuator_biasprm[ids] = bias if powered else 0.0
        for body in self._bodies(arm):
            self._model.body_gravcomp[body] = float(powered)

    def restart(self) -> None:
        """The scene was set anew: blocked arms are held where they stand now."""
        self._stuck = dict.fromkeys(self._stuck)

    def act(self, data: mujoco.MjData) -> None:
        """Undo what the motors of blocked arms have moved."""
        for arm, stuck in self._stuck.items():
            addresses = self._positions[arm]
            if stuck is None:
                self._stuck[arm] = data.qpos[addresses].copy()
                continue
            data.qpos[addresses] = stuck
            for body in self._bodies(arm):
                first = self._model.body_dofadr[body]
                data.qvel[first : first + self._model.body_dofnum[body]] = 0.0

    def _gains_of(self, arm: str) -> tuple[Array, Array]:
        ids = self._actuators[arm]
        return self._model.actuator_gainprm[ids].copy(), self._model.actuator_biasprm[ids].copy()

    def _bodies(self, arm: str) -> list[int]:
        """The moving bodies of an arm."""
        names = ((number, self._model.body(number).name) for number in range(self._model.nbody))
        return [number for number, name in names if name.startswith(f"{arm}/") and self._model.body_dofnum[number]]
