"""The bag of an episode, which recorder_node opens and closes when episode_node asks."""

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from aloe_msgs.srv import StartEpisode, StopEpisode
from rclpy.node import Node

from aloe_data.episode import Ending, EpisodeRun
from aloe_data.ros.episode_publisher import NAME
from aloe_data.ros.service_calls import CallError, NoAnswerError, ServiceCalls
from aloe_data.verdicts import GivenVerdict, VerdictError, give_verdict
from aloe_data.vocabulary import Verdict


class EpisodeBag:
    """Asks recorder_node for the bag of an episode, and keeps in the episode what it answers.

    Args:
        node: Node that asks, and in whose log problems stand.
        calls: Caller of services with time limits.
        timeout_s: Limit for recorder_node to answer [s].

    Attributes:
        folder: Folder of the last bag that was opened; None before the first.
    """

    def __init__(self, node: Node, calls: ServiceCalls, timeout_s: float) -> None:
        self._node = node
        self._calls = calls
        self._timeout_s = timeout_s
        self._start = node.create_client(StartEpisode, "/recorder/start")
        self._stop = node.create_client(StopEpisode, "/recorder/stop")
        self.folder: Path | None = None

    def open(self, episode: EpisodeRun) -> None:
        """Open a bag; the episode gets its id and the bag's folder.

        Raises:
            CallError: recorder_node is not there, refuses or does not answer.
        """
        request = StartEpisode.Request(episode_id=episode.episode_id, prompt=episode.prompt, seed=episode.seed)
        try:
            answer = self._calls.call(self._start, request, "recorder_node", self._timeout_s)
        except NoAnswerError as error:  # a bag that it opens all the same would stay open, and in the way
            with suppress(CallError):
                self._ask_to_stop(Ending(Verdict.ABORT, NAME, str(error)))
            raise
        episode.episode_id = answer.episode_id
        episode.bag = answer.bag
        self.folder = Path(answer.bag).parent

    def close(self, episode: EpisodeRun, ending: Ending) -> None:
        """Close the bag; the episode gets the counts of its messages.

        Raises:
            CallError: The bag is not whole, and the episode counts for nothing: its verdict is ABORT now.
        """
        try:
            answer = self._ask_to_stop(ending)
        except CallError as error:
            self._abort(episode, ending, str(error))
            raise
        episode.messages_written = answer.messages_written
        episode.messages_lost = answer.messages_lost

    def _ask_to_stop(self, ending: Ending) -> StopEpisode.Response:
        request = StopEpisode.Request(verdict=int(ending.verdict), reason=ending.reason)
        answer: StopEpisode.Response = self._calls.call(self._stop, request, "recorder_node", self._timeout_s)
        return answer

    def _abort(self, episode: EpisodeRun, ending: Ending, problem: str) -> None:
        """Whatever was said of the episode, it counts for nothing."""
        if ending.verdict is Verdict.ABORT:
            if problem not in ending.reason:
                episode.ending = replace(ending, reason=f"{ending.reason}; {problem}".lstrip("; "))
            return
        reason = f"{problem} (the verdict was {ending.verdict.name} by {ending.source})"
        episode.ending = Ending(Verdict.ABORT, "recorder_node", reason)
        given = GivenVerdict(episode.episode_id, "abort", "recorder_node", reason, time.time_ns())
        try:  # the verdict that was said is in the bag already
            give_verdict(Path(episode.bag).parent, given)
        except VerdictError as error:
            self._node.get_logger().error(f"{episode.episode_id} is to be aborted: {reason}; {error}")
