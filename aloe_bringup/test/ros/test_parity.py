"""The ROS graph and `RolloutEnv` are the same rig: the same scene and policy give the same motion and the same end.

Run with the rig of one arm and one camera: that nothing in the graph counts on two arms is tested along with it.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("launch_ros")

from aloe_data.rig_file import load_rig
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.evaluation import expert_policy

ROOT = Path(__file__).parents[3]
RIG = load_rig(ROOT / "config" / "rig_sim_one_arm.yaml")
SEED = 3
TOLERANCE_RAD = 0.1  # the largest difference of any joint, anywhere along the path
TOLERANCE_S = 1.0  # a chunk that comes ticks later, as on a busy machine, delays all that follows


def test_the_graph_and_the_environment_execute_the_same_actions(tmp_path: Path) -> None:
    path = Path(__file__).with_name("rollout_process.py")
    spec = importlib.util.spec_from_file_location("rollout_process", path)
    assert spec and spec.loader
    helper = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helper)
    process = helper.RolloutProcess(85, rig="sim_one_arm", policy="expert", episodes=1, seed=SEED, record=tmp_path)
    try:
        assert process.wait(120) == 0, process.text
    finally:
        process.close()
    live, verdict = executed_in_bag(tmp_path / "ep_0000")
    quick, success = executed_in_process()
    assert success and verdict == 1
    assert abs(len(live) - len(quick)) / RIG.rate_hz < TOLERANCE_S
    assert max(deviation_rad(live, quick), deviation_rad(quick, live)) < TOLERANCE_RAD


def executed_in_bag(bag: Path) -> tuple[np.ndarray, int]:
    """Joint positions [ticks, D] from the first action of the policy on, and the verdict."""
    from rosbags.highlevel import AnyReader

    topics: dict[str, list[Any]] = {"/executed_action": [], "/episode/events": []}
    with AnyReader([bag]) as reader:
        for connection, _, raw in reader.messages([c for c in reader.connections if c.topic in topics]):
            topics[connection.topic].append(reader.deserialize(raw, connection.msgtype))
    ticks = topics["/executed_action"]
    first = next(i for i, tick in enumerate(ticks) if tick.chunk_id)
    rows = [np.concatenate([arm.executed for arm in tick.arms]) for tick in ticks[first:] if tick.chunk_id]
    return np.array(rows), next(event.verdict for event in topics["/episode/events"] if event.verdict)


def executed_in_process() -> tuple[np.ndarray, bool]:
    """The same of `RolloutEnv`, with the steps per chunk of the graph's expert, and chunks that are a tick late."""
    env = RolloutEnv(RIG, EnvConfig(images=False, n_action_steps=10, latency_ticks=1))
    env.reset(seed=SEED)
    expert, rows, ended, reward = expert_policy(env, SEED), [], False, 0.0
    while not ended:
        _, reward, terminated, truncated, _ = env.step(expert(env.observation))
        rows += [np.concatenate([arm.executed for arm in tick.arms]) for tick in env.ticks if tick.chunk_id]
        ended = terminated or truncated
    return np.array(rows), reward == 1.0


def deviation_rad(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference of any joint, from each row of path `a` to the nearest row of `b` within `TOLERANCE_S`."""
    late = np.arange(len(a))[:, None] - np.arange(len(b))
    apart = np.abs(a[:, None] - b).max(axis=2)
    return float(np.where(np.abs(late) <= TOLERANCE_S * RIG.rate_hz, apart, np.inf).min(axis=1).max())
