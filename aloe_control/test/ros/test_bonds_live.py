"""Arms, policy, control_node, episode_node and recorder_node as processes, beside two busy loops on two cores."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aloe_msgs.msg import EpisodeEvent, EpisodeState
from aloe_msgs.srv import ResetScene, StartEpisode
from node_world import DOMAIN, World, start

from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.qos import LATCHED

MOTION_S = 4.0  # four times the limit: a false alarm would show
ENDS_S = 1.0 + 1.0  # the limit, and time for braking and for the word of it, beside two busy loops
BUSY = "while True: pass"


class Episodes:
    """episode_node and recorder_node of a world, which is also asked for episodes."""

    def __init__(self, world: World, rig_file: Path, bags: Path) -> None:
        self.world = world
        self.state = EpisodeState()
        node = world.node
        node.create_service(ResetScene, "/sim/reset", _agree_to_reset)
        node.create_subscription(EpisodeState, "/episode/state", lambda m: setattr(self, "state", m), LATCHED)
        self._start = node.create_client(StartEpisode, "/episode/start")
        common = ["-p", f"rig:={rig_file}"]
        record = ["-p", f"record:={bags}", "-p", "min_free_gib:=0.001", "-p", "hearing_s:=1.0"]
        self.recorder = _node("recorder_node", [*common, *record])
        self.episode = _node("episode_node", [*common, "-p", "timeout_s:=600.0", "-p", "arm_timeout_s:=90.0"])

    def begin(self) -> Path:
        """The bag of a new episode in which the policy drives."""
        answer = self._call(self._start, self.world.sealer.seal("/episode/start", StartEpisode.Request()))
        assert answer.success, answer.message
        self.world.until(lambda: self.world.executed[-1].chunk_id > 0, what="a chunk is followed")
        return Path(answer.bag)

    def _call(self, client: Any, request: Any) -> Any:
        self.world.until(client.service_is_ready, 60.0, f"{client.srv_name} exists")
        future = client.call_async(request)
        self.world.until(future.done, 60.0, f"{client.srv_name} answers")
        return future.result()


def _agree_to_reset(_: ResetScene.Request, response: ResetScene.Response) -> ResetScene.Response:
    response.success = True
    response.prompt = "sort"
    return response


def _node(name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", f"from aloe_data.ros.{name} import main; main()", "--ros-args", *arguments]
    return subprocess.Popen(command, env=os.environ | {"ROS_DOMAIN_ID": str(DOMAIN)})


@contextmanager
def processes(*started: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leaves none of them behind."""
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.fixture
def episodes(world: World, rig_file: Path, tmp_path: Path) -> Iterator[Episodes]:
    made = Episodes(world, rig_file, tmp_path / "bags")
    control = start(rig_file, "bonds:=episode_node,recorder_node")
    busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(2)]
    with processes(made.recorder, made.episode, control, *busy):
        yield made


def fault_after(world: World, process: subprocess.Popen[bytes], number: int) -> tuple[str, float]:
    """What control_node says once a process has been sent a signal, and how long its arms went on [s]."""
    process.send_signal(number)
    sent_s = time.monotonic()
    fault = world.until_fault()
    return fault, time.monotonic() - sent_s


@pytest.mark.timeout(240)
def test_motion_ends_soon_after_whoever_keeps_its_time_or_records_it_has_stopped_and_the_episode_is_no_success(
    world: World, episodes: Episodes
) -> None:
    world.until(lambda: world.arm().message.count("has not been heard") == 0, 60.0, "both nodes are heard")
    world.arm(False)
    world.chunk_rows = world.home_rows()
    bag = episodes.begin()
    end_s = time.monotonic() + MOTION_S
    world.until(lambda: time.monotonic() > end_s, what="it has moved for a while")
    assert world.intervention.armed and not world.intervention.fault, "no false alarm beside two busy loops"
    fault, took_s = fault_after(world, episodes.episode, signal.SIGSTOP)
    assert "episode_node is silent for more than 1 s" in fault and took_s < ENDS_S
    episodes.episode.send_signal(signal.SIGCONT)
    world.until(lambda: episodes.state.state == EpisodeState.IDLE, 30.0, "the episode ends")
    assert read_record(bag).verdict == "ABORT" and "episode_node is silent" in read_record(bag).reason

    bag = episodes.begin()
    fault, took_s = fault_after(world, episodes.recorder, signal.SIGSTOP)
    assert "recorder_node is silent for more than 1 s" in fault and took_s < ENDS_S
    episodes.recorder.send_signal(signal.SIGCONT)
    world.until(lambda: episodes.state.state == EpisodeState.IDLE, 30.0, "the episode ends")
    assert read_record(bag).verdict == "ABORT" and "recorder_node is silent" in read_record(bag).reason

    episodes.begin()
    fault, took_s = fault_after(world, episodes.recorder, signal.SIGKILL)
    assert "recorder_node is silent for more than 1 s" in fault and took_s < ENDS_S
    world.until(lambda: episodes.state.last_verdict == EpisodeEvent.ABORT, 30.0, "the episode is aborted")
