"""When a new chunk is due, and what may leave as one."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from aloe_data.chunk import Chunk
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.limits import ActionLimits
from aloe_policy.policy_protocol import ChunkPolicy


class ChunkError(ValueError):
    """A policy's output that must not reach the robot: what is wrong with it, and the version of the policy."""

    def __init__(self, policy_version: str, problem: str) -> None:
        super().__init__(f"policy {policy_version[:12]}{problem}; load another checkpoint")
        self.policy_version = policy_version


class ChunkPlanner:
    """Asks a policy for a chunk every `n_action_steps` control ticks of observation time, and checks what it says.

    Args:
        rig: Rig to drive.
        policy: Policy that is asked until another one is swapped in.
        n_action_steps: Ticks of a chunk that are executed before the next one is asked for.
    """

    def __init__(self, rig: Rig, policy: ChunkPolicy, n_action_steps: int) -> None:
        self._rig = rig
        self._policy = policy
        self._n_action_steps = n_action_steps
        self._tick_ns = 1e9 / rig.rate_hz
        self._period_ns = round(n_action_steps / rig.rate_hz * 1e9)
        self._due_ns: int | None = None
        self._chunk_id = 0
        self._observation_id = 0
        self._inferring = Lock()
        self._wanting = Lock()
        self._limits = ActionLimits(rig)

    @property
    def policy_version(self) -> str:
        """Version of the policy that runs now."""
        return self._policy.version

    def start(self, stamp_ns: int) -> None:
        """A chunk is wanted at once, from an observation not older than `stamp_ns`."""
        with self._wanting:
            self._due_ns = stamp_ns

    def stop(self) -> None:
        """No chunks are wanted."""
        with self._wanting:
            self._due_ns = None

    @property
    def active(self) -> bool:
        """Whether chunks are wanted."""
        return self._due_ns is not None

    def due(self, stamp_ns: int | None) -> bool:
        """Whether an observation at `stamp_ns` (None: there is none yet) should become a chunk."""
        due_ns = self._due_ns
        return due_ns is not None and stamp_ns is not None and stamp_ns >= due_ns

    def swap(self, policy: ChunkPolicy) -> None:
        """Replace the policy, between chunks."""
        with self._inferring:
            self._policy = policy

    def plan(self, observation: Observation) -> Chunk:
        """One chunk for an observation.

        Raises:
            ChunkError: the policy failed, or its output is not finite [H, A] with H >= n_action_steps, or far outside
                what the rig can do.
        """
        due_ns = self._due_ns
        with self._inferring:
            policy = self._policy
            self._observation_id += 1
            data = self._from_observation_on(self._infer(policy, observation), observation)
            self._chunk_id += 1
        with self._wanting:
            if self._due_ns == due_ns:  # else started or stopped meanwhile, which counts more
                self._due_ns = None if due_ns is None else observation.stamp_ns + self._period_ns
        return Chunk(
            stamp_ns=observation.stamp_ns,
            chunk_id=self._chunk_id,
            data=data,
            policy_version=policy.version,
            observation_id=self._observation_id,
            rate_hz=self._rig.rate_hz,
        )

    def _from_observation_on(self, data: NDArray[np.float32], observation: Observation) -> NDArray[np.float32]:
        """The rows whose first one belongs to the observation's time; those at the end are held.

        A policy's row 0 follows the joint state that it saw, as in the episodes it learned from. Live, cameras are
        mostly newer than the joints that go with them, by up to a tick. Without this every chunk would be followed a
        tick late, as by a slower arm (measured: docs/policy.md).
        """
        joints_ns = min(observation.stamps.get(arm.name, observation.stamp_ns) for arm in self._rig.arms)
        past = min(round((observation.stamp_ns - joints_ns) / self._tick_ns), len(data) - 1)
        return np.concatenate([data[past:], np.repeat(data[-1:], past, axis=0)])

    def _infer(self, policy: ChunkPolicy, observation: Observation) -> NDArray[np.float32]:
        try:
            data = np.asarray(policy.infer(observation))
        except Exception as error:  # whatever a backend raises must not end inference for good
            raise ChunkError(policy.version, f" failed: {type(error).__name__}: {error}") from error
        problem = self._problem(data)
        if problem:
            raise ChunkError(policy.version, f": {problem}")
        return data.astype(np.float32)

    def _problem(self, data: NDArray[np.float32]) -> str:
        if data.ndim != 2 or data.shape[1] != self._rig.action_dim or data.shape[0] < self._n_action_steps:
            wanted = f"[H >= n_action_steps = {self._n_action_steps}, {self._rig.action_dim}]"
            return f"chunk of shape {list(data.shape)} instead of {wanted}"
        if not np.isfinite(data).all():
            row, column = np.argwhere(~np.isfinite(data))[0]
            return f"chunk is {data[row, column]} at row {row}, {self._rig.action_layout[column]}"
        return self._limits.problem(data)
