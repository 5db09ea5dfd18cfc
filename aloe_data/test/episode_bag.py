"""An episode of one second as the recorder writes it, for tests of the commands that read bags."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction
from rclpy.serialization import serialize_message

from aloe_data.codecs import encode_for
from aloe_data.recording import EpisodeRecord, read_rig_files, recorded_topics
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import image_to_message, joint_state_to_message, ns_to_stamp

MS = 1_000_000
RIG_FILE = Path(__file__).parents[2] / "config" / "rig_sim.yaml"


def write_episode(
    bag: Path,
    left_out: tuple[str, range] = ("", range(0)),
    change: Callable[[str, Any], Any] = lambda _, message: message,
    split_bytes: int = 0,
    rig_file: Path = RIG_FILE,
    **record: Any,
) -> Path:
    """Write the bag of an episode with the verdict SUCCESS.

    Args:
        bag: its folder.
        left_out: topic and times [ms] of messages that are missing in it.
        change: what becomes of a topic's messages.
        split_bytes: size of a file at which the bag goes on in a new one; 0: never.
        rig_file: of the rig that was recorded, which has the arms and cameras of the simulated one.
        record: what its record says otherwise than usual.
    """
    rig = load_rig(rig_file)
    text, urdfs = read_rig_files(rig_file, rig)
    told = EpisodeRecord(bag.name, "sort the cubes", 7, rig=text, urdfs=urdfs)
    writer = open_bag(bag, told, dict.fromkeys(recorded_topics(rig, use_sim_time=False)), split_bytes=split_bytes)
    for stamp in range(0, 1000, 10):
        rows = [("/episode/events", event) for event in _events(bag.name, stamp)]
        image = np.full((240, 320, 3), stamp // 4, np.uint8)
        if stamp % 30 == 0:
            rows += [(c.topic, image_to_message(encode_for(c, image), stamp * MS, "")) for c in rig.cameras]
        if stamp % 20 == 0:
            states = [(a.joint_state_topic, joint_state_to_message(a, a.home, stamp * MS)) for a in rig.arms]
            rows += [*states, ("/executed_action", _executed(rig, stamp))]
        for topic, message in rows:
            if not (topic == left_out[0] and stamp in left_out[1]):
                writer.write(topic, serialize_message(change(topic, message)), stamp * MS)
    writer.close(replace(told, verdict="SUCCESS", reason="sorted", **record).to_custom_data())
    return bag


def _executed(rig: Rig, stamp_ms: int) -> ExecutedAction:
    """The left arm is a human's from 400 ms on."""
    human = 2 if stamp_ms >= 400 else 1
    values = [(arm, {"requested": arm.home, "executed": arm.home}) for arm in rig.arms]
    arms = [ArmAction(arm=a.name, source=s, **v) for (a, v), s in zip(values, (human, 1), strict=True)]
    arms[0].operator_id = "eva" if human == 2 else ""
    message = ExecutedAction(tick=stamp_ms // 20, armed=True, arms=arms)
    message.header.stamp = ns_to_stamp(stamp_ms * MS)
    return message


def _events(name: str, stamp_ms: int) -> list[EpisodeEvent]:
    """What happens to the episode at a time."""
    kinds = {100: (EpisodeEvent.START, 0), 900: (EpisodeEvent.STOP, EpisodeEvent.SUCCESS)}
    if stamp_ms not in kinds:
        return []
    kind, verdict = kinds[stamp_ms]
    event = EpisodeEvent(kind=kind, episode_id=name, verdict=verdict, prompt="sort the cubes", seed=7, reason="sorted")
    event.header.stamp = ns_to_stamp(stamp_ms * MS)
    return [event]
