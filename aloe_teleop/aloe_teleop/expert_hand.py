"""Hands that do what an expert's chunk says, as steadily and as skilfully as people do."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from aloe_data.chunk import Chunk
from aloe_data.codecs import select_joints
from aloe_data.kinematics import ArmKinematics, rotation_to_6d
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, CommandMode
from aloe_teleop.device import Array, Command, View

MAX_CHUNK_AGE_S: Final = 0.5
TREMOR_S: Final = 0.5  # correlation time


class ExpertHand:
    """Pose commands for some arms from the newest chunk; without one the hand stays where it is.

    Args:
        rig: Rig whose action space is `ee_pose`.
        arms: Names of the arms.
        noise_m: Standard deviation of the tremor [m].

    Attributes:
        fumbles: Whether this takeover cannot close its fingers.
    """

    def __init__(self, rig: Rig, arms: Sequence[str], noise_m: float) -> None:
        self._arms = {name: rig.arm(name) for name in arms}
        self._noise_m = noise_m
        self._slices = {name: rig.action_slice(name) for name in arms}
        self._kinematics = {arm.name: ArmKinematics(arm) for arm in rig.arms if arm.name in arms}
        self._open = {name: arm.gripper.upper for name, arm in self._arms.items()}
        self._held: dict[str, Array] = {}  # pose rows last sent for arms in hand
        self.begin(np.random.default_rng(0), fumbles=False)

    def begin(self, rng: np.random.Generator, *, fumbles: bool) -> None:
        """A new takeover; one that fumbles cannot close its fingers."""
        self._rng = rng
        self.fumbles = fumbles
        self._tremor = {name: np.zeros(3) for name in self._arms}
        self._origin = dict(self._tremor)  # tremor that the newest chunk has seen, as it begins where the arms are
        self._chunk_id = -1
        self._now_ns = 0

    def poses(self, view: View) -> dict[str, Array]:
        """Measured pose rows [10] of the arms whose joint states have come."""
        rows = {}
        for name, arm in self._arms.items():
            if name in view.joints:
                joints = select_joints(view.joints[name].names, view.joints[name].positions, arm)
                xyz, rotation = self._kinematics[name].forward(joints[:-1])
                rows[name] = np.concatenate([xyz, rotation_to_6d(rotation), joints[-1:]])
        return rows

    def refusal(self, now_ns: int, view: View) -> str:
        """Why the hand knows nothing to do; "" when it does."""
        if view.expert is None:
            return "no expert on /sim/expert_chunk; start sim_node with human:=true"
        age_s = (now_ns - view.expert.stamp_ns) / NS
        return f"the expert is silent for {age_s:.1f} s" if age_s > MAX_CHUNK_AGE_S else ""

    def commands(self, now_ns: int, view: View, poses: dict[str, Array], held: Sequence[str]) -> dict[str, Command]:
        """A command for every arm; only those for the arms `held` mean anything."""
        self._tremble(now_ns, view.expert)
        row = None if view.expert is None or self.refusal(now_ns, view) else row_at(view.expert, now_ns)
        self._held = {name: pose for name, pose in self._held.items() if name in held}
        commands = {}
        for name in self._arms:
            data = self._held.get(name, poses.get(name))
            if row is not None and name in held:
                data = self._disturbed(name, row[self._slices[name]])
                self._held[name] = data
            if data is not None:
                commands[name] = Command(CommandMode.EE_POSE, data, deadman=name in held)
        return commands

    def _tremble(self, now_ns: int, chunk: Chunk | None) -> None:
        """One step of an Ornstein-Uhlenbeck process."""
        keep = np.exp(-max(0, now_ns - self._now_ns) / NS / TREMOR_S) if self._now_ns else 1.0
        kick = self._noise_m * np.sqrt(1.0 - keep * keep)
        self._now_ns = now_ns
        self._tremor = {name: keep * x + kick * self._rng.standard_normal(3) for name, x in self._tremor.items()}
        if chunk is not None and chunk.chunk_id != self._chunk_id:
            self._chunk_id = chunk.chunk_id
            self._origin = self._tremor

    def _disturbed(self, name: str, row: Array) -> Array:
        row = row.copy()
        row[:3] += self._tremor[name] - self._origin[name]
        if self.fumbles:
            row[-1] = self._open[name]
        return row


def row_at(chunk: Chunk, now_ns: int) -> Array:
    """The row [A] that a chunk holds for a time, between its rows where need be; its last one after its end."""
    step = np.clip((now_ns - chunk.stamp_ns) / NS * chunk.rate_hz, 0.0, chunk.horizon - 1.0)
    before = int(step)
    after = min(before + 1, chunk.horizon - 1)
    return np.asarray(chunk.data[before] + (step - before) * (chunk.data[after] - chunk.data[before]), dtype=np.float64)
