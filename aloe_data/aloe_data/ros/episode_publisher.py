"""What episode_node says about its episodes: the latched state, the events and its heartbeat."""

from aloe_msgs.msg import EpisodeEvent, EpisodeState
from rclpy.duration import Duration
from rclpy.node import Node

from aloe_data.episode import Ending, EpisodeRun, Phase
from aloe_data.ros.heartbeat import Heart
from aloe_data.ros.qos import LATCHED
from aloe_data.session import Session
from aloe_data.vocabulary import Verdict

NAME = "episode_node"
_PUBLIC_STATE = {
    Phase.IDLE: EpisodeState.IDLE,
    Phase.RESETTING: EpisodeState.PREPARING,
    Phase.OPENING: EpisodeState.PREPARING,
    Phase.ARMING: EpisodeState.PREPARING,
    Phase.RUNNING: EpisodeState.RUNNING,
    Phase.DISARMING: EpisodeState.STOPPING,
    Phase.CLOSING: EpisodeState.STOPPING,
}

_STATE_NAMES = {
    EpisodeState.IDLE: "IDLE",
    EpisodeState.PREPARING: "PREPARING",
    EpisodeState.RUNNING: "RUNNING",
    EpisodeState.STOPPING: "STOPPING",
}


class EpisodePublisher:
    """Publishes /episode/state, /episode/events and the heartbeat.

    Args:
        node: Node that publishes.
        session: Session of the launch that started it.
    """

    def __init__(self, node: Node, session: Session) -> None:
        self._node = node
        self._heart = Heart(node, session)
        self._last_verdict = Verdict.NONE
        self._state = node.create_publisher(EpisodeState, "/episode/state", LATCHED)
        self._events = node.create_publisher(EpisodeEvent, "/episode/events", 10)

    def beat(self, phase: Phase, waits_for: str) -> None:
        """Say that the thread of the episodes is at work, in which state, and what it waits for."""
        state = _STATE_NAMES[_PUBLIC_STATE[phase]]
        self._heart.beat(f"{state}: {waits_for}" if waits_for else state)

    def publish_state(self, phase: Phase, episode: EpisodeRun) -> None:
        """Say in which state the episode is now."""
        message = EpisodeState(state=_PUBLIC_STATE[phase], episode_id=episode.episode_id)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.prompt = episode.prompt
        message.seed = episode.seed
        message.last_verdict = int(self._last_verdict)
        message.bag = "" if phase is Phase.IDLE else episode.bag
        self._state.publish(message)

    def start(self, episode: EpisodeRun) -> int:
        """Say that the episode starts; when that was [ns]."""
        started_ns = self._emit(EpisodeEvent.START, episode, Ending(Verdict.NONE, NAME))
        self._node.get_logger().info(f"{episode.episode_id} runs: {episode.prompt}")
        return started_ns

    def end(self, episode: EpisodeRun, ending: Ending) -> int:
        """Say the verdict and that the episode stops; when that was [ns]."""
        self._last_verdict = ending.verdict
        self._emit(EpisodeEvent.VERDICT, episode, ending)
        return self._emit(EpisodeEvent.STOP, episode, ending)

    def wait_until_heard(self) -> None:
        """Wait until all subscribers have what was said, but not long."""
        for publisher in (self._events, self._state):
            publisher.wait_for_all_acked(Duration(seconds=1.0))

    def _emit(self, kind: int, episode: EpisodeRun, ending: Ending) -> int:
        now = self._node.get_clock().now()
        event = EpisodeEvent(kind=kind, episode_id=episode.episode_id, verdict=int(ending.verdict))
        event.header.stamp = now.to_msg()
        event.source = ending.source
        event.reason = ending.reason
        event.prompt = episode.prompt
        event.seed = episode.seed
        self._events.publish(event)
        return int(now.nanoseconds)
