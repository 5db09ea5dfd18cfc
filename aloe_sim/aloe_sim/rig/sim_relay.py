"""The driver relays of simulated arms: the same law between commands and physics as between commands and a robot."""

import numpy as np

from aloe_control.driver_relay import TIMEOUT_NS, DriverRelay
from aloe_control.relay_commands import Command, Refusal
from aloe_control.relay_limits import relay_limits
from aloe_sim.rig.sim_rig import SimRig


class SimRelays:
    """One relay per arm.

    Args:
        sim: The simulation; it gets the set points of the relays.
        timeout_ns: See `DriverRelay`.
    """

    def __init__(self, sim: SimRig, timeout_ns: int = TIMEOUT_NS) -> None:
        self._sim = sim
        self._timeout_ns = timeout_ns
        self._limits = {arm.name: relay_limits(sim.rig, arm) for arm in sim.rig.arms}
        self.restart()

    def restart(self) -> None:
        """The scene was set anew: the arms stand elsewhere, and nothing was commanded yet."""
        self._relays = {name: DriverRelay(limits, self._timeout_ns) for name, limits in self._limits.items()}

    def state(self, arm: str) -> str:
        """What an arm does, in words."""
        return self._relays[arm].state

    def command(self, arm: str, command: Command, now_ns: int) -> Refusal | None:
        """Take a command for an arm; None where it is obeyed.

        Args:
            arm: Name of the arm.
            command: A command whose seal is true.
            now_ns: Steady time.
        """
        relay = self._relays[arm]
        relay.measured(self._sim.joint_positions(arm), 0, now_ns)
        refusal = relay.command(command, now_ns)
        self._step(arm, now_ns)
        return refusal

    def step(self, now_ns: int) -> None:
        """Let time pass for all arms.

        Args:
            now_ns: Steady time.
        """
        for arm, relay in self._relays.items():
            relay.measured(self._sim.joint_positions(arm), 0, now_ns)
            self._step(arm, now_ns)

    def _step(self, arm: str, now_ns: int) -> None:
        wanted = self._relays[arm].step(now_ns)
        if wanted is not None and not np.array_equal(wanted, self._sim.command(arm)):
            self._sim.set_command(arm, wanted)
