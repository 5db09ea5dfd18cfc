"""Writes an in-process episode as the bag that the ROS graph would have recorded: same topics, types and stamps."""

import struct
from pathlib import Path
from typing import Any

from aloe_msgs.msg import EpisodeEvent, EpisodeState
from rclpy.serialization import serialize_message
from sensor_msgs.msg import JointState

from aloe_control.control_loop import TickResult
from aloe_control.ros.messages import arm_command_messages, executed_action_message, intervention_message
from aloe_data.chunk import Chunk
from aloe_data.codecs import Image, encode_for
from aloe_data.recording import CHUNKS, EpisodeRecord, recorded_command_topic, recorded_topics
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import chunk_to_message, image_to_message, joint_state_messages, ns_to_stamp
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.real_time import Metronome
from aloe_sim.rollout.in_process import InProcessRig


class DemoBag:
    """One bag, open from construction to `close`.

    Args:
        folder: Folder of the bag; must not exist.
        record: What is known of the episode at its start.
        process: Rig whose episode it is.
        renderer: Renderer of the rig's cameras.
    """

    def __init__(self, folder: Path, record: EpisodeRecord, process: InProcessRig, renderer: CameraRenderer) -> None:
        self._folder = folder
        self._record = record
        self._process = process
        self._renderer = renderer
        self._rig = process.rig
        self._beats = {camera.name: Metronome(camera.rate_hz) for camera in self._rig.cameras}
        self.images: dict[str, bytes | Image] = {}  # newest recorded one of each camera, as its transport carries it
        topics = dict.fromkeys(recorded_topics(self._rig, use_sim_time=False))
        self._writer = open_bag(folder, record, topics)
        self._begin()

    def slice(self, stamp_ns: int) -> None:
        """Record the images that are due at this stamp."""
        for camera in self._rig.cameras:
            if self._beats[camera.name].due(stamp_ns):
                image = encode_for(camera, self._renderer.render(self._process.sim.data, camera.name))
                self.images[camera.name] = image
                self._write(camera.topic, image_to_message(image, stamp_ns, camera.name), stamp_ns)

    def chunk(self, chunk: Chunk) -> None:
        """Record a policy's chunk."""
        self._write(CHUNKS, chunk_to_message(chunk, self._rig.action_space), chunk.stamp_ns)

    def joint_states(self) -> None:
        """Record the measured positions of this moment."""
        stamp_ns = self._process.stamp_ns
        positions = {arm.name: self._process.sim.joint_positions(arm.name) for arm in self._rig.arms}
        for topic, message in joint_state_messages(self._rig.arms, positions, stamp_ns).items():
            self._write(topic, message, stamp_ns)

    def tick(self, result: TickResult) -> None:
        """Record a control tick: commands, what was executed, and who commands from now on if that has changed."""
        for name, message in arm_command_messages(result).items():
            self._write(recorded_command_topic(self._rig.arm(name)), message, result.stamp_ns)
        self._write("/executed_action", executed_action_message(result, 0.0), result.stamp_ns)
        if any(self._process.control.authority(name) != status for name, status in self._statuses.items()):
            self._authority()

    def close(self, verdict: int, reason: str) -> None:
        """Record verdict and end, and close the bag."""
        for kind in (EpisodeEvent.VERDICT, EpisodeEvent.STOP):
            self._event(kind, verdict, reason)
        names = {EpisodeEvent.SUCCESS: "SUCCESS", EpisodeEvent.FAILURE: "FAILURE"}
        names |= {EpisodeEvent.TIMEOUT: "TIMEOUT", EpisodeEvent.ABORT: "ABORT"}
        ended = EpisodeRecord(**{**self._record.__dict__, "verdict": names[verdict], "reason": reason})
        self._writer.close(ended.to_custom_data())

    def _begin(self) -> None:
        stamp_ns = self._process.stamp_ns
        self._authority()
        state = EpisodeState(state=EpisodeState.RUNNING, episode_id=self._record.episode_id)
        state.header.stamp = ns_to_stamp(stamp_ns)
        state.prompt = self._record.prompt
        state.seed = self._record.seed
        state.bag = str(self._folder)
        self._write("/episode/state", state, stamp_ns)
        self.joint_states()
        self.slice(stamp_ns)
        self._event(EpisodeEvent.START, EpisodeEvent.NONE, "")

    def _authority(self) -> None:
        stamp_ns = self._process.stamp_ns
        control = self._process.control
        self._statuses = {arm.name: control.authority(arm.name) for arm in self._rig.arms}
        estop = bool(control.estop)
        message = intervention_message(stamp_ns, control.armed, estop, control.fault, self._rig, self._statuses)
        self._write("/intervention", message, stamp_ns)

    def _event(self, kind: int, verdict: int, reason: str) -> None:
        event = EpisodeEvent(kind=kind, episode_id=self._record.episode_id, verdict=verdict, source="sim")
        event.header.stamp = ns_to_stamp(self._process.stamp_ns)
        event.reason = reason
        event.prompt = self._record.prompt
        event.seed = self._record.seed
        self._write("/episode/events", event, self._process.stamp_ns)

    def _write(self, topic: str, message: Any, stamp_ns: int) -> None:
        data = serialize_message(message)
        if isinstance(message, JointState):
            data = data[: joint_state_size(data)]
        self._writer.write(topic, data, stamp_ns)


def joint_state_size(data: bytes) -> int:
    """True length of a serialised JointState in little-endian CDR (OMG XTypes 1.3, 7.4.1).

    `serialize_message` may leave unused bytes behind empty arrays, which strict readers refuse.
    """
    body = data[4:]  # alignment counts from behind the encapsulation header

    def count(position: int) -> tuple[int, int]:
        position = (position + 3) // 4 * 4
        return int(struct.unpack_from("<I", body, position)[0]), position + 4

    size, position = count(8)  # frame_id, behind the stamp
    names, position = count(position + size)
    for _ in range(names):
        size, position = count(position)
        position += size
    for _ in ("position", "velocity", "effort"):
        size, position = count(position)
        if size:
            position = (position + 7) // 8 * 8 + 8 * size
    return 4 + position
