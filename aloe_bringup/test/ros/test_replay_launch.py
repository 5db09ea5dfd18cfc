"""A bag played into a policy: what it says now stands beside what was said then, and no command is played."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("launch_ros")
import rclpy
from aloe_msgs.msg import ActionChunk, ArmCommand, EpisodeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message

from aloe_data.chunk import Chunk
from aloe_data.codecs import encode_jpeg
from aloe_data.recording import EpisodeRecord, recorded_command_topic, recorded_topics
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import chunk_to_message, compressed_to_message, joint_state_to_message, ns_to_stamp
from aloe_policy.actions import Normaliser
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import save_tiny

pytestmark = pytest.mark.timeout(120)
RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
BEGAN_NS = 1_700_000_000_000_000_000
SECONDS = 4


def save_policy(folder: Path) -> None:
    """An untrained policy."""
    names, features = ("red cube", "blue cube"), RIG.state_dim + 3 * len(RIG.arms)
    config = ModelConfig(3, names, features, RIG.action_dim, width=32, prefix_layers=1, expert_layers=1)
    of_state, of_chunk = np.zeros(features, np.float32), np.zeros((50, RIG.action_dim), np.float32)
    for arm in RIG.arms:
        columns = RIG.action_slice(arm.name)
        of_chunk[:, columns.start + 3 : columns.start + 9] = (1, 0, 0, 0, 1, 0)
    normaliser = Normaliser(of_state, of_state + 1, of_chunk, np.full_like(of_chunk, 0.01))
    model, encoder = TinyVLA(config), ImageEncoder(names)
    save_tiny(folder, RIG, encoder, model, normaliser, image_size=(128, 96), training={}, card="# untrained\n")


def write_bag(folder: Path) -> None:
    """An episode of arms that stand still and cameras that see grey."""
    writer = open_bag(folder, EpisodeRecord("ep_0000", "sort"), dict.fromkeys(recorded_topics(RIG, use_sim_time=False)))
    jpeg = encode_jpeg(np.full((240, 320, 3), 127, np.uint8))

    def write(topic: str, message: Any, stamp_ns: int) -> None:
        writer.write(topic, serialize_message(message), stamp_ns)

    for tick in range(50 * SECONDS):
        stamp_ns = BEGAN_NS + 20_000_000 * tick
        for camera in RIG.cameras:
            write(camera.topic, compressed_to_message(jpeg, stamp_ns, camera.name), stamp_ns)
        for arm in RIG.arms:
            write(arm.joint_state_topic, joint_state_to_message(arm, arm.home, stamp_ns), stamp_ns)
            write(recorded_command_topic(arm), ArmCommand(arm=arm.name, tick=tick, positions=arm.home), stamp_ns)
        if tick == 1:
            state = EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0000", prompt="sort the cubes")
            state.header.stamp = ns_to_stamp(stamp_ns)
            write("/episode/state", state, stamp_ns)
        if tick % 25 == 2:
            then = Chunk(stamp_ns, 1 + tick, np.zeros((50, RIG.action_dim), np.float32), "then", 1, RIG.rate_hz)
            write("/policy/action_chunk", chunk_to_message(then, RIG.action_space), stamp_ns)
    writer.close()


def test_a_policy_answers_what_was_recorded_and_no_command_is_played(
    rollout: Callable[..., Any], tmp_path: Path
) -> None:
    write_bag(tmp_path / "ep_0000")
    save_policy(tmp_path / "policy")
    process = rollout("replay.launch.py", bag=tmp_path / "ep_0000", policy=tmp_path / "policy", delay_s=10.0)
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=process.domain)
    node, executor = rclpy.create_node("ears", context=context), SingleThreadedExecutor(context=context)
    now, then, commands = [], [], []
    node.create_subscription(ActionChunk, "/replay/policy/action_chunk", now.append, 10)
    node.create_subscription(ActionChunk, "/policy/action_chunk", then.append, 10)
    for arm in RIG.arms:
        node.create_subscription(ArmCommand, arm.command_topic, commands.append, 10)
    executor.add_node(node)
    threading.Thread(target=executor.spin, daemon=True).start()
    try:
        assert process.wait(90) == 0, process.text
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()
    assert {chunk.policy_version for chunk in then} == {"then"} and not commands
    assert now and all(chunk.policy_version not in ("", "then") for chunk in now)
    last_ns = BEGAN_NS + SECONDS * 10**9
    assert all(BEGAN_NS <= chunk.header.stamp.sec * 10**9 + chunk.header.stamp.nanosec <= last_ns for chunk in now)
    assert "control_node" not in process.text
