"""A control loop on a bench: arms that follow exactly, cameras, and a policy; time passes when a test says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from aloe_control.control_loop import ControlConfig, ControlLoop
from aloe_data.chunk import Chunk
from aloe_data.rig_file import load_rig

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
HOME = np.concatenate([arm.home for arm in RIG.arms])
TICK = 20_000_000


class Bench:
    """A loop with arms that follow exactly unless told otherwise, cameras, and a chunk every 10 ticks."""

    def __init__(self, action_space: str = "joint_position", **config) -> None:
        self.rig = replace(RIG, action_space=action_space)
        self.loop = ControlLoop(self.rig, ControlConfig(**config))
        self.now_ns, self.ticks, self.chunk_id = 10**9, 0, 0
        self.joints = HOME.copy()
        self.silent: set[str] = set()
        self.ahead_ns: dict[str, int] = {}  # by sender: how far its clock runs ahead
        self.stuck: set[str] = set()  # arms that stay where they are
        self.delay = 0  # ticks from a command until the arms are there
        self.history: list = []  # of all ticks with commands
        self.horizon = 50  # rows of its chunks
        self.policy = None  # joint positions [14] as a function of time [s]
        self.feed()

    def feed(self) -> None:
        for arm in self.rig.arms:
            if arm.name not in self.silent:
                stamp_ns = self.now_ns + self.ahead_ns.get(arm.name, 0)
                joints = self.joints[self.rig.state_slice(arm.name)]
                self.loop.set_joint_state(arm.name, stamp_ns, joints, self.now_ns)
        for camera in self.rig.cameras:
            if camera.name not in self.silent:
                stamp_ns = self.now_ns + self.ahead_ns.get(camera.name, 0)
                self.loop.set_camera_stamp(camera.name, stamp_ns, now_ns=self.now_ns)

    def arm(self) -> None:
        assert self.loop.arm(self.now_ns) == (True, "armed")

    def chunk(self, rows: np.ndarray | None = None) -> str:
        self.chunk_id += 1
        times = self.now_ns / 1e9 + 0.02 * np.arange(self.horizon)
        rows = np.array([self.policy(t) for t in times]) if rows is None else rows
        if self.rig.action_space == "ee_pose":
            rows = np.array([self.loop._motion.solver.action_of(row) for row in rows])
        data = rows.astype(np.float32)
        stamp_ns = self.now_ns + self.ahead_ns.get("policy", 0)
        return self.loop.set_chunk(Chunk(stamp_ns, self.chunk_id, data, "v", self.chunk_id, 50.0), now_ns=self.now_ns)

    def move(self, commands: dict[str, np.ndarray]) -> None:
        for arm, positions in commands.items():
            if arm not in self.stuck:
                self.joints[self.rig.state_slice(arm)] = positions

    def run(self, ticks: int, gap_ns: int = TICK) -> list:
        """Run ticks, each so long after the one before."""
        results = []
        for _ in range(ticks):
            self.now_ns += gap_ns
            self.feed()
            result = self.loop.tick(self.now_ns)
            results.append(result)
            self.history += [result] if result.commands else []
            if len(self.history) > self.delay:
                self.move(self.history[-1 - self.delay].commands)
            self.ticks += 1
            if self.policy is not None and self.ticks % 10 == 0 and self.loop.armed:
                self.chunk()
        return results


def executed(results) -> np.ndarray:
    return np.array([np.concatenate([arm.executed for arm in result.arms]) for result in results])


def wave(t: float) -> np.ndarray:
    return HOME + 0.2 * np.sin(2.0 * t) * np.r_[np.ones(6), 0.0, np.ones(6), 0.0]


def usage(path: np.ndarray) -> np.ndarray:
    """Largest velocity, acceleration and jerk of a path [ticks, joints] as shares of the rig's limits."""
    joints = [joint for arm in RIG.arms for joint in arm.all_joints]
    path, shares = np.vstack((path[:1], path[:1], path[:1], path)), []
    for name in ("max_velocity", "max_acceleration", "max_jerk"):
        path = np.diff(path, axis=0) * 50
        shares.append(np.max(np.abs(path) / [getattr(joint, name) for joint in joints]))
    return np.array(shares)
