"""How an episode gets its motion: control_node is asked until it agrees, on a real rig for as long as people take."""

import math
import time
from collections.abc import Callable

from aloe_msgs.srv import EnableMotion
from rclpy.node import Node

from aloe_data.ros.sealing import MessageSealer
from aloe_data.ros.service_calls import CallError, ServiceCalls
from aloe_data.session import Session

ARM = "/control/arm"
_TIMEOUT_S = 60.0  # in simulation, for all streams to be healthy
_REMIND_S = 10.0  # between two lines about what keeps motion from being enabled
# control_node answers within a tick. Where the answer is lost, as DDS loses one to a client that it does not know yet,
# the arms follow the policy before the episode has begun: so it is asked again soon, which changes nothing there.
_ANSWER_S = 1.5


class MotionEnabling:
    """Enables and ends motion through control_node.

    Args:
        node: Node that asks, and in whose log it stands what is waited for.
        session: Session whose key seals what is asked.
        calls: Caller of services with time limits.
        needs_ready: Whether control_node waits for a person's word, as it does on a real rig.
        ready_hint: What a person does to say ready, for people to read.
        timeout_s: Limit for motion to be enabled [s]; 0: a minute, or none where a person is waited for.
        service_timeout_s: Limit for control_node to answer [s].

    Attributes:
        asked_ns: Time at which motion was asked for in this episode [ns]; 0: not yet, or no longer.
        enabled_ns: Time at which control_node had answered that motion is enabled [ns]; 0: not yet, or no longer.
        waits_for: What is waited for, in words; "" for nothing.
    """

    def __init__(
        self,
        node: Node,
        session: Session,
        calls: ServiceCalls,
        *,
        needs_ready: bool,
        ready_hint: str,
        timeout_s: float,
        service_timeout_s: float,
    ) -> None:
        self._node = node
        self._calls = calls
        self._sealer = MessageSealer(session, node.get_name())
        self._client = node.create_client(EnableMotion, ARM)
        self._needs_ready = needs_ready
        self._ready = f"waits for a person's ready: {ready_hint}"
        self._limit_s = timeout_s or (math.inf if needs_ready else _TIMEOUT_S)
        self._service_timeout_s = service_timeout_s
        self._reminded_s = 0.0
        self.asked_ns = 0
        self.enabled_ns = 0
        self.waits_for = ""

    def enable(self, episode_id: str, refusal: Callable[[], str], pause: Callable[[], str]) -> None:
        """Ask until motion is enabled.

        Args:
            episode_id: Name of the episode, for the log.
            refusal: Says why motion must not be asked for now; "" where it may.
            pause: Called between two tries; says why to give up, or "".

        Raises:
            CallError: Motion was not enabled, with the reason.
        """
        if self._needs_ready:
            self.disable()  # which voids a READY of before: it was not said about this scene
            self._wait_for(episode_id, self._ready)
        try:
            self._ask_until_enabled(episode_id, refusal, pause)
        finally:
            self.waits_for = ""

    def disable(self) -> None:
        """End motion; raises CallError where control_node does not answer."""
        self.asked_ns = 0
        self.enabled_ns = 0
        self._call(False, self._service_timeout_s)

    def _ask_until_enabled(self, episode_id: str, refusal: Callable[[], str], pause: Callable[[], str]) -> None:
        deadline_s = time.monotonic() + self._limit_s
        while True:
            if refused := refusal():
                raise CallError(refused)
            self.asked_ns = self._now_ns()
            try:
                self._call(True, min(_ANSWER_S, self._service_timeout_s))
                self.enabled_ns = self._now_ns()
                return
            except CallError as error:
                if time.monotonic() >= deadline_s:
                    raise CallError(f"motion was not enabled within {self._limit_s:g} s: {error}") from error
                if self._needs_ready:
                    self._wait_for(episode_id, f"{self._ready}; {error}")
            self.asked_ns = 0
            if ended := pause():
                raise CallError(ended)

    def _wait_for(self, episode_id: str, words: str) -> None:
        """Tell people what the episode waits for: in every heartbeat, and in the log now and then."""
        if not self.waits_for or time.monotonic() - self._reminded_s > _REMIND_S:
            self._reminded_s = time.monotonic()
            self._node.get_logger().info(f"{episode_id} {words}")
        self.waits_for = words

    def _call(self, enable: bool, answer_s: float) -> None:
        request = EnableMotion.Request(enable=enable, stamp=self._node.get_clock().now().to_msg())
        self._calls.call(self._client, self._sealer.seal(ARM, request), "control_node", answer_s)

    def _now_ns(self) -> int:
        now: int = self._node.get_clock().now().nanoseconds
        return now
