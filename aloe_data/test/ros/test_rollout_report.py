"""rollout_report as a process, with a fake episode_node and policy over real DDS."""

import threading
from typing import Any

import pytest
from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import ActionChunk, EpisodeEvent
from rclpy.action import ActionServer

DOMAIN = 68
MODULE = "aloe_data.ros.rollout_report"
LIMIT_S = 0.5


class Episodes:
    """Runs each episode until it is released, says how it ended, and gives the result once that is released."""

    def __init__(self, peer: Any) -> None:
        self.episode, self.result, self.over = threading.Event(), threading.Event(), threading.Event()
        self._policy = peer.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
        self._server = ActionServer(peer.node, RunEpisodes, "/episode/run", self._run)

    def _run(self, goal: Any) -> RunEpisodes.Result:
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
