"""Starts and ends episodes: scene, recorder, motion, verdict. The order is `aloe_data.episode`'s table."""

import time
from typing import Any

from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import EpisodeEvent, Intervention
from aloe_msgs.srv import StartEpisode, StopEpisode
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node

from aloe_data.episode import Ending, EpisodeRun
from aloe_data.episode_config import EpisodeConfig
from aloe_data.episode_ticket import Ticket
from aloe_data.rig_file import load_rig
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.ros.episode_runner import NAME, EpisodeRunner
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.session import open_session
from aloe_data.verdicts import GivenVerdict, VerdictError, give_verdict
from aloe_data.vocabulary import Verdict

_START = "/episode/start"
_RUN = "/episode/run"
_POLL_S = 0.1
_FINISH_S = 4.0  # on a signal: launch follows with SIGTERM after 5 s


class EpisodeNode(Node):
    """Services, action and topics around an EpisodeRunner."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__(NAME, **node_options)
        self._config = declare_parameters(self, EpisodeConfig)
        session = open_session()
        self._inputs = SealedInputs(self, session)
        self._runner = EpisodeRunner(self, load_rig(self._config.rig), self._config, session)
        self.create_subscription(EpisodeEvent, "/episode/verdict", self._on_verdict, 10)
        self.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        waiting = ReentrantCallbackGroup()  # these callbacks wait for the episode
        self.create_service(StartEpisode, _START, self._on_start, callback_group=waiting)
        self.create_service(StopEpisode, "/episode/stop", self._on_stop, callback_group=waiting)
        self._action = ActionServer(
            self,
            RunEpisodes,
            _RUN,
            self._run_episodes,
            goal_callback=self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=waiting,
        )

    def finish(self) -> None:
        """Abort the episode that is under way: disarm, say so, let the recorder close its bag."""
        self._runner.quit(_FINISH_S)

    def _on_start(self, request: StartEpisode.Request, response: StartEpisode.Response) -> StartEpisode.Response:
        refusal = self._inputs.refusal(_START, request)
        ticket = Ticket(EpisodeRun(request.episode_id, request.prompt, request.seed), self._config.timeout_s)
        if refusal or not self._runner.submit(ticket):
            response.success = False
            response.message = refusal or self._busy()
            return response
        while not (ticket.running.wait(_POLL_S) or ticket.finished.is_set()):
            pass
        episode = ticket.episode
        response.success = ticket.running.is_set()
        response.message = "" if response.success or episode.ending is None else episode.ending.reason
        response.episode_id = episode.episode_id
        response.bag = episode.bag
        return response

    def _busy(self) -> str:
        ticket = self._runner.ticket
        name = f"episode {ticket.episode.episode_id}" if ticket else "an episode"
        return f"{name} is under way; stop it first (service /episode/stop)"

    def _on_stop(self, request: StopEpisode.Request, response: StopEpisode.Response) -> StopEpisode.Response:
        ticket = self._runner.ticket
        if ticket is None:
            response.success = False
            response.message = "no episode is under way; start one (service /episode/start)"
            return response
        verdict = Verdict(request.verdict) if request.verdict in iter(Verdict) else Verdict.NONE
        if not ticket.running.is_set():
            verdict = Verdict.ABORT  # nothing has happened that could be judged, and now nothing will
        self._runner.end(Ending(verdict or Verdict.ABORT, "operator", request.reason or "stopped"))
        response.success = ticket.finished.wait(5 * self._config.service_timeout_s)
        response.message = "" if response.success else "the episode does not end; see the log of episode_node"
        response.episode_id = ticket.episode.episode_id
        response.bag = ticket.episode.bag
        response.messages_written = ticket.episode.messages_written
        response.messages_lost = ticket.episode.messages_lost
        return response

    def _on_verdict(self, event: EpisodeEvent) -> None:
        """A verdict ends the running episode; one that names an ended episode is kept beside its bag."""
        if event.kind != EpisodeEvent.VERDICT or event.verdict not in list(Verdict)[1:]:
            self.get_logger().error(
                f"kind {event.kind} with verdict {event.verdict} from '{event.source}' is no verdict"
            )
            return
        ending = Ending(Verdict(event.verdict), event.source or "unknown", event.reason)
        ticket = self._runner.ticket
        named = event.episode_id
        ours = ticket is not None and named in ("", ticket.episode.episode_id)
        if ours and (not named or ticket.episode.ending is None):
            self._runner.end(ending)
        elif ending.by_operator:
            self._give_afterwards(named, ending)

    def _give_afterwards(self, episode_id: str, ending: Ending) -> None:
        said = f"{ending.verdict.name} from '{ending.source}'"
        folder = self._runner.bag_folder
        if not episode_id or folder is None:
            which = f"recorded episode '{episode_id}'" if episode_id else "episode is under way"
            hint = "name an ended one, or use `ros2 run aloe_data verdict BAG ...`"
            self.get_logger().error(f"{said} changes nothing: no {which}; {hint}")
            return
        given = GivenVerdict(episode_id, ending.verdict.name.lower(), ending.source, ending.reason, time.time_ns())
        try:
            give_verdict(folder, given)
            self.get_logger().info(f"{episode_id}: {said} takes the place of its verdict")
        except VerdictError as error:
            self.get_logger().error(f"{said}: {error}")

    def _on_intervention(self, message: Intervention) -> None:
        """Motion that ends while an episode runs ends the episode; what was said before the arming is old.

        An emergency stop ends it wherever it is: its reset must not be followed by motion that nobody asked for anew.

        A tick between the request and its answer may still say, truly, that motion is not enabled: that counts only
        with a fault, which cannot be older than the request.
        """
        self._runner.control_heard(message.armed, message.estop, message.fault, message.stops)
        since_ns = self._runner.armed_ns if message.fault else self._runner.enabled_ns
        old = since_ns == 0 or stamp_to_ns(message.header.stamp) < since_ns
        if not message.armed and not old:
            self._runner.end(Ending(Verdict.ABORT, "control_node", message.fault or "motion was disarmed"))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._runner.node_heard(status.name.split(":")[0])

    def _on_goal(self, goal: RunEpisodes.Goal) -> GoalResponse:
        if self._inputs.refusal(_RUN, goal):
            return GoalResponse.REJECT
        if goal.episodes == 0 or self._runner.ticket is not None:
            self.get_logger().warning(
                f"goal refused: {self._busy() if self._runner.ticket else 'it asks for 0 episodes'}"
            )
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _run_episodes(self, handle: ServerGoalHandle) -> RunEpisodes.Result:
        goal = handle.request
        result = RunEpisodes.Result()
        stops = self._runner.stops
        for index in range(goal.episodes):
            if handle.is_cancel_requested:
                result.message = f"cancelled after {index} of {goal.episodes} episodes"
                break
            if self._runner.stops > stops:
                result.message = f"episode {index} of {goal.episodes}: {self._runner.stop_reason}"
                break
            ticket = Ticket(
                EpisodeRun(prompt=goal.prompt, seed=goal.seed + index), goal.timeout_s or self._config.timeout_s
            )
            if not self._runner.submit(ticket):
                result.message = self._busy()
                break
            while not ticket.finished.wait(_POLL_S):
                if handle.is_cancel_requested:
                    self._runner.end(Ending(Verdict.ABORT, NAME, "cancelled"))
            ending = ticket.episode.ending or Ending(Verdict.ABORT, NAME, "no ending")
            handle.publish_feedback(_feedback(index, ticket.episode, ending))
            if ticket.episode.bag:
                result.bags.append(ticket.episode.bag)
            if ending.verdict is Verdict.SUCCESS:
                result.successes += 1
            if ending.verdict is not Verdict.ABORT:
                result.episodes += 1
            if ending.verdict is Verdict.ABORT and not ending.by_operator:
                result.message = f"episode {index} of {goal.episodes}: {ending.reason}"
                break
        if handle.is_cancel_requested:
            handle.canceled()
        elif result.message:
            handle.abort()
        else:
            handle.succeed()
        return result


def _feedback(index: int, episode: EpisodeRun, ending: Ending) -> RunEpisodes.Feedback:
    feedback = RunEpisodes.Feedback(episode=index, episode_id=episode.episode_id, bag=episode.bag)
    feedback.verdict = int(ending.verdict)
    feedback.reason = ending.reason
    feedback.length_s = episode.length_s
    feedback.messages_lost = episode.messages_lost
    return feedback


def main() -> None:
    """Run episode_node."""
    run_node(EpisodeNode, lambda: MultiThreadedExecutor(num_threads=6))


if __name__ == "__main__":
    main()
