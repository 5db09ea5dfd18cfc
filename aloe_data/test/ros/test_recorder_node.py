"""recorder_node as a process, with publishers over real DDS."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rclpy
from aloe_msgs.msg import ChunkRefused, EpisodeEvent, ExecutedAction, Intervention
from aloe_msgs.srv import StartEpisode, StopEpisode
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, JointState

from aloe_data.recorder_health import STALL_S
from aloe_data.recording import REFUSED_CHUNKS, RecordingError
from aloe_data.ros.bag_reader import read_messages, read_record

DOMAIN = 62
MODULE = "aloe_data.ros.recorder_node"
HEAD = "/cameras/head/image_raw/compressed"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
Until = Callable[..., bool]


class Streams:
    """Publishers of a rig's streams that the recorder has found."""

    def __init__(self, peer: Any, until: Until) -> None:
        node = peer.node
        self.camera = node.create_publisher(CompressedImage, HEAD, QoSProfile(depth=50))
        self.joints = node.create_publisher(JointState, "/left_arm/joint_states", qos_profile_sensor_data)
        self.executed = node.create_publisher(ExecutedAction, "/executed_action", 50)
        self.intervention = node.create_publisher(Intervention, "/intervention", LATCHED)
        self.refused = node.create_publisher(ChunkRefused, REFUSED_CHUNKS, 10)
        publishers = (self.camera, self.joints, self.executed, self.intervention, self.refused)
        assert until(lambda: all(p.get_subscription_count() for p in publishers))

    def send(self, count: int, first_tick: int = 0) -> None:
        for i in range(count):
            self.camera.publish(CompressedImage(format="jpeg", data=bytes([i % 256]) * 1000))
            self.executed.publish(ExecutedAction(tick=first_tick + i))


def start(peer: Any, rig_file: Path, folder: Path, **parameters: object) -> Any:
    return peer.start(MODULE, rig=rig_file, record=folder, min_free_gib=0.001, hearing_s=0.0, **parameters)


def test_an_episode_becomes_a_bag_with_every_message_and_its_story(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "ep_0011").mkdir()
    start(peer, rig_file, tmp_path, preroll_s=60.0)
    streams = Streams(peer, until)
    streams.intervention.publish(Intervention(fault="said before the start"))
    streams.send(3, first_tick=100)
    diagnostics = peer.collect(DiagnosticArray, "/diagnostics")
    assert streams.executed.wait_for_all_acked()
    answer = peer.call(StartEpisode, "/recorder/start", prompt="sort the cubes", seed=7)
    assert (answer.success, answer.episode_id, answer.bag) == (True, "ep_0012", str(tmp_path / "ep_0012"))
    streams.send(40)
    streams.refused.publish(ChunkRefused(chunk_id=3, reason=ChunkRefused.INFEASIBLE, text="it jumps"))
    joints = JointState(name=["waist"], position=[1.0])
    # The publisher is best effort: the recorder has to notice and subscribe as that.
    assert until(lambda: streams.joints.publish(joints) or any(_written(d) > 90 for d in diagnostics))
    assert streams.executed.wait_for_all_acked()
    assert streams.camera.wait_for_all_acked()
    assert streams.refused.wait_for_all_acked()
    stopped = peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.SUCCESS, reason="sorted")
    assert stopped.success, stopped.message
    assert stopped.messages_lost == 0
    rows = list(read_messages(Path(stopped.bag)))
    assert len(rows) == stopped.messages_written
    by_topic: dict[str, list[Any]] = {}
    for topic, message, _ in rows:
        by_topic.setdefault(topic, []).append(message)
    assert [m.tick for m in by_topic["/executed_action"]] == [100, 101, 102, *range(40)], "with the pre-roll"
    assert [m.data[0] for m in by_topic[HEAD]] == [0, 1, 2, *range(40)]
    assert by_topic["/intervention"][0].fault == "said before the start"
    assert [(m.chunk_id, m.text) for m in by_topic[REFUSED_CHUNKS]] == [(3, "it jumps")]
    assert by_topic["/left_arm/joint_states"][0].position[0] == 1.0
    record = read_record(Path(stopped.bag))
    assert (record.prompt, record.seed, record.verdict, record.reason) == ("sort the cubes", 7, "SUCCESS", "sorted")
    assert record.rig == rig_file.read_text()
    assert record.lost == {}
    assert record.streams["/executed_action"]["received"] == record.streams["/executed_action"]["written"] == 43
    assert record.streams["/cameras/left_wrist/image_raw/compressed"]["received"] == 0
    values = {value.key: value.value for value in diagnostics[-1].status[0].values}
    assert "of 30 Hz, largest gap" in values[HEAD]
    assert any("/right_arm/joint_states is silent" in d.status[0].message for d in diagnostics)


def _written(diagnostics: DiagnosticArray) -> int:
    return int(next(value.value for value in diagnostics.status[0].values if value.key == "messages_written"))


def test_a_recording_waits_until_every_continuous_topic_is_heard(peer: Any, rig_file: Path, tmp_path: Path) -> None:
    process = peer.start(MODULE, rig=rig_file, record=tmp_path, min_free_gib=0.001, hearing_s=1.0)
    assert peer.call(StartEpisode, "/recorder/start").success
    process.send_signal(signal.SIGTERM)
    output = process.communicate(timeout=10)[0]
    assert f"recording without {HEAD}" in output
    assert "/executed_action: nothing heard of it yet" in output


def test_gaps_in_a_sequence_are_counted_and_reported(peer: Any, until: Until, rig_file: Path, tmp_path: Path) -> None:
    process = start(peer, rig_file, tmp_path)
    streams = Streams(peer, until)
    peer.call(StartEpisode, "/recorder/start")
    streams.send(5)
    streams.send(5, first_tick=8)
    assert streams.executed.wait_for_all_acked()
    stopped = peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.FAILURE)
    assert stopped.messages_lost == 3
    assert read_record(Path(stopped.bag)).lost == {"/executed_action": 3}
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=10)[0]
    assert process.returncode == 0
    assert "/executed_action lost 3 messages (10 received)" in output


def test_a_recorder_that_stood_still_and_lost_messages_leaves_no_success(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path
) -> None:
    process = start(peer, rig_file, tmp_path)
    streams = Streams(peer, until)
    peer.call(StartEpisode, "/recorder/start")
    streams.send(5)
    assert streams.executed.wait_for_all_acked()
    process.send_signal(signal.SIGSTOP)
    end_s = time.monotonic() + STALL_S + 0.3
    tick = 5
    while time.monotonic() < end_s:
        streams.executed.publish(ExecutedAction(tick=tick))
        tick += 1
        time.sleep(0.002)
    process.send_signal(signal.SIGCONT)
    stopped = peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.SUCCESS, reason="sorted")
    assert not stopped.success and "stood still for 1." in stopped.message, stopped.message
    assert stopped.messages_lost > 0
    record = read_record(Path(stopped.bag))
    assert record.verdict == "ABORT" and "(the verdict was SUCCESS)" in record.reason


def test_a_second_publisher_of_what_one_node_owns_is_named_and_its_numbers_are_no_loss(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path
) -> None:
    process = start(peer, rig_file, tmp_path)
    diagnostics = peer.collect(DiagnosticArray, "/diagnostics")
    streams = Streams(peer, until)
    peer.call(StartEpisode, "/recorder/start")
    player = rclpy.create_node("rosbag2_player", context=peer.context)
    played = player.create_publisher(ExecutedAction, "/executed_action", 50)
    assert until(played.get_subscription_count, 30.0)
    for tick in range(1, 21):
        streams.executed.publish(ExecutedAction(tick=tick))
        played.publish(ExecutedAction(tick=413_000 + tick))
    named = "/executed_action is published by rosbag2_player as well"
    assert until(lambda: any(named in d.status[0].message for d in diagnostics), 30.0)
    assert streams.executed.wait_for_all_acked() and played.wait_for_all_acked()
    streams.executed.publish(ExecutedAction(tick=21))  # the owner goes on, in whatever order the rest has come
    assert streams.executed.wait_for_all_acked()
    stopped = peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.SUCCESS)
    record = read_record(Path(stopped.bag))
    assert (stopped.messages_lost, record.lost) == (0, {})
    assert record.strangers == {"/executed_action": ["rosbag2_player"]}
    player.destroy_node()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0].count(named) == 1


def test_a_second_start_and_a_stop_without_start_are_refused(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path
) -> None:
    start(peer, rig_file, tmp_path)
    stopped = peer.call(StopEpisode, "/recorder/stop")
    assert not stopped.success
    assert "not recording" in stopped.message
    assert peer.call(StartEpisode, "/recorder/start").success
    second = peer.call(StartEpisode, "/recorder/start")
    assert not second.success
    assert f"already recording {tmp_path / 'ep_0000'}" in second.message
    verdicts = peer.collect(EpisodeEvent, "/episode/verdict")
    assert peer.call(StopEpisode, "/recorder/stop").success
    assert until(lambda: verdicts), "whoever stops it: the episode does not go on unrecorded"
    assert (verdicts[0].episode_id, verdicts[0].verdict) == ("ep_0000", EpisodeEvent.ABORT)
    assert "its recording was stopped" in verdicts[0].reason
    taken = peer.call(StartEpisode, "/recorder/start", episode_id="ep_0000")
    assert "ep_0000" in taken.message
    outside = peer.call(StartEpisode, "/recorder/start", episode_id="../elsewhere")
    assert "'../elsewhere' is no new folder name" in outside.message
    long = peer.call(StartEpisode, "/recorder/start", episode_id="x" * 300)
    assert not long.success and "too long" in long.message
    assert peer.call(StartEpisode, "/recorder/start").episode_id == "ep_0001"
    unknown = peer.call(StopEpisode, "/recorder/stop", verdict=9, reason="fine")
    assert unknown.success and "reason: fine (asked for verdict 9, which is none)" in own_metadata(unknown.bag)
    assert peer.call(StartEpisode, "/recorder/start").success, "it still works"


def own_metadata(bag: str) -> str:
    """The text of a bag's metadata."""
    return (Path(bag) / "metadata.yaml").read_text().replace('"', "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_recording_leaves_a_valid_bag(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path, number: int
) -> None:
    process = start(peer, rig_file, tmp_path)
    streams = Streams(peer, until)
    bag = Path(peer.call(StartEpisode, "/recorder/start").bag)
    streams.send(10)
    assert streams.executed.wait_for_all_acked()
    process.send_signal(number)
    assert process.wait(10) == 0
    assert [m.tick for _, m, _ in read_messages(bag, ["/executed_action"])] == list(range(10))
    record = read_record(bag)
    assert (record.verdict, record.reason) == ("ABORT", "recorder_node was interrupted")


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(peer: Any, rig_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    process = start(peer, rig_file, tmp_path / "file" / "bags")
    output = process.communicate(timeout=15)[0]
    assert process.returncode == 1
    assert output.splitlines()[-1].startswith(f"RecorderNode: cannot record into {tmp_path / 'file' / 'bags'}")
    assert "record:=FOLDER" in output


def test_a_disk_that_runs_full_ends_the_bag_and_tells_the_episode(
    peer: Any, until: Until, rig_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the test's own process, where the disk can be made to fill."""
    import shutil
    from collections import namedtuple

    from rclpy.parameter import Parameter

    from aloe_data.ros.recorder_node import RecorderNode

    usage = namedtuple("usage", "total used free")
    free = [50 << 30]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100 << 30, 0, free[0]))
    parameters = [Parameter("rig", value=str(rig_file)), Parameter("record", value=str(tmp_path))]
    parameters.append(Parameter("hearing_s", value=0.0))
    node = RecorderNode(context=peer.context, parameter_overrides=parameters)
    peer.executor.add_node(node)
    verdicts = peer.collect(EpisodeEvent, "/episode/verdict")
    streams = Streams(peer, until)
    bag = Path(peer.call(StartEpisode, "/recorder/start").bag)
    streams.send(10)
    assert until(lambda: node._counter.total_written >= 20)
    free[0] = 1 << 29
    assert until(lambda: verdicts)
    assert (verdicts[0].verdict, verdicts[0].source) == (EpisodeEvent.ABORT, "recorder_node")
    assert f"disk of {bag} has 0.50 GiB free" in verdicts[0].reason
    stopped = peer.call(StopEpisode, "/recorder/stop", verdict=EpisodeEvent.ABORT)
    assert not stopped.success
    assert "delete old bags" in stopped.message
    assert len(list(read_messages(bag, ["/executed_action"]))) == 10
    peer.executor.remove_node(node)
    node.destroy_node()


def test_bags_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=str(tmp_path / "nothing")):
        list(read_messages(tmp_path / "nothing"))
    (tmp_path / "x.mcap").write_bytes(os.urandom(1000))
    with pytest.raises(RecordingError, match="does not begin as an MCAP file does"):
        list(read_messages(tmp_path / "x.mcap"))
