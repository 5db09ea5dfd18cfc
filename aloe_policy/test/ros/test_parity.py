"""What the policy saw live and what is rebuilt from the bag are the same, byte for byte."""

import itertools
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import rclpy
from aloe_msgs.msg import EpisodeState
from aloe_msgs.srv import StartEpisode, StopEpisode
from raw_rig import write_raw_rig
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosidl_runtime_py.utilities import get_message
from sensor_msgs.msg import CompressedImage, Image, JointState

from aloe_data.codecs import encode_jpeg, resize_image
from aloe_data.observation import Observation
from aloe_data.rig import Arm, Camera, Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_streams import read_observations
from aloe_data.ros.convert import compressed_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.ros.qos import LATCHED, SENSOR
from aloe_data.ros.recorder_node import RecorderNode
from aloe_policy.ros.policy_node import PolicyNode
from aloe_policy.warm_up import PROMPT as SMOKE

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
DOMAIN = 82
OBSERVATIONS = 12
SMALL = (96, 128)


class Memory:
    """A policy that keeps what it is shown."""

    version, rig_contract = "memory", RIG.contract

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self.enough = threading.Event()

    def infer(self, observation: Observation) -> np.ndarray:
        if observation.prompt != SMOKE:
            self.seen.append(observation)
        if len(self.seen) >= OBSERVATIONS:
            self.enough.set()
        return np.zeros((50, RIG.action_dim), np.float32)

    def warm_up(self) -> None:
        """Nothing to do."""


class Drivers(Node):
    """Cameras and arms, each at its own rate, with different data in every message.

    The head camera compresses, the left one sends what the sensor has, with padding, the right one wide greys.
    """

    def __init__(self, context: rclpy.Context, rig: Rig) -> None:
        super().__init__("drivers", context=context)
        self.rig = rig
        rng = np.random.default_rng(0)
        shape = (RIG.cameras[0].height // 8, RIG.cameras[0].width // 8, 3)
        views = [np.kron(rng.integers(0, 255, shape), np.ones((8, 8, 1))).astype(np.uint8) for _ in range(17)]
        self._views = itertools.cycle(views)
        self._count = itertools.count()
        self.state = self.create_publisher(EpisodeState, "/episode/state", LATCHED)
        for camera in rig.cameras:
            publisher = self.create_publisher(get_message(camera.message_type), camera.topic, SENSOR)
            self.create_timer(1 / camera.rate_hz, lambda c=camera, p=publisher: p.publish(self._image(c)))
        for arm in RIG.arms:
            publisher = self.create_publisher(JointState, arm.joint_state_topic, SENSOR)
            self.create_timer(1 / arm.rate_hz, lambda a=arm, p=publisher: p.publish(self._joints(a)))

    def begin(self) -> None:
        """An episode runs from now on."""
        message = EpisodeState(state=EpisodeState.RUNNING, episode_id="ep_0000", prompt="sort")
        message.header.stamp = self.get_clock().now().to_msg()
        self.state.publish(message)

    def _image(self, camera: Camera) -> CompressedImage | Image:
        view = next(self._views)
        stamp_ns = self.get_clock().now().nanoseconds
        if not camera.is_raw:
            return compressed_to_message(encode_jpeg(view), stamp_ns, camera.name)
        is_wide = camera.name == "right_wrist"
        pixels = view[..., 1].astype(">u2") * 257 if is_wide else view[..., 1]
        rows = np.pad(pixels.view(np.uint8), ((0, 0), (0, 5)))
        message = Image(height=camera.height, width=camera.width, step=rows.shape[1], data=array("B", rows.tobytes()))
        message.encoding = "mono16" if is_wide else "bayer_rggb8"
        message.is_bigendian = int(is_wide)
        message.header.stamp = ns_to_stamp(stamp_ns)
        return message

    def _joints(self, arm: Arm) -> JointState:
        positions = np.array(arm.home) + 1e-3 * next(self._count)
        return joint_state_to_message(arm, positions, self.get_clock().now().nanoseconds)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[rclpy.Context]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=DOMAIN)
    yield context
    context.try_shutdown()


@pytest.fixture
def live(context: rclpy.Context, tmp_path: Path) -> Iterator[tuple[Drivers, Memory]]:
    """policy_node and recorder_node beside drivers; each in a thread of its own, as they are processes of their own."""
    rig_file = write_raw_rig(tmp_path, ["left_wrist", "right_wrist"])
    memory, drivers = Memory(), Drivers(context, load_rig(rig_file))
    given = {"rig": str(rig_file), "checkpoint": "x", "n_action_steps": 5}
    of_recorder = {"rig": str(rig_file), "record": str(tmp_path), "min_free_gib": 0.001}
    policy = PolicyNode(lambda *_, **__: memory, context=context, parameter_overrides=overrides(given))
    recorder = RecorderNode(context=context, parameter_overrides=overrides(of_recorder))
    executors = [SingleThreadedExecutor(context=context) for _ in range(3)]
    for executor, node in zip(executors, (drivers, policy, recorder), strict=True):
        executor.add_node(node)
        threading.Thread(target=executor.spin, daemon=True).start()
    yield drivers, memory
    for executor in executors:
        executor.shutdown()
    policy.finish()
    recorder.finish()
    for node in (drivers, policy, recorder):
        node.destroy_node()


def overrides(values: dict[str, object]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


def call(node: Node, kind: type, name: str, **fields: object) -> object:
    client, answered = node.create_client(kind, name), threading.Event()
    assert client.wait_for_service(10.0), f"no service {name}"
    future = client.call_async(kind.Request(**fields))
    future.add_done_callback(lambda _: answered.set())
    assert answered.wait(15.0), f"no answer from {name}"
    return future.result()


def off_ns(observation: Observation, name: str) -> int:
    """Between an observation and what it holds of one stream."""
    return abs(observation.stamps[name] - observation.stamp_ns)


def test_observations_rebuilt_from_the_bag_are_those_that_the_live_policy_used(live: tuple[Drivers, Memory]) -> None:
    drivers, memory = live
    bag = Path(call(drivers, StartEpisode, "/recorder/start", prompt="sort").bag)
    drivers.begin()
    assert memory.enough.wait(20.0), f"only {len(memory.seen)} observations"
    assert call(drivers, StopEpisode, "/recorder/stop").success
    small = {chunk.observation_id: seen for chunk, seen in read_observations(bag, drivers.rig, SMALL)}
    compared = late = 0
    for chunk, rebuilt in read_observations(bag, drivers.rig):
        used = memory.seen[chunk.observation_id - 1]
        assert isinstance(rebuilt, Observation), rebuilt
        assert (rebuilt.stamp_ns, rebuilt.prompt) == (used.stamp_ns, used.prompt)
        if rebuilt.stamps != used.stamps:
            assert all(off_ns(rebuilt, name) <= off_ns(used, name) for name in used.stamps), "only what came late"
            late += 1
            continue
        assert rebuilt.state.tobytes() == used.state.tobytes()
        for camera in RIG.cameras:
            assert rebuilt.images[camera.name].tobytes() == used.images[camera.name].tobytes()
            resized = resize_image(used.images[camera.name], SMALL)  # as the live policy does; ingest does it at once
            assert small[chunk.observation_id].images[camera.name].tobytes() == resized.tobytes()
        compared += 1
    assert compared + late >= OBSERVATIONS - 2, "chunks that were on their way at the stop may be missing, no others"
    assert late <= OBSERVATIONS // 4, "a bag also holds what reached the policy after it had looked: on a busy machine"
