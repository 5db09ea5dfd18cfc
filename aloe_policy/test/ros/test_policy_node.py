"""policy_node over real DDS, with a policy that answers at once."""

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")
import rclpy
from aloe_msgs.msg import ActionChunk, EpisodeState, PolicyCheckpoint
from aloe_msgs.srv import LoadPolicy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState
from std_srvs.srv import Trigger

from aloe_data.codecs import encode_jpeg
from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import chunk_from_message, compressed_to_message, joint_state_to_message, stamp_to_ns
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_policy.backend import CheckpointError
from aloe_policy.ros.policy_node import PolicyNode
from aloe_policy.warm_up import PROMPT as SMOKE

RIG_FILE = str(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
RIG = load_rig(RIG_FILE)
DOMAINS = itertools.cycle(range(30, 50))
JPEG = encode_jpeg(np.zeros((240, 320, 3), np.uint8))


class FakePolicy:
    """Answers with the observed joints' first value as the first one; `spoil` edits the chunk of any real episode."""

    def __init__(self, version: str, spoil: Callable[[np.ndarray], np.ndarray] = lambda chunk: chunk) -> None:
        self.version, self.rig_contract, self._spoil, self.warm = version, RIG.contract, spoil, False

    def infer(self, observation: Any) -> np.ndarray:
        assert self.warm, "inference before warm-up"
        chunk = np.zeros((50, RIG.action_dim), np.float32)
        chunk[:, 0] = observation.state[0]
        return chunk if observation.prompt == SMOKE else self._spoil(chunk)

    def warm_up(self) -> None:
        self.warm = True


def nan_row(chunk: np.ndarray) -> np.ndarray:
    chunk[3, 11] = np.nan
    return chunk


class Unsound(FakePolicy):
    """Fails at once."""

    def infer(self, observation: Any) -> np.ndarray:
        return nan_row(super().infer(observation))


def load_fake(path: str, rig: Rig, *, seed: int, device: str) -> FakePolicy:
    spoils = {"nan": nan_row, "narrow": lambda chunk: chunk[:, :-1], "short": lambda chunk: chunk[:10]}
    if path == "broken":
        raise CheckpointError("broken: files are damaged; copy it again")
    if path == "unsound":
        return Unsound("sha-unsound")
    return FakePolicy("sha-" + path, spoils.get(path, lambda chunk: chunk))


class World:
    """The rest of the graph: drivers, an episode, and ears for what policy_node says."""

    def __init__(self, context: rclpy.Context, checkpoint: str) -> None:
        overrides = [Parameter("rig", value=RIG_FILE), Parameter("checkpoint", value=checkpoint)]
        self.policy = PolicyNode(load_fake, context=context, parameter_overrides=overrides)
        self.node = rclpy.create_node("world", context=context)
        self.heard = threading.Condition()
        self.chunks: list[ActionChunk] = []
        self.diagnostics: list[Any] = []
        self.checkpoints: list[PolicyCheckpoint] = []
        self.silent: set[str] = set()
        self.joint_names = {arm.name: list(arm.joint_names) for arm in RIG.arms}
        self.jpeg = JPEG
        self._listen()
        self.executor = SingleThreadedExecutor(context=context)
        for node in (self.policy, self.node):
            self.executor.add_node(node)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def _listen(self) -> None:
        node, pub = self.node, self.node.create_publisher
        self.cameras = {c.name: pub(CompressedImage, c.topic, qos_profile_sensor_data) for c in RIG.cameras}
        self.arms = {a.name: pub(JointState, a.joint_state_topic, qos_profile_sensor_data) for a in RIG.arms}
        self.episode = pub(EpisodeState, "/episode/state", LATCHED)
        node.create_subscription(ActionChunk, "/policy/action_chunk", self._into(self.chunks), 10)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._into(self.diagnostics), 10)
        node.create_subscription(PolicyCheckpoint, "/policy/checkpoint", self._into(self.checkpoints), LATCHED)
        self.client = node.create_client(LoadPolicy, "/policy/load")
        self.back = node.create_client(Trigger, "/policy/rollback")
        node.create_timer(0.02, self._drive)

    def _into(self, heard: list[Any]) -> Callable[[Any], None]:
        def hear(message: Any) -> None:
            with self.heard:
                heard.append(message)
                self.heard.notify_all()

        return hear

    def _drive(self) -> None:
        now_ns = self.node.get_clock().now().nanoseconds
        for name, publisher in self.cameras.items():
            if name not in self.silent:
                publisher.publish(compressed_to_message(self.jpeg, now_ns, name))
        for arm in RIG.arms:
            if arm.name not in self.silent:
                message = joint_state_to_message(arm, [0.25] * arm.dof, now_ns)
                message.name = self.joint_names[arm.name]
                self.arms[arm.name].publish(message)

    def set_state(self, state: int, episode_id: str = "ep_0001", prompt: str = "sort") -> int:
        message = EpisodeState(state=state, episode_id=episode_id, prompt=prompt)
        message.header.stamp = self.node.get_clock().now().to_msg()
        self.episode.publish(message)
        return stamp_to_ns(message.header.stamp)

    def wait(self, condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
        with self.heard:
            assert self.heard.wait_for(condition, timeout_s), "what the test waits for did not happen"
        return condition()

    def problem(self) -> str:
        return self.diagnostics[-1].status[0].message if self.diagnostics else ""

    def load(self, path: str, version: str = "", force: bool = False) -> LoadPolicy.Response:
        request = LoadPolicy.Request(path=path, policy_version=version, force=force)
        return self._call(self.client, MessageSealer(open_session(), "test").seal("/policy/load", request))

    def roll_back(self) -> Trigger.Response:
        return self._call(self.back, Trigger.Request())

    def _call(self, client: Any, request: Any) -> Any:
        assert client.wait_for_service(timeout_sec=30.0)
        future, answered = client.call_async(request), threading.Event()
        future.add_done_callback(lambda _: answered.set())
        assert answered.wait(30.0)
        return future.result()

    def close(self) -> None:
        self.executor.shutdown()
        self.thread.join(5.0)
        self.policy.finish()
        self.policy.destroy_node()
        self.node.destroy_node()


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[rclpy.Context]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=next(DOMAINS))
    yield context
    context.try_shutdown()


@pytest.fixture
def make_world(context: rclpy.Context) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(checkpoint: str = "good") -> World:
        worlds.append(World(context, checkpoint))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


def test_chunks_come_every_n_action_steps_stamped_with_their_observation(make_world: Callable[..., World]) -> None:
    world = make_world()
    since_ns = world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: len(world.chunks) >= 4)
    chunks = [chunk_from_message(message) for message in world.chunks]
    gaps_s = np.diff([chunk.stamp_ns for chunk in chunks]) / 1e9
    assert chunks[0].stamp_ns >= since_ns
    assert (gaps_s >= 0.5).all()
    assert np.median(gaps_s) < 0.6
    assert np.diff([chunk.chunk_id for chunk in chunks]).tolist() == [1, 1, 1]
    assert chunks[0].data.shape == (50, RIG.action_dim)
    assert chunks[0].data[0, 0] == 0.25
    assert (chunks[0].policy_version, chunks[0].rate_hz) == ("sha-good", 50.0)
    assert world.chunks[0].action_space == RIG.action_space


def test_nothing_is_inferred_before_and_after_an_episode(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.wait(lambda: len(world.diagnostics) >= 2 and world.problem() == "ok")
    assert not world.chunks
    world.set_state(EpisodeState.PREPARING)
    world.wait(lambda: world.chunks)
    since_ns = world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: stamp_to_ns(world.chunks[-1].header.stamp) >= since_ns)
    world.set_state(EpisodeState.STOPPING)
    seen = len(world.diagnostics)
    world.wait(lambda: len(world.diagnostics) >= seen + 1)
    count = len(world.chunks)
    world.wait(lambda: len(world.diagnostics) >= seen + 3)
    assert len(world.chunks) == count


def test_a_silent_camera_stops_inference_and_is_named_until_it_is_back(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: world.chunks)
    world.silent = {"left_wrist"}
    world.wait(lambda: "left_wrist (/cameras/left_wrist/image_raw/compressed): newest is" in world.problem())
    assert any(pair.key == "age_s of left_wrist" for pair in world.diagnostics[-1].status[0].values)
    count = len(world.chunks)
    world.wait(lambda: len(world.diagnostics) > 3)
    assert len(world.chunks) == count
    world.silent = set()
    world.wait(lambda: len(world.chunks) > count and world.problem() == "ok")


def test_a_camera_that_never_publishes_is_named_with_its_topic(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.silent = {"head"}
    world.set_state(EpisodeState.RUNNING)
    world.wait(
        lambda: "head (/cameras/head/image_raw/compressed): nothing received; start its driver" in world.problem()
    )
    assert not world.chunks


def test_bad_messages_are_named_instead_of_the_age_that_results(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.joint_names["right_arm"][0] = "weist"
    world.jpeg = encode_jpeg(np.zeros((480, 640, 3), np.uint8))
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: "right_arm (/right_arm/joint_states): no position of waist" in world.problem())
    assert "image is 640x480, the rig file says 320x240" in world.problem()
    assert not world.chunks


@pytest.mark.parametrize(
    ("checkpoint", "expected"),
    [
        ("nan", "chunk is nan at row 3, right_arm.y"),
        ("narrow", r"chunk of shape [50, 19] instead of [H >= n_action_steps = 25, 20]"),
        ("short", r"chunk of shape [10, 20]"),
    ],
)
def test_a_bad_chunk_is_dropped_and_reported_never_published(
    checkpoint: str, expected: str, make_world: Callable[..., World]
) -> None:
    world = make_world(checkpoint)
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: expected in world.problem())
    assert not world.chunks
    assert world.load("good").success
    world.wait(lambda: world.chunks and world.problem() == "ok")


def test_a_loaded_checkpoint_takes_over_between_chunks(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: world.chunks)
    response = world.load("better", "sha-better")
    assert (response.success, response.message, response.policy_version) == (True, "", "sha-better")
    world.wait(lambda: world.chunks[-1].policy_version == "sha-better")
    world.wait(lambda: [c.path for c in world.checkpoints][-1:] == ["better"])
    assert {chunk.policy_version for chunk in world.chunks} == {"sha-good", "sha-better"}
    assert np.all(np.diff([chunk.chunk_id for chunk in world.chunks]) == 1)


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_running_one(make_world: Callable[..., World]) -> None:
    world = make_world()
    for path, version, expected in (
        ("broken", "", "files are damaged"),
        ("better", "sha-other", "not sha-other"),
        ("unsound", "", "smoke inference: policy sha-unsound: chunk is nan at row 3"),
    ):
        response = world.load(path, version)
        assert not response.success
        assert expected in response.message
        assert "policy sha-good keeps running" in response.message
        assert response.policy_version == "sha-good"
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: world.chunks)
    assert world.chunks[0].policy_version == "sha-good"


def test_a_policy_that_fails_on_the_robot_gives_way_to_the_last_good_one(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.set_state(EpisodeState.RUNNING)
    world.wait(lambda: world.chunks)
    assert world.load("nan").success
    world.wait(lambda: [c.path for c in world.checkpoints][-2:] == ["nan", "good"])
    note = "rolled back from sha-nan: policy sha-nan: chunk is nan at row 3, right_arm.y"
    assert world.checkpoints[-1].note.startswith(note)
    count = len(world.chunks)
    world.wait(lambda: len(world.chunks) > count)
    assert {chunk.policy_version for chunk in world.chunks} == {"sha-good"}
    world.wait(lambda: world.diagnostics and world.diagnostics[-1].status[1].message.startswith(note))
    response = world.load("nan")
    assert not response.success and "was rolled back" in response.message
    assert world.load("nan", force=True).success


def test_an_operator_may_go_back_once(make_world: Callable[..., World]) -> None:
    world = make_world()
    assert world.load("better").success
    back = world.roll_back()
    assert (back.success, back.message) == (True, "policy sha-good from good")
    world.wait(lambda: [c.note for c in world.checkpoints][-1:] == ["rolled back from sha-better: asked for"])
    assert world.roll_back().message == "there is no policy to go back to from sha-good; load one"


@pytest.mark.parametrize(
    ("parameters", "error", "expected"),
    [
        ({"rig": RIG_FILE, "checkpoint": "broken"}, CheckpointError, "files are damaged"),
        ({"rig": RIG_FILE, "checkpoint": "unsound"}, CheckpointError, "smoke inference"),
        ({"rig": RIG_FILE}, ConfigError, "'checkpoint' is missing"),
        ({"rig": RIG_FILE, "checkpoint": "x", "n_action_stepz": 3}, ConfigError, "did you mean 'n_action_steps'"),
        ({"rig": "none.yaml", "checkpoint": "x"}, ValueError, "no such rig file"),
    ],
)
def test_a_node_that_cannot_work_says_why_and_does_not_start(
    parameters: dict[str, Any], error: type[Exception], expected: str, context: rclpy.Context
) -> None:
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    with pytest.raises(error, match=expected):
        PolicyNode(load_fake, context=context, parameter_overrides=overrides)
