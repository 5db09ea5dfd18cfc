"""episode_node and recorder_node together: what is in the bag however an episode ends."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rosbag2_py
from aloe_msgs.msg import EpisodeEvent, EpisodeState
from aloe_msgs.srv import EnableMotion, ResetScene, StartEpisode, StopEpisode
from rclpy.qos import DurabilityPolicy, QoSProfile

from aloe_data.ros.bag_reader import read_messages, read_record

DOMAIN = 65
Until = Callable[..., bool]


def agree(_: Any, response: Any) -> Any:
    response.success = True
    return response


def agree_to_reset(request: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
    response.prompt = "sort"
    return agree(request, response)


@pytest.fixture
def nodes(peer: Any, rig_file: Path, tmp_path: Path) -> tuple[Any, Any]:
    peer.node.create_service(ResetScene, "/sim/reset", agree_to_reset)
    peer.node.create_service(EnableMotion, "/control/arm", agree)
    recorder = peer.start(
        "aloe_data.ros.recorder_node", rig=rig_file, record=tmp_path, min_free_gib=0.001, hearing_s=0.0
    )
    episode = peer.start("aloe_data.ros.episode_node", rig=rig_file, silence_s=2.0)
    return recorder, episode


def story(bag: Path) -> tuple[list[int], list[int]]:
    """Kinds of the events and public states in the bag."""
    rows = list(read_messages(bag, ["/episode/events", "/episode/state"]))
    events = [message.kind for topic, message, _ in rows if topic == "/episode/events"]
    return events, [message.state for topic, message, _ in rows if topic == "/episode/state"]


WHOLE = [EpisodeEvent.START, EpisodeEvent.VERDICT, EpisodeEvent.STOP]


def test_the_bag_holds_the_whole_story_up_to_the_stop(peer: Any, nodes: tuple[Any, Any]) -> None:
    for _ in range(3):
        bag = Path(peer.call(StartEpisode, "/episode/start", 30.0).bag)
        assert peer.call(StopEpisode, "/episode/stop", verdict=EpisodeEvent.SUCCESS).success
        events, states = story(bag)
        assert events == WHOLE
        assert states[-3:] == [EpisodeState.PREPARING, EpisodeState.RUNNING, EpisodeState.STOPPING]
        assert read_record(bag).verdict == "SUCCESS"


def test_an_interrupt_of_both_leaves_the_whole_story_with_an_abort(peer: Any, nodes: tuple[Any, Any]) -> None:
    bag = Path(peer.call(StartEpisode, "/episode/start", 30.0).bag)
    for process in nodes:
        process.send_signal(signal.SIGINT)
    assert [process.wait(10) for process in nodes] == [0, 0]
    assert story(bag)[0] == WHOLE
    assert (read_record(bag).verdict, read_record(bag).reason) == ("ABORT", "interrupted")


def test_a_killed_recorder_ends_the_episode_and_its_bag_can_be_mended(
    peer: Any, until: Until, nodes: tuple[Any, Any]
) -> None:
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    states = peer.collect(EpisodeState, "/episode/state", latched)
    bag = Path(peer.call(StartEpisode, "/episode/start", 30.0).bag)
    nodes[0].kill()
    assert until(lambda: states and states[-1].last_verdict == EpisodeEvent.ABORT, 30.0)
    rosbag2_py.Reindexer().reindex(rosbag2_py.StorageOptions(str(bag), "mcap"))
    assert read_record(bag).prompt == "sort"
