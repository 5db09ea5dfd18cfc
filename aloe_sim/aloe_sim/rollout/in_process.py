"""The simulated rig and the real control code in one process, stepped as fast as the machine allows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aloe_control.control_loop import ControlLoop
from aloe_control.tick import ControlConfig, TickResult
from aloe_data.chunk import Chunk
from aloe_sim.rig.sim_rig import SimRig

SLICES_PER_TICK = 5
ACTS_AFTER = range(1, 5)  # slices from joint states to the commands that answer them; drawn per episode


class NotArmedError(RuntimeError):
    """The control loop does not enable motion; the message says why."""


class ChunkRefusedError(RuntimeError):
    """The control loop does not follow a chunk; the message says why."""


def nothing(stamp_ns: int) -> None:
    """What is done after a piece of physics where nobody asks for anything."""


class InProcessRig:
    """Chunks in, physics on: every command goes through the same `ControlLoop` as on a robot.

    As on a robot, commands answer joint states of a moment ago: control ticks and joint states have clocks of their
    own, and a command takes its time. How long varies from start to start, and here from episode to episode. Policies
    notice arms that are later than those of their demonstrations (measured: docs/policy.md).

    Args:
        sim: The simulation; used by nobody else.
        config: Parameters of the control loop; None: its defaults.

    Attributes:
        sim: The simulation.
        rig: Description of the rig.
        control: Control loop of the present episode.
    """

    def __init__(self, sim: SimRig, config: ControlConfig | None = None) -> None:
        self.sim = sim
        self.rig = sim.rig
        self.control = ControlLoop(sim.rig, config)
        self._config = config
        self._chunk_id = 0
        self._acts_after = ACTS_AFTER.start

    @property
    def stamp_ns(self) -> int:
        """Simulated time, ns."""
        return round(self.sim.time_s * 1e9)

    def reset(self, seed: int, prompt: str = "") -> str:
        """Place the scene of a seed, home and arm the rig; returns the task in words.

        Args:
            seed: Seed of the scene.
            prompt: Other words for the task; "": those of the scene.

        Raises:
            ValueError: The prompt names nothing in the scene.
            NotArmedError: The control loop refused to enable motion.
        """
        words = self.sim.reset(seed, prompt)
        self.control = ControlLoop(self.rig, self._config)
        self._acts_after = int(np.random.default_rng([seed, 2]).choice(ACTS_AFTER))
        self._sense()
        armed, message = self.control.arm(self.stamp_ns)
        if not armed:
            raise NotArmedError(message)
        return words

    def joints(self) -> NDArray[np.float32]:
        """Measured positions of all arms, float32 [S]."""
        return np.concatenate([self.sim.joint_positions(arm.name) for arm in self.rig.arms]).astype(np.float32)

    def offer(self, rows: NDArray[np.float32], policy_version: str, stamp_ns: int | None = None) -> Chunk:
        """Offer a chunk to the control loop.

        Args:
            rows: Set points [H, A] in the rig's `action_layout`.
            policy_version: Version of the policy that made it.
            stamp_ns: Time of the state that it answers; None: the present one.

        Raises:
            ChunkRefusedError: The control loop does not follow it.
        """
        self._chunk_id += 1
        observed_ns = self.stamp_ns if stamp_ns is None else stamp_ns
        chunk = Chunk(observed_ns, self._chunk_id, rows, policy_version, self._chunk_id, self.rig.rate_hz)
        refusal = self.control.set_chunk(chunk)
        if refusal:
            raise ChunkRefusedError(refusal)
        return chunk

    def tick(self, on_slice: Callable[[int], None] = nothing) -> TickResult:
        """Joint states, a control tick that answers them a moment later, and the physics up to the next ones.

        Args:
            on_slice: Function that is called with the stamp [ns] after every piece of physics, so that cameras need not
                wait for a tick.

        Raises:
            UnstablePhysicsError: Physics diverged; the scene has to be reset.
        """
        self._sense()
        self._advance(self._acts_after, on_slice)
        result = self.control.tick(self.stamp_ns)
        for arm, positions in result.commands.items():
            self.sim.set_command(arm, positions)
        self._advance(SLICES_PER_TICK - self._acts_after, on_slice)
        return result

    def _advance(self, slices: int, on_slice: Callable[[int], None]) -> None:
        for _ in range(slices):
            self.sim.advance(1.0 / self.rig.rate_hz / SLICES_PER_TICK)
            on_slice(self.stamp_ns)

    def _sense(self) -> None:
        for arm in self.rig.arms:
            self.control.set_joint_state(arm.name, self.stamp_ns, self.sim.joint_positions(arm.name))
        for camera in self.rig.cameras:
            self.control.set_camera_stamp(camera.name, self.stamp_ns)
