"""The messages of a made-up episode in the order of their reception, for a live node and for a bag."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import critic_store as stored
import numpy as np
from aloe_msgs.msg import ArmAction, EpisodeEvent, EpisodeState, ExecutedAction
from rclpy.serialization import serialize_message

from aloe_data.chunk import Chunk
from aloe_data.codecs import encode_jpeg
from aloe_data.recording import EpisodeRecord, read_rig_files, recorded_topics
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import chunk_to_message, compressed_to_message, joint_state_to_message, ns_to_stamp

RIG, PROMPT = stored.RIG, "put the red cube left"
BEGAN_NS, PERIOD_NS = 1_700_000_000_000_000_000, 20_000_000
TICKS, EVERY, LATE = 100, 20, 4  # ticks of the episode, between chunks, and from an observation to its chunk
Row = tuple[int, str, Any]  # time of reception [ns], topic, message


def messages() -> list[Row]:
    """An episode in which arms wander and every view differs; chunks come LATE ticks after their observations."""
    return sorted([*_events(), *_seen(), *_done()], key=lambda row: row[0])


def write_bag(folder: Path, rows: Sequence[Row]) -> Path:
    """The bag of an episode."""
    text, urdfs = read_rig_files(stored.RIG_FILE, RIG)
    record = EpisodeRecord("ep_0000", PROMPT, verdict="SUCCESS", rig=text, urdfs=urdfs)
    writer = open_bag(folder, record, dict.fromkeys(recorded_topics(RIG, use_sim_time=False)))
    for received_ns, topic, message in rows:
        writer.write(topic, serialize_message(message), received_ns)
    writer.close()
    return folder


def _events() -> Iterator[Row]:
    for tick, kind in ((0, EpisodeEvent.START), (TICKS, EpisodeEvent.STOP)):
        event = EpisodeEvent(kind=kind, episode_id="ep_0000", prompt=PROMPT, verdict=EpisodeEvent.SUCCESS)
        yield _stamped(event, tick), "/episode/events", event
    state = EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0000", prompt=PROMPT)
    yield _stamped(state, 0), "/episode/state", state


def _seen() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    for tick in range(TICKS):
        stamp_ns = BEGAN_NS + tick * PERIOD_NS
        for arm in RIG.arms:
            positions = np.array(arm.home) + 1e-3 * tick
            yield stamp_ns, arm.joint_state_topic, joint_state_to_message(arm, positions, stamp_ns)
        if tick % 2:
            continue
        for number, camera in enumerate(RIG.cameras):  # each with its own delay
            small = rng.integers(0, 255, (camera.height // 40, camera.width // 40, 3), dtype=np.uint8)
            view = np.kron(small, np.ones((40, 40, 1), np.uint8))
            taken_ns = stamp_ns - 3_000_000 * number
            yield stamp_ns + 1_000_000, camera.topic, compressed_to_message(encode_jpeg(view), taken_ns, camera.name)


def _done() -> Iterator[Row]:
    home = np.concatenate([arm.home for arm in RIG.arms])
    rng, chunk_id = np.random.default_rng(1), 0
    for tick in range(TICKS):
        if tick % EVERY == LATE:
            chunk_id += 1
            stamp_ns = BEGAN_NS + (tick - LATE) * PERIOD_NS
            data = rng.normal(size=(20, RIG.action_dim)).astype(np.float32)
            chunk = Chunk(stamp_ns, chunk_id, data, "v1", chunk_id, RIG.rate_hz)
            yield BEGAN_NS + tick * PERIOD_NS, "/policy/action_chunk", chunk_to_message(chunk, RIG.action_space)
        action = ExecutedAction(tick=tick, armed=True, chunk_id=chunk_id, policy_version="v1")
        joints = np.split(home + 1e-3 * tick, np.cumsum([arm.dof for arm in RIG.arms])[:-1])
        action.arms = [
            ArmAction(arm=arm.name, source=ArmAction.POLICY, requested=q.tolist(), executed=q.tolist())
            for arm, q in zip(RIG.arms, joints, strict=True)
        ]
        yield _stamped(action, tick), "/executed_action", action


def _stamped(message: Any, tick: int) -> int:
    stamp_ns = BEGAN_NS + tick * PERIOD_NS
    message.header.stamp = ns_to_stamp(stamp_ns)
    return stamp_ns
