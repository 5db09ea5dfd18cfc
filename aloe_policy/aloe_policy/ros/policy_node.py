"""policy_node: from cameras and joint states to action chunks, in a thread of its own."""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import cv2
import torch
from aloe_msgs.msg import ActionChunk, EpisodeState, Intervention
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from aloe_data.codecs import CodecError
from aloe_data.config import parameter
from aloe_data.observation import StaleInput
from aloe_data.recording import CHUNKS
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import chunk_to_message, diagnostics, stamp_to_ns
from aloe_data.ros.live_streams import LiveStreams
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_policy.backend import load_policy
from aloe_policy.deployment import Deployed
from aloe_policy.planner import ChunkError, ChunkPlanner
from aloe_policy.policy_protocol import ChunkPolicy
from aloe_policy.ros.deploying import Deploying, DeployingConfig
from aloe_policy.smoke import smoke_test

ACTIVE_STATES = (EpisodeState.PREPARING, EpisodeState.RUNNING)


@dataclass(frozen=True)
class PolicyNodeConfig(DeployingConfig):
    """Parameters of policy_node."""

    rig: str = parameter(doc="rig file")
    checkpoint: str = parameter(doc="folder of the checkpoint to start with")
    n_action_steps: int = parameter(25, low=1, high=1000, doc="control ticks from one chunk to the next")
    seed: int = parameter(0, low=0, doc="of the policy's sampling")
    device: str = parameter("cpu", choices=("cpu", "cuda"), doc="where to compute")
    num_threads: int = parameter(1, low=1, high=64, doc="CPU threads of one inference")


class PolicyNode(Node):
    """Publishes a chunk every `n_action_steps` ticks while an episode is being prepared or runs.

    Args:
        load: Makes a policy from a checkpoint folder; it may use the node's `rig` and `config`.
        config: Class of the node's parameters.
    """

    def __init__(
        self,
        load: Callable[..., ChunkPolicy] = load_policy,
        config: type[PolicyNodeConfig] = PolicyNodeConfig,
        **node_options: object,
    ) -> None:
        super().__init__("policy_node", **node_options)
        self.config = declare_parameters(self, config)
        self.rig = load_rig(self.config.rig)
        cv2.setNumThreads(1)
        torch.set_num_threads(self.config.num_threads)
        self._load = load
        first = Deployed(self.config.checkpoint, self._loaded(self.config.checkpoint))
        self._planner = ChunkPlanner(self.rig, first.policy, self.config.n_action_steps)
        self._deploying = Deploying(self, self._planner, first, self._loaded, self.config)
        self._episode = EpisodeState()
        self._prompt = ""
        self._chunk_problem = ""
        self._reported = ""
        self._published = 0
        self._dropped = 0
        self._inference_s = 0.0
        self._tried_ns = -1
        self._wake = threading.Condition()
        self._closing = False
        self._connect()
        self._thread = threading.Thread(target=self._infer_forever, name="inference", daemon=True)
        self._thread.start()

    def _connect(self) -> None:
        self._sealer = MessageSealer(open_session(), self.get_name())
        self._chunks = self.create_publisher(ActionChunk, CHUNKS, 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._streams = LiveStreams(self, self.rig, self._wake_if_due, self._on_jump)
        self._assembler = self._streams.assembler
        self.create_subscription(EpisodeState, "/episode/state", self._on_episode_state, LATCHED)
        self.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        self.create_timer(1.0, self._report)

    def _on_jump(self) -> None:
        self._tried_ns = -1

    def finish(self) -> None:
        """End the inference thread."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout=5.0)

    # Inputs

    def _on_episode_state(self, message: EpisodeState) -> None:
        changed = (message.state, message.episode_id) != (self._episode.state, self._episode.episode_id)
        self._episode = message
        self._prompt = message.prompt
        if message.state not in ACTIVE_STATES or not message.prompt:
            self._planner.stop()
        elif changed:
            # Nothing observed before this moment counts: the scene was reset, or the arms were not yet enabled.
            self._planner.start(stamp_to_ns(message.header.stamp))
            self._wake_if_due()

    def _on_intervention(self, message: Intervention) -> None:
        """An arm that waits, as after a hand-back, gets a chunk from a fresh observation without delay."""
        if self._planner.active and message.armed and any(arm.authority == arm.HOLD for arm in message.arms):
            self._planner.start(stamp_to_ns(message.header.stamp))
            self._wake_if_due()

    # Inference

    def _wake_if_due(self) -> None:
        if self._planner.due(self._assembler.common_stamp_ns):
            with self._wake:
                self._wake.notify()

    def _infer_forever(self) -> None:
        os.nice(self.config.nice)  # on Linux of this thread alone: callbacks stay quick
        while not self._closing:
            with self._wake:
                self._wake.wait(timeout=0.1)
            stamp_ns = self._assembler.common_stamp_ns
            if not self._closing and self._planner.due(stamp_ns) and stamp_ns > self._tried_ns:
                self._tried_ns = stamp_ns
                self._infer_once()

    def _infer_once(self) -> None:
        started = perf_counter()
        try:
            observation = self._assembler.assemble(self.get_clock().now().nanoseconds, self._prompt)
            if isinstance(observation, StaleInput):
                return  # _report names it
            chunk = self._planner.plan(observation)
        except ChunkError as error:
            self._dropped += 1
            self._chunk_problem = f"no chunk: {error}"
            self._deploying.on_bad_chunk(error)
            return
        except Exception as error:  # one observation that cannot be used must not end inference for good
            known = isinstance(error, CodecError)
            self._chunk_problem = f"no chunk: {error}" if known else f"no chunk: {type(error).__name__}: {error}"
            return
        self._chunk_problem = ""
        self._published += 1
        self._inference_s = perf_counter() - started
        if not self._closing:
            message = chunk_to_message(chunk, self.rig.action_space, self._inference_s)
            self._chunks.publish(self._sealer.seal(CHUNKS, message))

    def _loaded(self, path: str) -> ChunkPolicy:
        """The policy of a folder: verified, warmed up, and tried."""
        policy = self._load(path, self.rig, seed=self.config.seed, device=self.config.device)
        policy.warm_up()
        smoke_test(policy, self.rig, self.config.n_action_steps)
        return policy

    # Reports

    def _report(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        stale = self._assembler.stale(now_ns)
        problem = self._chunk_problem
        if stale:
            problem = f"no inference: {self._streams.problems(stale)}"
        kind = str([item.stream for item in stale]) if stale else problem  # an age that grows is no news
        if self._planner.active and kind != self._reported:
            self._reported = kind
            if problem:
                self.get_logger().error(problem)
            else:
                self.get_logger().info("inference goes on")
        values = {
            "policy_version": self._planner.policy_version,
            "chunks_published": self._published,
            "chunks_dropped": self._dropped,
            "inference_ms": f"{self._inference_s * 1e3:.1f}",
            **{f"age_s of {item.stream}": f"{item.age_s:.3f}" for item in stale},
        }
        message = diagnostics(now_ns, "policy_node: inference", problem, values)
        message.status.append(self._deploying.status())
        self._diagnostics.publish(message)


def main() -> None:
    # Not the EventsExecutor: it knows no answers that come later.
    run_node(PolicyNode, SingleThreadedExecutor)
