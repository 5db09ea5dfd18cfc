"""The audit of a bag: a recorded run is safe, and what is changed in the record afterwards is found."""

import copy
from array import array
from dataclasses import replace

import numpy as np
import pytest
from aloe_msgs.msg import Heartbeat, InterventionRequest, TeleopCommand
from loop_bench import HOME, RIG, Bench, wave
from sensor_msgs.msg import CompressedImage

from aloe_control.human_commands import HumanCommand
from aloe_control.ros import audit_bags
from aloe_control.ros.bag_audit import audit_messages, audited_topics
from aloe_control.ros.messages import (
    arm_command_messages,
    executed_action_message,
    human_command_from_message,
    intervention_message,
    request_from_message,
)
from aloe_data.recording import recorded_command_topic
from aloe_data.ros.convert import chunk_to_message, joint_state_to_message, ns_to_stamp
from aloe_data.vocabulary import CommandMode, RequestKind

LEFT = RIG.arms[0].name
ARM_ONLY = np.r_[np.ones(6), 0.0]  # the gripper stays
LATE_NS = 3_000_000  # reception at the recorder


class Recorder(Bench):
    """A bench whose messages are recorded, in the order in which a recorder might have received them."""

    def __init__(self) -> None:
        self.messages: list = []
        super().__init__()
        self.policy = wave
        offer = self.loop.set_chunk
        self.loop.set_chunk = lambda chunk, **given: (
            self.record("/policy/action_chunk", chunk_to_message(chunk, "")) or offer(chunk, **given)
        )

    def record(self, topic: str, message) -> None:
        self.messages.append((topic, message, self.now_ns + LATE_NS))

    def feed(self) -> None:
        super().feed()
        for arm in self.rig.arms:
            joints = self.joints[self.rig.state_slice(arm.name)]
            self.record(arm.joint_state_topic, joint_state_to_message(arm, joints, self.now_ns))
        for camera in self.rig.cameras:
            image = CompressedImage(data=array("B", self.now_ns.to_bytes(8, "little")))
            image.header.stamp = ns_to_stamp(self.now_ns)
            self.record(camera.topic, image)

    def run(self, ticks: int) -> list:
        results = []
        for _ in range(ticks):
            result = super().run(1)[0]
            results.append(result)
            for arm, command in arm_command_messages(result).items():
                self.record(recorded_command_topic(self.rig.arm(arm)), command)
            self.record("/executed_action", executed_action_message(result, 0.0))
            holds = {arm.name: self.loop.authority(arm.name) for arm in self.rig.arms}
            state = intervention_message(result.stamp_ns, result.armed, False, result.fault, self.rig, holds)
            self.record("/intervention", state)
        return results

    def ask(self, kind: RequestKind) -> None:
        message = InterventionRequest(request=int(kind), arms=[LEFT], operator_id="ana", device="pedals")
        message.header.stamp = ns_to_stamp(self.now_ns + 1)
        self.record("/intervention/request", message)
        self.loop.request(request_from_message(message), self.now_ns)

    def drive(self, ticks: int) -> None:
        for _ in range(ticks):
            message = TeleopCommand(arm=LEFT, operator_id="ana", mode=int(CommandMode.JOINT_POSITION), deadman=True)
            message.sequence, message.data = self.ticks, array("d", HOME[:7] + 0.1 * ARM_ONLY)
            message.header.stamp = ns_to_stamp(self.now_ns)
            self.record(f"/teleop/{LEFT}/command", message)
            command: HumanCommand = human_command_from_message(message)
            self.loop.set_human(command, self.now_ns)
            self.run(1)


@pytest.fixture(scope="module")
def recorded() -> list:
    bench = Recorder()
    bench.run(5)
    bench.arm()
    bench.run(30)
    bench.ask(RequestKind.TAKE)
    bench.drive(20)
    bench.ask(RequestKind.RELEASE)
    bench.run(40)
    bench.loop.disarm("enough")
    bench.run(20)
    return bench.messages


def found(messages: list) -> str:
    return " | ".join(str(unsafe) for unsafe in audit_messages(RIG_JOINTS, messages).unsafe)


RIG_JOINTS = replace(RIG, action_space="joint_position")


def test_a_recorded_takeover_is_safe(recorded):
    assert {topic for topic, *_ in recorded} <= set(audited_topics(RIG))
    audit = audit_messages(RIG_JOINTS, recorded)
    assert [str(unsafe) for unsafe in audit.unsafe] == [] and audit.ticks > 80


def test_the_order_of_reception_may_be_a_little_off(recorded):
    late = [(topic, m, time_ns + 12_000_000 * (k % 2)) for k, (topic, m, time_ns) in enumerate(recorded)]
    late = [(topic, m, t + 70_000_000 * topic.startswith(("/policy", "/teleop", "/interv"))) for topic, m, t in late]
    assert found(late) == ""


@pytest.mark.parametrize("missing", ["/intervention/request", f"/teleop/{LEFT}/command", "/policy/action_chunk"])
def test_a_record_from_which_something_is_missing_does_not_pass(recorded, missing):
    assert found([item for item in recorded if item[0] != missing])


def test_frozen_cameras_are_found(recorded):
    frozen = [
        (topic, CompressedImage(header=m.header, data=array("B", b"same")) if topic == RIG.cameras[0].topic else m, t)
        for topic, m, t in recorded
    ]
    assert f"'{RIG.cameras[0].name}' is silent, frozen" in found(frozen)


def test_a_command_of_somebody_else_is_found(recorded):
    topic, message, time_ns = next(item for item in recorded if item[0] == recorded_command_topic(RIG.arms[0]))
    stranger = joint_state_to_message(RIG.arms[0], np.zeros(7), time_ns + 7_777_777)
    assert "somebody else than control_node" in found([*recorded, (topic, stranger, time_ns)])
    former = RIG.arms[0].command_topic
    assert "somebody else than control_node" in found([*recorded, (former, stranger, time_ns)])
    assert "somebody else than control_node" in found([*recorded, (topic, message, time_ns)])


def test_missing_ticks_are_not_taken_for_jumps(recorded):
    ticks = [item for item in recorded if item[0] == "/executed_action"]
    rest = [item for item in recorded if item[0] != "/executed_action"]
    assert "limit exceeded" not in found(rest + ticks[:25] + ticks[28:])


SENDERS = {
    "/replay": "control_node-1",
    "/policy": "policy_node-1",
    "/teleop": "teleop_node-1",
    "/interv": "teleop_node-1",
}


def sealed(messages: list) -> list:
    """The same record of one session."""
    copies = [(topic, copy.deepcopy(message), time_ns) for topic, message, time_ns in messages]
    for topic, message, _ in copies:
        if hasattr(message, "seal"):
            message.seal.session = "today"
            message.seal.sender = SENDERS.get(topic[:7], "teleop_node-1")
    return copies


def changed(messages: list, topic: str, **seal: str) -> list:
    """A sealed record in which the seals of a topic say something else."""
    copies = sealed(messages)
    for name, message, _ in copies:
        if name == topic:
            for field, value in seal.items():
                setattr(message.seal, field, value)
    return copies


def test_a_sealed_record_is_safe_and_what_it_does_not_hold_is_said(recorded):
    audit = audit_messages(RIG_JOINTS, sealed(recorded))
    assert [str(unsafe) for unsafe in audit.unsafe] == []
    assert not any("seals" in text for text in audit.not_judged)
    assert any("heartbeats" in text for text in audit.not_judged)
    assert any("seals" in text for text in audit_messages(RIG_JOINTS, recorded).not_judged)


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("/policy/action_chunk", "was never offered"),
        ("/intervention/request", "HUMAN commands"),
        (f"/teleop/{LEFT}/command", "nobody commands"),
    ],
)
def test_what_another_session_says_counts_for_nothing(recorded, topic, words):
    assert words in found(changed(recorded, topic, session="yesterday"))


def test_a_chunk_or_a_command_of_another_sender_is_found(recorded):
    chunks = changed(recorded, "/policy/action_chunk")
    last = [message for topic, message, _ in chunks if topic == "/policy/action_chunk"][2]
    last.seal.sender = "policy_node-2"
    assert "is of 'policy_node-2'" in found(chunks)
    topic = recorded_command_topic(RIG.arms[0])
    commands = changed(recorded, topic)
    next(message for name, message, _ in commands if name == topic).seal.sender = "driver-1"
    assert "somebody else than control_node" in found(commands)


def test_commands_that_are_received_before_they_are_stamped_are_found(recorded):
    topic = recorded_command_topic(RIG.arms[0])
    early = [(name, message, time_ns - 300_000_000 * (name == topic)) for name, message, time_ns in sealed(recorded)]
    assert "before it is stamped" in found(early)


def test_motion_without_the_heartbeat_of_a_bonded_node_is_found(recorded):
    messages = sealed(recorded)
    begin_ns = messages[0][2]
    beats = []
    for at_ns in range(begin_ns, messages[-1][2], 200_000_000):
        beat = Heartbeat(node="recorder_node")
        beat.header.stamp = ns_to_stamp(at_ns)
        beat.seal.session = "today"
        beats.append(("/heartbeat", beat, at_ns))
    assert found([*messages, *beats]) == ""
    assert "'recorder_node' has given no sign of life for" in found([*messages, *beats[:2]])


def test_the_command_says_how_many_ticks_were_unsafe_and_why(recorded, capsys, tmp_path):
    rest = [item for item in recorded if item[0] != "/policy/action_chunk"]
    audit_bags.tell(tmp_path, audit_messages(RIG_JOINTS, rest))
    said = capsys.readouterr().out
    assert "ticks unsafe" in said and "was never offered" in said and "more" in said and "not judged: whose" in said


def test_the_command_names_a_folder_that_is_no_bag(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["audit", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        audit_bags.main()
    assert ended.value.code == 2 and str(tmp_path) in capsys.readouterr().err
