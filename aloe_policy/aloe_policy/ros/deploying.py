"""What policy_node does about other policies: loads them on request, watches them, goes back to the last good one."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aloe_msgs.msg import ChunkRefused, EpisodeEvent, Intervention, PolicyCheckpoint
from aloe_msgs.srv import LoadPolicy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from aloe_data.chunk import critic_of, policy_of
from aloe_data.config import parameter
from aloe_data.recording import REFUSED_CHUNKS
from aloe_data.ros.convert import diagnostic_status
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.session import open_session
from aloe_policy.checkpoint import CheckpointError, stated_version
from aloe_policy.deployment import Deployed, Deployment, DeploymentError, TrialConfig
from aloe_policy.planner import ChunkError, ChunkPlanner
from aloe_policy.policy_protocol import ChunkPolicy

LOAD = "/policy/load"
SHORT = 12  # digits of a version, as everything prints it


@dataclass(frozen=True)
class DeployingConfig(TrialConfig):
    """What loading and watching depend on."""

    nice: int = parameter(5, low=0, high=19, doc="by how much inference and loading yield to other processes")


class Deploying:
    """Swaps policies between chunks and announces which one drives; it neither enables nor begins motion.

    Args:
        node: whose topics and services these are.
        planner: asks the policy that drives.
        first: that policy.
        load: gives the policy of a folder, after all checks.
        config: see its fields.
    """

    def __init__(
        self,
        node: Node,
        planner: ChunkPlanner,
        first: Deployed,
        load: Callable[[str], ChunkPolicy],
        config: DeployingConfig,
    ) -> None:
        self._node = node
        self._planner = planner
        self._load = load
        # One thread for all loads: every new one would take memory of its own from the allocator. It is as nice as
        # inference and no nicer: on a busy machine it would be kept waiting while it holds Python's lock.
        self._loader = ThreadPoolExecutor(1, "loading", initializer=os.nice, initargs=(config.nice,))
        self._deployment = Deployment(first, config)
        self._lock = threading.Lock()
        self._announced: Deployed | None = None
        self._loading = False
        self._inputs = SealedInputs(node, open_session())
        self._checkpoints = node.create_publisher(PolicyCheckpoint, "/policy/checkpoint", LATCHED)
        node.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        node.create_subscription(EpisodeEvent, "/episode/events", self._on_episode_event, 10)
        node.create_subscription(ChunkRefused, REFUSED_CHUNKS, self._on_chunk_refused, 10)
        # A group of its own: the answer waits for the loading, and messages must go on meanwhile.
        alone = ReentrantCallbackGroup()
        node.create_service(LoadPolicy, LOAD, self._on_load, callback_group=alone)
        node.create_service(Trigger, "/policy/rollback", self._on_rollback)
        self._follow()

    @property
    def active(self) -> Deployed:
        """The policy that drives."""
        return self._deployment.active

    def on_bad_chunk(self, error: ChunkError) -> None:
        """A chunk was dropped."""
        with self._lock:
            self._deployment.fault(error.policy_version, str(error))
            self._follow()

    def status(self) -> DiagnosticStatus:
        """What stands on /diagnostics: a warning from a roll-back until the next load."""
        with self._lock:
            deployment = self._deployment
            fallback = deployment.fallback.version if deployment.fallback else "none"
            values = {
                "policy_version": deployment.active.version,
                "checkpoint": deployment.active.path,
                "standing": deployment.standing,
                "goes_back_to": fallback,
                "rolled_back": ", ".join(deployment.rejected) or "none",
            }
            problem = deployment.note if deployment.went_back else ""
        return diagnostic_status("policy_node: deployment", problem, values, DiagnosticStatus.WARN)

    # Guard rails

    def _on_intervention(self, message: Intervention) -> None:
        if any(arm.authority == arm.HUMAN for arm in message.arms):
            self._deployment.take_over()

    def _on_episode_event(self, message: EpisodeEvent) -> None:
        with self._lock:
            if message.kind == EpisodeEvent.START:
                self._deployment.begin_episode()
            elif message.kind == EpisodeEvent.STOP:
                self._deployment.end_episode(counts=message.verdict != EpisodeEvent.ABORT)
                self._follow()

    def _on_chunk_refused(self, message: ChunkRefused) -> None:
        if message.reason == ChunkRefused.OTHER_POLICY:
            return  # it was refused for who sent it, which says nothing about the policy
        with self._lock:
            self._deployment.refused(message.policy_version, message.text)
            self._follow()

    # Commands

    async def _on_load(self, request: LoadPolicy.Request, response: LoadPolicy.Response) -> LoadPolicy.Response:
        refusal = self._inputs.refusal(LOAD, request)
        if refusal:
            response.message = refusal
        elif self._loading:
            response.message = "another checkpoint is being loaded; ask again when it is done"
        else:
            self._loading = True
            done = Future(executor=self._node.executor)
            self._loader.submit(self._load_and_swap, request, done)
            response.message = await done
        response.success = not response.message
        response.policy_version = self.active.version
        return response

    def _load_and_swap(self, request: LoadPolicy.Request, done: Future) -> None:
        try:
            stated = stated_version(Path(request.path))
            if stated:  # another version is refused at once, not after seconds of loading and warming up
                _check_version(request.path, stated, request.policy_version)
            policy = self._load(request.path)
            _check_version(request.path, policy_of(policy.version), request.policy_version)
            with self._lock:
                self._deployment.load(Deployed(request.path, policy), request.force)
                self._follow()
            message = ""
        except Exception as error:  # whatever a backend raises is answered; the running policy goes on
            message = f"{error}; policy {self.active.version[:12]} keeps running"
            self._node.get_logger().error(f"cannot load: {message}")
        self._loading = False  # before the answer: who has it may ask for the next load at once
        done.set_result(message)

    def _on_rollback(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            with self._lock:
                self._deployment.roll_back("asked for")
                self._follow()
            response.success = True
            response.message = f"policy {self.active.version[:12]} from {self.active.path}"
        except DeploymentError as error:
            response.message = str(error)
        return response

    def _follow(self) -> None:
        """Let the active policy plan, and say so, if it is another one than was said last."""
        active = self._deployment.active
        if active is self._announced:
            return
        self._planner.swap(active.policy)
        self._announced = active
        note = self._deployment.note
        critic = critic_of(active.version)
        if critic:
            note += f"; guided by the critic {critic[:12]}"
        message = PolicyCheckpoint(path=active.path, policy_version=policy_of(active.version), note=note)
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._checkpoints.publish(message)
        said = f"policy {active.version[:12]} from {active.path}: {note}"
        logger = self._node.get_logger()
        if self._deployment.went_back:
            logger.error(said)
        else:
            logger.info(said)


def _check_version(path: str, version: str, wanted: str) -> None:
    """Refuse another version than the wanted one, in full or as its first digits; "": any."""
    if wanted and not (version == wanted or (len(wanted) >= SHORT and version.startswith(wanted))):
        found = version[: max(SHORT, len(wanted))]
        raise CheckpointError(
            f"{path}: is version {found}, not {wanted}; name the right folder, and {SHORT} digits or all"
        )
