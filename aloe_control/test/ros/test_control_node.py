"""control_node as a process of its own, against fake arms, cameras, chunks and people over real DDS."""

import re
import signal
from dataclasses import replace

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, ArmCommand, ChunkRefused, InterventionRequest
from aloe_msgs.srv import EnableMotion
from node_world import World, start
from raw_rig import write_raw_rig
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState
from shared_topic import write_shared_rig

from aloe_data.recording import REFUSED_CHUNKS
from aloe_data.ros.convert import ns_to_stamp
from aloe_data.ros.sealing import MessageSealer
from aloe_data.session import SESSION_FILE, open_session


def test_a_camera_that_never_publishes_keeps_the_arms_disarmed_and_is_named(world, control):
    world.silent.add("left_wrist")
    world.until(lambda: world.arm().message.count("has never") == 1, what="all others are healthy")
    answer = world.arm()
    assert not answer.success and not world.commands
    assert "camera 'left_wrist' has never published" in answer.message


def test_joints_in_another_order_are_sorted_and_the_arms_follow_chunks_without_a_gap(world, control):
    world.names["left_arm"] = list(reversed(world.names["left_arm"]))
    world.follow_policy()
    begin = len(world.executed)
    world.until(lambda: len(world.executed) > begin + 100, what="100 ticks more")
    ticks = world.executed[begin:]
    assert all(tick.chunk_id > 0 and tick.armed for tick in ticks)
    assert [tick.tick for tick in ticks] == list(range(ticks[0].tick, ticks[0].tick + len(ticks)))
    for arm in ticks[-1].arms:
        np.testing.assert_allclose(arm.executed, world.rig.arm(arm.arm).home, atol=1e-3)
    assert world.commands[-1].arm in [arm.name for arm in world.rig.arms]


@pytest.fixture
def shared_world(tmp_path):
    path = write_shared_rig(tmp_path)
    path.write_text(re.sub(r"max_age_s: [\d.]+", "max_age_s: 1.0", path.read_text()))
    world = World(path)
    process = start(path)
    yield world
    process.terminate()
    assert process.wait(timeout=10) == 0
    world.close()


def test_arms_whose_joint_states_come_in_turns_on_one_topic_follow_chunks(shared_world):
    shared_world.follow_policy()
    begin = len(shared_world.executed)
    shared_world.until(lambda: len(shared_world.executed) > begin + 50, what="50 ticks more")
    assert all(tick.armed and tick.chunk_id > 0 for tick in shared_world.executed[begin:])


def test_a_joint_state_that_is_not_a_number_stops_and_disarms(world, control):
    world.follow_policy()
    world.joints["right_arm"][2] = np.nan
    fault = world.until_fault()
    assert "right_arm" in fault and "elbow" in fault and "/control/arm" in fault
    world.joints["right_arm"] = np.array(world.rig.arm("right_arm").home)
    begin, sent = len(world.executed), len(world.commands)
    world.until(lambda: len(world.executed) > begin + 50, what="50 ticks more")
    assert not any(tick.armed for tick in world.executed[begin:]), "motion resumed by itself"
    assert len(world.commands) == sent
    world.arm_when_healthy()
    world.until(lambda: world.intervention.armed and not world.intervention.fault, what="arming clears the fault")


def test_arming_is_announced_when_it_happens_not_by_the_next_tick(world, control):
    world.arm_when_healthy()
    world.until(lambda: world.intervention.armed, what="it is announced")
    assert world.intervention.header.stamp == world.intervention.arms[0].since


def test_missing_joints_are_named_on_diagnostics(world, control):
    world.names["left_arm"].remove("roll")
    world.until(
        lambda: any("no position of roll" in status.message for status in world.diagnostics.status),
        what="diagnostics name the joint",
    )
    assert not world.arm().success


def test_a_second_publisher_of_commands_keeps_the_arms_disarmed_and_is_named(world, control):
    other = world.node.create_publisher(ArmCommand, world.rig.arms[0].command_topic, 5)
    world.until(lambda: "published by world" in world.arm().message, what="the other publisher is named")
    world.node.destroy_publisher(other)
    world.arm_when_healthy()


def test_a_second_publisher_that_appears_during_motion_ends_it_and_is_named(world, control):
    world.follow_policy()
    other = world.node.create_publisher(ArmCommand, world.rig.arms[0].command_topic, 5)
    assert "is also published by world; stop it" in world.until_fault()
    world.node.destroy_publisher(other)
    world.arm_when_healthy()


def test_a_recorder_is_no_driver_that_would_obey(world, control):
    world.follow_policy()
    world.arm(enable=False)
    topic = world.rig.arm("left_arm").command_topic
    recorder = Node("recorder_node", context=world.context)
    recorder.create_subscription(ArmCommand, topic, lambda _: None, 5)
    world.lose_driver("left_arm")
    world.until(lambda: f"nobody obeys {topic}; start the driver" in world.arm().message, what="arming is refused")
    recorder.destroy_node()


def test_a_driver_that_goes_during_motion_ends_it_and_is_missed_by_name(world, control):
    world.follow_policy()
    world.lose_driver("left_arm")
    assert "nobody obeys /left_arm/command; start the driver of 'left_arm'" in world.until_fault()


def test_a_policy_that_falls_silent_stops_and_disarms(world, control):
    world.follow_policy()
    world.chunk_rows = None
    assert "policy chunks stopped" in world.until_fault()
    assert all(arm.authority == 0 for arm in world.intervention.arms)


def test_a_chunk_of_the_wrong_dimension_is_refused_with_the_right_one_named(world, control):
    refused = []
    world.node.create_subscription(ChunkRefused, REFUSED_CHUNKS, refused.append, 10)
    world.arm_when_healthy()
    world.chunk_rows = np.zeros((50, 14), np.float32)
    world.until(lambda: refused, what="the refusal is told")
    assert (refused[0].reason, refused[0].policy_version) == (ChunkRefused.MALFORMED, "abc")
    assert refused[0].chunk_id and refused[0].refused and "needs [H, 20]" in refused[0].text
    world.until(
        lambda: any(
            pair.key == "last_refusal" and "needs [H, 20]" in pair.value
            for status in world.diagnostics.status
            for pair in status.values
        ),
        what="diagnostics name the refusal",
    )
    assert not any(tick.chunk_id for tick in world.executed)


def test_on_sigint_the_arms_come_to_rest_and_commands_end(world, rig_file):
    process = start(rig_file)
    try:
        world.follow_policy()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0
        world.until(lambda: not world.intervention.armed, what="the end is announced")
        assert "asked to stop" in world.intervention.arms[0].reason
    finally:
        process.kill()


def test_a_bug_in_a_callback_brings_the_arms_to_rest_before_it_ends_the_process(world, rig_file):
    process = start(rig_file, bug="control_node.ControlInputs._on_request = lambda *_: 1 / 0")
    try:
        world.follow_policy()
        world.ask(InterventionRequest.TAKE)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 1
        assert b"control_node failed, please report it: ZeroDivisionError" in errors
        world.until(lambda: world.intervention.fault and not world.intervention.armed, what="the fault is told")
        assert "ZeroDivisionError" in world.intervention.fault
    finally:
        process.kill()


def test_a_missing_rig_file_is_refused_in_one_line(tmp_path):
    process = start(tmp_path / "none.yaml")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"none.yaml" in errors and b"Traceback" not in errors


def test_an_unknown_parameter_is_refused_with_the_nearest_valid_name(rig_file):
    process = start(rig_file, "blend_tick:=3")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"blend_ticks" in errors and b"Traceback" not in errors


def test_in_simulated_time_ticks_follow_the_clock_and_a_clock_that_stands_still_does_not_keep_the_node_alive(
    world, rig_file
):
    world.clock_ns = 10**9
    process = start(rig_file, "use_sim_time:=true")
    try:
        world.follow_policy()
        begin = len(world.executed)
        world.until(lambda: len(world.executed) > begin + 50, what="50 ticks more")
        stamps_ns = np.array([tick.header.stamp.sec * 10**9 + tick.header.stamp.nanosec for tick in world.executed])
        assert (np.median(np.diff(stamps_ns[begin:])), stamps_ns[-1] < 60 * 10**9) == (20_000_000, True)
        world.silent.add("clock")
        process.terminate()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()


def test_a_person_takes_one_arm_and_gives_it_back_while_the_other_goes_on(world, control):
    world.follow_policy()
    left = world.rig.arms[0].name
    world.human = {left: world.joints[left] + np.r_[0.1, np.zeros(6)]}
    world.ask(InterventionRequest.TAKE, left)
    world.until(lambda: world.executed[-1].arms[0].source == ArmAction.HUMAN, what="the left arm is taken")
    begin = len(world.executed)
    world.until(lambda: abs(world.joints[left][0] - world.human[left][0]) < 1e-3, what="the left arm follows")
    assert {tick.arms[1].source for tick in world.executed[begin:]} == {ArmAction.POLICY}
    assert (world.executed[-1].arms[0].operator_id, world.executed[-1].arms[0].reason) == ("ana", "test")
    assert world.intervention.arms[0].operator_id == "ana"
    world.ask(InterventionRequest.RELEASE, left)
    world.until(lambda: world.executed[-1].arms[0].source == ArmAction.POLICY, what="the policy has it back")


def test_the_arm_of_a_device_that_dies_is_held_and_stays_so(world, control):
    world.follow_policy()
    left = world.rig.arms[0].name
    world.human = {left: world.joints[left]}
    world.ask(InterventionRequest.TAKE, left)
    world.until(lambda: world.executed[-1].arms[0].source == ArmAction.HUMAN, what="the left arm is taken")
    world.until(lambda: len(world.executed) % 10 == 0, what="commands have arrived")
    world.human = {}
    world.until(lambda: world.executed[-1].arms[0].source == ArmAction.HOLD, what="the arm is let go")
    begin = len(world.executed)
    world.until(lambda: len(world.executed) > begin + 50, what="50 ticks more")
    assert {tick.arms[0].source for tick in world.executed[begin:]} == {ArmAction.HOLD}
    assert "silent" in world.intervention.arms[0].reason and world.intervention.armed


def test_the_emergency_stop_disarms_and_is_latched_until_it_is_reset(world, control):
    world.follow_policy()
    world.ask(InterventionRequest.ESTOP)
    assert "emergency stop by ana" in world.until_fault()
    assert world.intervention.estop and "reset the stop" in world.arm().message
    world.ask(InterventionRequest.RESET)
    world.arm_when_healthy()
    world.until(lambda: world.intervention.armed and not world.intervention.estop, what="the stop is cleared")


def test_a_camera_that_sends_the_same_image_again_and_again_stops_motion(world, control):
    world.follow_policy()
    world.silent.add("frozen")
    assert "is frozen" in world.until_fault()


def test_a_stranger_neither_arms_nor_takes_nor_drives_and_is_named(world, control):
    world.follow_policy()
    left = world.rig.arms[0].name
    key = replace(open_session(), key="00" * 32)  # whoever knows the name of the session, but not its key
    world.sealer = MessageSealer(key, "stranger")
    world.human = {left: world.joints[left] + 0.2}
    world.ask(InterventionRequest.TAKE, left)
    begin = len(world.executed)
    world.until(lambda: world.intervention.fault, what="the policy's chunks, sealed by nobody now, count as silence")
    assert "policy chunks stopped" in world.intervention.fault
    assert {tick.arms[0].source for tick in world.executed[begin:]} <= {ArmAction.POLICY, ArmAction.HOLD}
    assert "/control/arm: a message with a false seal, said to be of 'stranger" in world.arm().message
    world.until(lambda: "publishers there: world" in str(world.diagnostics), what="diagnostics name who publishes")


def test_a_wish_to_arm_that_waited_is_not_fulfilled(world, control):
    world.arm_when_healthy()
    world.arm(enable=False)
    late = EnableMotion.Request(enable=True, stamp=ns_to_stamp(world.now_ns() - 2 * 10**9))
    assert "asked for 2.0 s ago (limit 1 s)" in world.call_arm(late).message


def test_without_a_session_control_node_does_not_start(rig_file, monkeypatch, tmp_path):
    monkeypatch.setenv(SESSION_FILE, str(tmp_path / "none.json"))
    process = start(rig_file)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"there is no session file" in errors and b"rollout.launch.py" in errors and b"Traceback" not in errors


@pytest.mark.parametrize("stream", ["cameras", "joints"])
def test_who_begins_to_publish_images_or_joint_states_during_motion_ends_it_and_is_named(world, control, stream):
    world.follow_policy()
    topic = world.rig.cameras[0].topic if stream == "cameras" else world.rig.arms[0].joint_state_topic
    kind = CompressedImage if stream == "cameras" else JointState
    stranger = Node("stranger", context=world.context)
    stranger.create_publisher(kind, topic, 5)
    assert f"stranger began to publish {topic} during motion; stop it" in world.until_fault()
    if stream == "cameras":
        assert f"{topic} is published by stranger, world; stop all but" in world.arm().message
    stranger.destroy_node()


@pytest.fixture
def raw_world(tmp_path):
    """The head camera is raw; the others are compressed."""
    path = write_raw_rig(tmp_path, ["head"])
    world = World(path)
    process = start(path)
    yield world
    process.terminate()
    assert process.wait(timeout=10) == 0
    world.close()


def test_raw_images_of_no_colour_and_those_of_the_other_transport_move_nothing_and_are_named(raw_world):
    world = raw_world
    world.encoding = "16UC1"
    depth = "camera 'head': camera head (/cameras/head/image_raw): encoding '16UC1' is a depth image"
    world.until(lambda: depth in world.arm().message, what="depth images are refused")
    assert not world.commands
    world.encoding = "rgb8"
    world.follow_policy()
    world.encoding = "h264"
    assert "encoding 'h264' is none that cv_bridge converts to colours" in world.until_fault()
    world.chunk_rows = None
    world.encoding = "rgb8"
    world.arm_when_healthy()
    world.node.destroy_publisher(world.cameras["head"])
    topic = "/cameras/head/image_raw"
    world.cameras["head"] = world.node.create_publisher(Image, "/elsewhere", 5)
    compressed = world.node.create_publisher(CompressedImage, f"{topic}/compressed", 5)
    world.until_fault()
    answer = world.arm().message
    assert f"nobody publishes {topic} (the rig file says 'transport: raw'), but world {topic}/compressed" in answer
    world.node.destroy_publisher(compressed)
    world.node.create_publisher(CompressedImage, topic, 5)
    world.until(lambda: f"world publishes sensor_msgs/msg/CompressedImage on {topic}" in world.arm().message)


def test_a_real_rig_does_not_run_by_somebody_elses_clock(tmp_path, rig_file):
    real = tmp_path / "real.yaml"
    text = rig_file.read_text().replace("simulated: true", "simulated: false")
    real.write_text(text.partition("simulation:")[0])
    process = start(real, "use_sim_time:=true")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"real.yaml describes a real rig: it runs by real time" in errors
