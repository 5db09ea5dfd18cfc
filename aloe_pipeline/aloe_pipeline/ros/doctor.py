"""Before motion: `ros2 run aloe_pipeline doctor` looks at the rig's streams, this machine, the policy and the devices.

One line per finding, with its remedy. FAIL: arms would not move, or data would not be kept (exit code 1). WARN: worse.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from ament_index_python.packages import get_package_share_directory

from aloe_data.bag_folders import find_bags
from aloe_data.bag_state import is_closed
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.finding import Finding, Level
from aloe_data.frames import EpisodeError
from aloe_data.installed_files import NO, find_rig_file, find_teleop_file
from aloe_data.machine_checks import (
    ProcessorTimes,
    check_buffers,
    check_devices,
    check_disk,
    check_processors,
    check_sockets,
    image_bytes,
    input_devices,
    leader_streams,
    needed_bytes_per_s,
    read_buffers,
)
from aloe_data.operator_devices import teleop_devices
from aloe_data.recording import RecordingError, recorded_topics
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.rig_streams import streams_of
from aloe_data.ros.bag_frames import read_episode
from aloe_data.ros.stream_probe import Probe
from aloe_data.stream_checks import check_clocks, check_contents, check_images, check_qos, check_rates, check_topics
from aloe_data.transport import TransportError, network_environment, network_line
from aloe_pipeline.rollout import EXPERT, find_checkpoint
from aloe_pipeline.ros.assets import assets_folder
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.checkpoint import CheckpointError, read_checkpoint
from aloe_policy.coverage import check_chunks, check_states
from aloe_policy.dataset import chunk_windows

_THUMBNAIL = (12, 16)  # of a bag, only joints and actions matter here
_SOCKETS = Path("/proc/net/udp")
_INPUT_DEVICES = Path("/proc/bus/input/devices")


@dataclass(frozen=True)
class DoctorConfig:
    """What to look at; as the arguments of rollout.launch.py."""

    rig: str = parameter("sim", doc="rig file, or NAME for the installed config/rig_NAME.yaml")
    record: Path = parameter(Path("bags"), doc="folder of the recordings; its newest bag is held against the policy")
    policy: str = parameter("", doc=f"checkpoint folder; empty: the shipped one; '{NO}' or '{EXPERT}': none")
    teleop: str = parameter(NO, doc="devices to take over with: pedals, leader, ..., a teleop file, or 'false'")
    seconds: float = parameter(5.0, unit="s", low=0.5, high=600.0, doc="how long to listen")


def examine(config: DoctorConfig) -> Iterator[Finding]:
    """Everything, as it is found.

    Raises:
        ConfigError, RigError, TransportError, OSError: the arguments name what is not there.
    """
    files = Path(get_package_share_directory("aloe_bringup")) / "config"
    rig = load_rig(find_rig_file(config.rig, files))
    teleop = find_teleop_file(config.teleop, files)
    devices = teleop_devices(teleop)
    streams = (*streams_of(rig), *leader_streams(devices))
    topics = recorded_topics(rig, use_sim_time=False)
    # Before the node: it is to see what the nodes of a launch see.
    os.environ.update(network_environment(rig.network))
    rclpy.init(args=[])
    probe = Probe(rclpy.create_node("doctor"), rig, streams, topics)
    began = ProcessorTimes.now()
    try:
        probe.run(config.seconds)
    finally:
        probe.close()
    measured = probe.measured
    yield from check_topics(streams, measured, rig.simulated)
    yield from check_qos(topics, measured)
    for check in (check_rates, check_clocks, check_images, check_contents):
        yield from check(streams, measured)
    domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    yield check_sockets(_SOCKETS.read_text(), domain, network_line(rig.network))
    yield check_processors(began, ProcessorTimes.now())
    yield check_buffers(read_buffers(), sum(image_bytes(camera, measured[camera.topic]) for camera in rig.cameras))
    folder = config.record.expanduser().resolve()
    yield from check_disk(folder, needed_bytes_per_s(rig, measured), lambda there: shutil.disk_usage(there).free)
    if config.policy not in (NO, EXPERT):
        yield from _coverage(config, rig, probe)
    listed = input_devices(_INPUT_DEVICES.read_text()) if _INPUT_DEVICES.exists() else []
    yield from check_devices(devices, listed)


def _coverage(config: DoctorConfig, rig: Rig, probe: Probe) -> Iterator[Finding]:
    """Where the arms are, and what the newest bag holds, against what the policy was trained on."""
    task = rig.simulation.task
    try:
        checkpoint = read_checkpoint(find_checkpoint(config.policy, assets_folder(), task), rig)
        normaliser = Normaliser(**{name: values.numpy() for name, values in checkpoint.normaliser.items()})
    except (CheckpointError, TypeError) as error:
        yield Finding(Level.FAIL, "policy", str(error))
        return
    yield Finding(Level.OK, "policy", f"{checkpoint.path}: version {checkpoint.version[:12]}, for this rig")
    space = ActionSpace(rig)
    number = min(map(len, probe.joints.values()))
    if number:
        live = np.concatenate([np.array(probe.joints[arm.name][:number]) for arm in rig.arms], axis=1)
        yield check_states(space, normaliser, live.astype(np.float32), "the arms now")
    try:
        closed = [bag for bag in find_bags(config.record.expanduser()) if is_closed(bag)]
    except RecordingError:
        return  # no bag yet
    if not closed:
        return
    bag = closed[-1]
    try:
        episode = read_episode(bag, rig, _THUMBNAIL)
    except EpisodeError as error:
        yield Finding(Level.WARN, "normaliser", f"the newest bag cannot be compared: {error}")
        return
    ticks = np.flatnonzero(episode.observed)
    chunks, _ = chunk_windows(space.from_joints(episode.executed), ticks, len(normaliser.action_mean))
    yield check_states(space, normaliser, episode.state[ticks], bag.name)
    yield check_chunks(space, normaliser, chunks, episode.state[ticks], bag.name)


def report(config: DoctorConfig) -> int:
    """Print every finding when it is known; returns the exit code, 1 where one is FAIL."""
    worst = Level.OK
    try:
        for finding in examine(config):
            worst = max(worst, finding.level)
            print(finding, flush=True)
    finally:
        rclpy.try_shutdown()
    return int(worst is Level.FAIL)


def main() -> None:
    """Entry point of `doctor`."""
    run_command("doctor", report, DoctorConfig, about=__doc__, refused=(RigError, TransportError, OSError))
