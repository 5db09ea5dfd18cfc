"""rollout_report as a process, with a fake episode_node, policy and control_node over real DDS."""

import threading
from typing import Any

import pytest
from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import ActionChunk, ArmAction, EpisodeEvent, ExecutedAction, Heartbeat, Intervention
from rclpy.action import ActionServer

from aloe_data.ros.qos import LATCHED

DOMAIN = 68
MODULE = "aloe_data.ros.rollout_report"
LIMIT_S = 0.5


class Episodes:
    """Runs each episode until it is released, says how it ended, and gives the result once that is released."""

    def __init__(self, peer: Any) -> None:
        self.episode, self.result, self.over = threading.Event(), threading.Event(), threading.Event()
        self.asked, self.source, self.silent = threading.Event(), ArmAction.POLICY, False
        self._policy = peer.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
        self.control = peer.node.create_publisher(ExecutedAction, "/executed_action", 100)
        self._tick = peer.node.create_timer(0.02, self.tick)
        self.intervention = peer.node.create_publisher(Intervention, "/intervention", LATCHED)
        self.heartbeat = peer.node.create_publisher(Heartbeat, "/heartbeat", 10)
        self.say(False, 0)
        self.runs = 0
        self._server = ActionServer(peer.node, RunEpisodes, "/episode/run", self._run)

    def say(self, estop: bool, stops: int) -> None:
        self.intervention.publish(Intervention(estop=estop, stops=stops))

    def tick(self) -> None:
        if not self.silent:
            self.control.publish(ExecutedAction(armed=True, arms=[ArmAction(arm="left_arm", source=self.source)]))

    def _run(self, goal: Any) -> RunEpisodes.Result:
        self.asked.set()
        self.runs += 1
        self.source = ArmAction.HUMAN
        self.tick()
        self.episode.wait(4 * LIMIT_S)
        goal.publish_feedback(RunEpisodes.Feedback(episode_id="ep_0000", verdict=EpisodeEvent.SUCCESS, length_s=2.0))
        self.result.wait(20.0)
        goal.succeed()
        self.over.set()
        return RunEpisodes.Result()


@pytest.fixture
def episodes(peer: Any) -> Any:
    fake = Episodes(peer)
    yield fake
    fake.episode.set()
    fake.result.set()
    fake.over.wait(10.0)  # its node goes next


def test_an_episode_may_last_longer_than_any_answer(peer: Any, episodes: Episodes) -> None:
    episodes.result.set()
    report = peer.start(MODULE, episodes=1, answer_timeout_s=LIMIT_S)
    said, _ = report.communicate(timeout=30)
    assert "episode 1/1  success" in said
    assert report.returncode == 0


def test_a_result_that_does_not_come_ends_the_rollout_with_a_message(peer: Any, episodes: Episodes) -> None:
    episodes.episode.set()
    report = peer.start(MODULE, episodes=2, answer_timeout_s=LIMIT_S)
    said, _ = report.communicate(timeout=30)
    assert "episode_node has not answered /episode/run for 0.5 s" in said
    assert "episode 1/2  success" in said, "what ran is still reported"
    assert report.returncode == 1


def test_no_episode_begins_before_control_node_is_heard_so_that_a_takeover_at_once_counts(
    peer: Any, episodes: Episodes, until: Any
) -> None:
    episodes.silent = True
    report = peer.start(MODULE, episodes=1, answer_timeout_s=LIMIT_S)
    assert until(episodes.control.get_subscription_count, 30.0)
    assert not episodes.asked.wait(1.0)
    episodes.silent = False
    episodes.result.set()
    said, _ = report.communicate(timeout=30)
    assert "1 takeover (left_arm 1; " in said


def test_an_emergency_stop_between_two_episodes_ends_the_rollout_also_when_it_was_reset_at_once(
    peer: Any, episodes: Episodes, until: Any
) -> None:
    report = peer.start(MODULE, episodes=3, answer_timeout_s=20.0)
    assert episodes.asked.wait(30.0)
    episodes.say(True, 1)
    episodes.say(False, 1)
    assert episodes.intervention.wait_for_all_acked()
    episodes.episode.set()
    episodes.result.set()
    said, _ = report.communicate(timeout=30)
    assert "rollout: emergency stop: look at the robot, reset the stop; start anew; 1 of 3 episodes have run" in said
    assert (report.returncode, episodes.runs) == (1, 1)


def test_what_an_episode_waits_for_is_printed_once(peer: Any, episodes: Episodes, until: Any) -> None:
    report = peer.start(MODULE, episodes=1, answer_timeout_s=20.0)
    assert episodes.asked.wait(30.0)
    for refusal in ("not armed: nobody said ready", "not armed: camera 'head' is silent"):
        state = f"PREPARING: waits for a person's ready: press KEY_A on pad; {refusal}"
        episodes.heartbeat.publish(Heartbeat(node="episode_node", state=state))
    assert episodes.heartbeat.wait_for_all_acked()
    episodes.episode.set()
    episodes.result.set()
    said, _ = report.communicate(timeout=30)
    assert said.count("episode 1/1  waits for a person's ready: press KEY_A on pad") == 1
