"""Runs episodes through /episode/run and tells people how they went; its exit code is that of the rollout."""

import signal
import sys
import time
from dataclasses import dataclass

import rclpy
from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import ArmAction, ExecutedAction, Heartbeat, Intervention
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from aloe_data.command import INTERRUPTED
from aloe_data.config import parameter
from aloe_data.launch_bond import end_with_launch
from aloe_data.recording import CHUNKS, HEARTBEATS
from aloe_data.rollout_summary import EpisodeOutcome, Takeovers, episode_line, summary_lines
from aloe_data.ros.convert import stamp_to_ns
from aloe_data.ros.parameters import declare_parameters
from aloe_data.ros.qos import LATCHED
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import open_session
from aloe_data.statistics import TickStatistics, tick_statistics
from aloe_data.stops import Stops
from aloe_data.vocabulary import NS, Verdict

RUN = "/episode/run"
SERVER_TIMEOUT_S = 60.0
STOPPED_S = 1.0  # after an emergency stop: time for episode_node to end the episode itself
EPISODES = "episode_node"
LAST_WORDS_S = 4.0  # on a signal: time for the episode under way to be closed and reported


@dataclass(frozen=True)
class ReportConfig:
    """Parameters of rollout_report."""

    episodes: int = parameter(1, low=1, doc="how many episodes to run")
    successes: int = parameter(0, low=0, doc="end early after so many successes; 0: run all episodes")
    seed: int = parameter(0, low=0, doc="scene seed of the first episode")
    prompt: str = parameter("", doc="the task in words; empty: the task's own")
    timeout_s: float = parameter(0.0, unit="s", low=0.0, doc="limit per episode; 0: episode_node's default")
    rate_hz: float = parameter(50.0, unit="Hz", low=1, high=1000, doc="rate of the rig, which says what a late tick is")
    answer_timeout_s: float = parameter(10.0, unit="s", low=0.1, doc="limit for episode_node's answers")


class RolloutReport(Node):
    """Asks for one episode after the other, and prints how they went."""

    def __init__(self) -> None:
        super().__init__("rollout_report")
        self.config = declare_parameters(self, ReportConfig)
        self.outcomes: list[EpisodeOutcome] = []
        self.exit_code: int | None = None
        self._ticks: list[tuple[int, float, float]] = []  # number, stamp [s], lateness [s]
        self._takeovers = Takeovers()
        self._result: RunEpisodes.Result | None = None  # of the goal under way
        self._asked = 0
        self._owed_since_s: float | None = None  # an answer of episode_node
        self._began_s = 0.0
        self._ended_s = 0.0
        self._hears_control = False
        self._hears_authority = False
        self._stops = Stops(tried_first=True)  # one before motion is for episode_node to judge
        self._stopped_s: float | None = None
        self._handle: ClientGoalHandle | None = None  # of the goal under way
        self._waits_for = ""
        self._sealer = MessageSealer(open_session(), self.get_name())
        self._client = ActionClient(self, RunEpisodes, RUN)
        self.create_subscription(ExecutedAction, "/executed_action", self._on_executed_action, 100)
        self.create_subscription(Intervention, "/intervention", self._on_intervention, LATCHED)
        self.create_subscription(Heartbeat, HEARTBEATS, self._on_heartbeat, 10)

    def missing(self) -> str:
        """Who is not there yet that an episode needs; empty when all are.

        A policy is there once its weights are loaded. control_node has to be heard: what it says before DDS has matched
        it would not be counted, a takeover or an emergency stop for example.
        """
        there = {
            "no episode_node (/episode/run)": self._client.server_is_ready(),
            "no policy (/policy/action_chunk)": self.count_publishers(CHUNKS),
            "no control_node (/executed_action)": self._hears_control,
            "no word from control_node (/intervention)": self._hears_authority,
        }
        return ", ".join(name for name, is_there in there.items() if not is_there)

    def start(self) -> bool:
        """Ask for the first episode, if everybody is there."""
        if self.missing():
            return False
        self._began_s = time.monotonic()
        self._ended_s = self._began_s
        self._ask()
        return True

    def check_answers(self) -> None:
        """Give up where episode_node has owed an answer for too long: one can be lost, and none would come."""
        limit = self.config.answer_timeout_s
        if self.exit_code is None and self._owed_since_s and time.monotonic() - self._owed_since_s > limit:
            self.fail(f"episode_node has not answered /episode/run for {limit:g} s: see what it says above")
        if self._handle is not None and self._stopped_s and time.monotonic() - self._stopped_s > STOPPED_S:
            self._handle.cancel_goal_async()  # it was asked for before the stop was heard
            self._handle = None

    def fail(self, message: str) -> None:
        """End without a result."""
        print(f"rollout: {message}", file=sys.stderr, flush=True)
        self.exit_code = 1

    def print_summary(self) -> None:
        """Say how it went."""
        ticks = TickStatistics(0, 0, 0.0)
        if self._ticks:
            ticks = tick_statistics(*zip(*self._ticks, strict=True), self.config.rate_hz)
        lines = summary_lines(self.outcomes, ticks, self._ended_s - self._began_s)
        print("\n".join(lines), flush=True)

    def _ask(self) -> None:
        """One goal per episode, so that it can be the last one."""
        self._handle = None
        c = self.config
        goal = RunEpisodes.Goal(episodes=1, seed=c.seed + self._asked, prompt=c.prompt, timeout_s=c.timeout_s)
        self._asked += 1
        self._result = None
        self._owed_since_s = time.monotonic()
        goal.stamp = self.get_clock().now().to_msg()
        self._sealer.seal(RUN, goal)
        self._client.send_goal_async(goal, self._on_feedback).add_done_callback(self._on_answer)

    def _on_answer(self, future: Future) -> None:
        handle: ClientGoalHandle = future.result()
        if len(self.outcomes) < self._asked:  # else the feedback was faster, and the result is owed
            self._owed_since_s = None
        if not handle.accepted:
            self.fail("episode_node refused to run episodes; is one under way already? (service /episode/stop)")
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(self._on_result)

    def _on_feedback(self, message) -> None:
        feedback = message.feedback
        outcome = EpisodeOutcome(
            feedback.episode_id,
            Verdict(feedback.verdict),
            feedback.length_s,
            feedback.bag,
            feedback.messages_lost,
            feedback.reason,
            self._takeovers,
        )
        self._takeovers = Takeovers()
        self._ended_s = time.monotonic()
        self._owed_since_s = self._ended_s if self._result is None else None  # the result
        self.outcomes.append(outcome)
        print(episode_line(len(self.outcomes), self.config.episodes, outcome), flush=True)
        self._go_on()

    def _on_result(self, future: Future) -> None:
        self._result = future.result().result
        self._handle = None
        self._owed_since_s = time.monotonic() if len(self.outcomes) < self._asked else None  # the feedback
        if self._result.message:
            self.fail(
                self._result.message.replace("episode 0 of 1", f"episode {self._asked} of {self.config.episodes}")
            )
        else:
            self._go_on()

    def _go_on(self) -> None:
        """What follows an episode, once its result and its feedback are here; either may come first."""
        if self._result is None or self._result.message or len(self.outcomes) < self._asked:
            return
        if self._stopped_s is not None:  # between two goals, where episode_node knows of no run
            self.fail(f"{self._stops.reason}; {len(self.outcomes)} of {self.config.episodes} episodes have run")
        elif self._is_enough():
            self.exit_code = 0
        else:
            self._ask()

    def _is_enough(self) -> bool:
        successes = sum(outcome.verdict is Verdict.SUCCESS for outcome in self.outcomes)
        return len(self.outcomes) >= self.config.episodes or 0 < self.config.successes <= successes

    def _on_intervention(self, message: Intervention) -> None:
        """An emergency stop ends the rollout, whenever it comes and however soon it is reset."""
        self._hears_authority = True
        must_end = self._stops.heard(message.armed, message.estop, message.fault, message.stops)
        if must_end and self._stopped_s is None:
            self._stopped_s = time.monotonic()

    def _on_heartbeat(self, message: Heartbeat) -> None:
        """Say what an episode waits for, once."""
        if message.node != EPISODES:
            return
        waits_for = message.state.partition(": ")[2].partition(";")[0]
        if waits_for and waits_for != self._waits_for:
            print(f"episode {self._asked}/{self.config.episodes}  {waits_for}", flush=True)
        self._waits_for = waits_for

    def _on_executed_action(self, message: ExecutedAction) -> None:
        self._hears_control = True
        if message.armed:
            self._stops.moved()
            self._takeovers.add_tick({arm.arm: arm.source == ArmAction.HUMAN for arm in message.arms})
            self._ticks.append((message.tick, stamp_to_ns(message.header.stamp) / NS, message.lateness_s))


def main() -> None:
    """Run the asked episodes; exit code 0 when all of them ran."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    asked_s: list[float] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked_s.append(time.monotonic()))
    end_with_launch()
    try:
        node = RolloutReport()
    except ValueError as error:
        sys.exit(f"rollout_report: {error}")
    executor = EventsExecutor()
    executor.add_node(node)
    give_up_s = time.monotonic() + SERVER_TIMEOUT_S
    started = False
    while node.exit_code is None and not (asked_s and (not started or time.monotonic() > asked_s[0] + LAST_WORDS_S)):
        started = started or (not asked_s and node.start())
        if not started and time.monotonic() > give_up_s and (missing := node.missing()):
            node.fail(f"{missing}; see what was said above")
        executor.spin_once(timeout_sec=0.2)
        node.check_answers()
    if started:
        node.print_summary()
    executor.remove_node(node)
    node.destroy_node()
    rclpy.try_shutdown()
    sys.exit(INTERRUPTED if asked_s else node.exit_code)
