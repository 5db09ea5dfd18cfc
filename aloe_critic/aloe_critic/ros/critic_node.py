"""critic_node: says of every chunk what it is worth, as soon as it is published, in a thread of its own."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import torch
from aloe_msgs.msg import ActionChunk, EpisodeState, Intervention, InterventionRequest, QEstimate
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node

from aloe_critic.live import AlertConfig, NewestQuestion, Question, alert
from aloe_critic.ros.messages import estimate_message
from aloe_critic.scorer import AskConfig, load_scorer
from aloe_data.chunk import Chunk, policy_of
from aloe_data.codecs import CodecError
from aloe_data.config import parameter
from aloe_data.observation import StaleInput
from aloe_data.recording import CHUNKS, REQUESTS
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import chunk_from_message, diagnostics
from aloe_data.ros.live_streams import LiveStreams
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session

NAME = "critic_node"
NICE = 15  # more than the policy's inference: what a critic says is never worth a late chunk


@dataclass(frozen=True)
class CriticNodeConfig(AskConfig, AlertConfig):
    """Parameters of critic_node."""

    rig: Path = parameter(doc="rig file")
    critic: Path = parameter(doc="folder of the critic")
    checkpoint: Path = parameter(doc="checkpoint of the policy that the critic was trained for")
    ask_takeover: bool = parameter(False, doc="at an alert, ask that the policy's arms hold until an operator decides")


class CriticNode(Node):
    """Publishes an estimate for every chunk that there is time for; it commands nothing."""

    def __init__(self, **node_options: object) -> None:
        super().__init__(NAME, **node_options)
        self.config = declare_parameters(self, CriticNodeConfig)
        self._rig = load_rig(self.config.rig)
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        self._scorer = load_scorer(self.config.critic, self.config.checkpoint, self._rig, self.config)
        self._scorer.policy.warm_up()
        self._questions = NewestQuestion()
        self._prompt = ""
        self._intervention = Intervention()
        self._alert = self._problem = self._foreign = ""
        self._scored = self._alerts = 0
        self._scoring_s = self._slowest_s = 0.0
        self._estimates = self.create_publisher(QEstimate, "/critic/q", 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._requests = self.create_publisher(InterventionRequest, REQUESTS, 10)
        self._sealer = MessageSealer(open_session(), NAME)
        self._streams = LiveStreams(
            self, self._rig, self._questions.recheck, self._questions.forget, self._scorer.image_size
        )
        self.create_subscription(EpisodeState, "/episode/state", self._on_episode_state, LATCHED)
        self.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        self.create_subscription(ActionChunk, CHUNKS, self._on_chunk, 10)
        self.create_timer(1.0, self._report)
        self._thread = threading.Thread(target=self._score_forever, name="scoring", daemon=True)
        self._thread.start()
        self.get_logger().info(f"ready: critic {self._scorer.critic.version[:12]} from {self.config.critic}")

    def finish(self) -> None:
        """End the scoring thread."""
        self._questions.close()
        self._thread.join(timeout=3.0)

    def _on_episode_state(self, message: EpisodeState) -> None:
        self._prompt = message.prompt
        self._questions.recheck()
        if message.state not in (EpisodeState.PREPARING, EpisodeState.RUNNING):
            self._alert = self._foreign = ""

    def _on_intervention(self, message: Intervention) -> None:
        self._intervention = message

    def _on_chunk(self, message: ActionChunk) -> None:
        try:
            self._questions.ask(Question(chunk_from_message(message), self._prompt))
        except CodecError as error:
            self._problem = f"not scored: {error}"

    def _score_forever(self) -> None:
        while (question := self._questions.take(self._is_observed)) is not None:
            started = perf_counter()
            try:
                self._score(question)
            except Exception as error:  # whatever it is, the next chunk may be scored
                self._problem = f"chunk {question.chunk.chunk_id} not scored: {error}"
            self._scoring_s = perf_counter() - started
            self._slowest_s = max(self._slowest_s, self._scoring_s)

    def _is_observed(self, chunk: Chunk) -> bool:
        """Whether all is here that the policy had; from then on nothing changes the observation any more."""
        newest_ns = self._streams.assembler.common_stamp_ns
        return newest_ns is not None and newest_ns >= chunk.stamp_ns and self._prompt != ""

    def _score(self, question: Question) -> None:
        chunk = question.chunk
        prompt = question.prompt or self._prompt  # of a chunk that came before the news of its episode
        observation = self._streams.assembler.assemble_at(chunk.stamp_ns, prompt)
        if isinstance(observation, StaleInput):
            self._problem = f"chunk {chunk.chunk_id} not scored: {observation}"
            return
        found = self._scorer.score_chunk(observation, chunk)
        self._estimates.publish(estimate_message(found, 0, chunk, self._scorer.critic.version))
        self._scored += 1
        self._problem = ""
        own = self._scorer.policy.version
        self._foreign = chunk.policy_version if policy_of(chunk.policy_version) != own else ""
        said = alert(found, self._scorer.q_std, self.config)
        if said and not self._alert:
            self._raise_alert(f"chunk {chunk.chunk_id}: {said}")
        self._alert = said and f"chunk {chunk.chunk_id}: {said}"
        if said:
            self._report()

    def _raise_alert(self, said: str) -> None:
        self._alerts += 1
        self.get_logger().warning(said)
        arms = [arm.arm for arm in self._intervention.arms if arm.authority == arm.POLICY]
        if not (self.config.ask_takeover and self._intervention.armed and arms):
            return
        # HOLD, of the policy's arms alone: it ends motion, begins none, and takes nothing out of an operator's hands.
        message = InterventionRequest(request=InterventionRequest.HOLD, arms=arms, device=NAME, reason=said)
        message.header.stamp = self.get_clock().now().to_msg()
        self._requests.publish(self._sealer.seal(REQUESTS, message))

    def _report(self) -> None:
        said = self._alert
        if self._foreign:
            said = said or f"chunks come from the policy {self._foreign[:12]}; values are those of another one"
        values = {
            "critic_version": self._scorer.critic.version,
            "policy_version": self._scorer.policy.version,
            "chunks_scored": self._scored,
            "chunks_skipped": self._questions.skipped,
            "alerts": self._alerts,
            "scoring_ms": f"{self._scoring_s * 1e3:.1f}",
            "slowest_ms": f"{self._slowest_s * 1e3:.1f}",
        }
        level = DiagnosticStatus.ERROR if self._problem else DiagnosticStatus.WARN
        now_ns = self.get_clock().now().nanoseconds
        self._diagnostics.publish(diagnostics(now_ns, "critic_node: chunks", self._problem or said, values, level))


def main() -> None:
    """Run critic_node until SIGINT or SIGTERM."""
    os.nice(NICE)  # before any thread is started, also those that receive
    run_node(CriticNode)


if __name__ == "__main__":
    main()
