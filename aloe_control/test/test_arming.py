"""On a real rig a person who is there enables every motion; each thing that is missing is told with what to press."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import HOME, RIG, Bench, wave

from aloe_control.control_loop import ControlConfig, ControlLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_data.vocabulary import CommandMode, RequestKind

ARMS = [arm.name for arm in RIG.arms]
ANA, BO = "teleop_node-1", "teleop_node-2"


class RealRig(Bench):
    """A bench whose rig is real."""

    def __init__(self, **config) -> None:
        super().__init__()
        self.rig = replace(self.rig, simulated=False)
        self.loop = ControlLoop(self.rig, ControlConfig(**config))
        self.run(5)  # long enough to see that the arms stand still
        self.policy = wave
        self.sequence = 0

    def press(self, *kinds: RequestKind, sender: str = ANA) -> str:
        """Press keys one after the other; returns what was said of the last."""
        for kind in kinds:
            self.sequence += 1
            self.now_ns += 1
            said = self.loop.request(Request(kind, (), self.now_ns, "ana", "pedal", sender=sender), self.now_ns)
        return said

    def command(self, sender: str = ANA) -> None:
        for arm, home in zip(ARMS, (HOME[:7], HOME[7:]), strict=True):
            self.sequence += 1
            command = HumanCommand(
                arm, self.now_ns, self.sequence, "ana", CommandMode.JOINT_POSITION, False, False, home, sender=sender
            )
            refusal = self.loop.set_human(command, self.now_ns)
            assert (refusal == "") is (self.loop.authority(arm).sender in ("", sender))

    def refusal(self) -> str:
        armed, message = self.loop.arm(self.now_ns)
        return "" if armed else message

    def keep_alive(self, ticks: int, sender: str = ANA) -> list:
        results = []
        for _ in range(ticks):
            self.press(RequestKind.ALIVE, sender=sender)
            self.command(sender)
            results += self.run(1)
        return results


TRIAL = (RequestKind.ESTOP, RequestKind.RESET)


def test_in_simulation_a_takeover_device_that_is_there_is_enough():
    bench = RealRig()
    simulated = Bench(takeover="required")
    simulated.policy = wave
    simulated.loop.request(Request(RequestKind.ALIVE, (), bench.now_ns, "ana", "pedal", sender=ANA), bench.now_ns)
    refusal = simulated.loop.arm(bench.now_ns)[1]
    assert "/teleop/left_arm/command" in refusal and "ready" not in refusal and "tried" not in refusal


def test_a_ready_of_before_a_disarming_is_void_as_it_was_not_said_about_this_scene():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY)
    bench.command()
    bench.loop.disarm("the next episode waits for a person")
    assert "nobody said ready since motion last ended" in bench.refusal()
    bench.press(RequestKind.READY)
    bench.arm()


def test_all_that_is_missing_is_told_at_once_and_what_to_press():
    refusal = RealRig().refusal()
    assert "takeover device has never published" in refusal and "/teleop/left_arm/command" in refusal
    assert "emergency stop of an operator's device was not tried in this session; press its estop key" in refusal
    assert "nobody said ready since motion last ended" in refusal and "press the ready key" in refusal


def test_with_a_tried_stop_and_a_ready_of_the_same_device_motion_is_enabled_once():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY)
    bench.command()
    bench.arm()
    bench.keep_alive(5)
    bench.loop.disarm("test")
    bench.keep_alive(60)
    assert not bench.loop.armed
    assert bench.refusal().startswith("not armed: nobody said ready since motion last ended")
    assert bench.press(RequestKind.READY) == ""
    bench.arm()


def test_a_ready_of_a_device_whose_stop_was_not_tried_does_not_do():
    bench = RealRig()
    bench.press(*TRIAL)
    bench.press(RequestKind.READY, sender=BO)
    bench.command()
    assert "the emergency stop of 'ana' (teleop_node-2) was not tried" in bench.refusal()


def test_a_ready_is_void_after_a_stop_and_a_stop_that_is_outstanding_is_told():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY, RequestKind.ESTOP)
    bench.command()
    assert "emergency stop by ana; look at the robot, reset the stop" in bench.refusal()
    assert "reset it first" in bench.press(RequestKind.READY)
    bench.press(RequestKind.RESET)
    assert "nobody said ready" in bench.refusal()


def test_a_ready_counts_only_while_its_device_is_there_and_not_again_when_it_comes_back():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY)
    bench.run(40)
    bench.press(*TRIAL, sender=BO)
    bench.command()
    bench.press(*TRIAL, RequestKind.READY)
    bench.run(40)
    bench.press(RequestKind.ALIVE, sender=BO)
    assert "'ana' (teleop_node-1) said ready and is gone" in bench.refusal()
    bench.press(RequestKind.ALIVE)
    assert "nobody said ready" in bench.refusal()


def test_strangers_can_stop_but_neither_be_present_nor_ready():
    bench = RealRig()
    bench.press(RequestKind.HOLD, RequestKind.ALIVE, RequestKind.READY, sender="")
    bench.command()
    refusal = bench.refusal()
    assert "takeover device has never published" in refusal and "nobody said ready" in refusal


def test_a_stranger_that_calls_its_device_as_a_sender_does_shuts_nobody_out():
    bench = RealRig()
    bench.press(*TRIAL)
    stranger = Request(RequestKind.HOLD, (), bench.now_ns + 10, "ana", device=ANA)
    bench.now_ns += 10
    bench.loop.request(stranger, bench.now_ns)
    made_before = Request(RequestKind.READY, (), bench.now_ns - 1, "ana", "pedal", sender=ANA)
    assert bench.loop.request(made_before, bench.now_ns) == ""


def test_a_node_that_can_only_ask_for_hold_is_no_operator():
    bench = RealRig()
    bench.press(RequestKind.HOLD, sender="critic_node-1")
    assert "takeover device has never published" in bench.refusal()


def test_while_armed_a_device_whose_stop_was_tried_has_to_stay():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY)
    bench.command()
    bench.arm()
    bench.keep_alive(40, sender=BO)
    assert "takeover device is silent" in bench.loop.fault


def test_ready_and_reset_count_only_when_the_arms_have_come_to_rest():
    bench = RealRig()
    bench.press(*TRIAL, RequestKind.READY)
    bench.command()
    bench.arm()
    bench.keep_alive(40)
    assert "motion is enabled" in bench.press(RequestKind.READY)
    bench.press(RequestKind.ESTOP)
    bench.keep_alive(1)
    assert "still coming to rest" in bench.press(RequestKind.RESET)
    assert bench.loop.estop
    bench.keep_alive(60)
    assert not bench.loop.armed and bench.press(RequestKind.RESET) == "" and not bench.loop.estop


def test_without_takeovers_no_commands_of_people_are_needed_but_a_person_is():
    bench = RealRig(takeovers=False)
    assert "/teleop/left_arm/command" not in bench.refusal() and "nobody said ready" in bench.refusal()
    bench.press(*TRIAL, RequestKind.READY)
    bench.arm()


def test_an_arm_that_is_moved_by_hand_neither_lets_a_stop_be_reset_nor_a_ready_count():
    bench = RealRig()
    bench.press(RequestKind.ESTOP)
    for _ in range(6):
        bench.joints[0] += 0.02
        bench.run(1)
    assert "joint 'waist' of 'left_arm' moves with 1.00 rad/s" in bench.press(RequestKind.RESET)
    assert "moves with" in bench.press(RequestKind.READY) and bench.loop.estop
    bench.run(6)
    assert bench.press(RequestKind.RESET) == ""


@pytest.mark.parametrize("takeover", ["auto", "off"])
def test_a_simulated_rig_needs_nobody(takeover):
    Bench(takeover=takeover).arm()


def test_a_simulated_rig_with_a_person_needs_the_person_alone():
    bench = Bench(takeover="required", takeovers=False)
    ok, message = bench.loop.arm(bench.now_ns)
    assert not ok and message.startswith("not armed: takeover device has never published")
    assert "ready" not in message and "tried" not in message
    bench.loop.request(Request(RequestKind.ALIVE, (), bench.now_ns, "ana", "keyboard", sender=ANA), bench.now_ns)
    bench.arm()


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*RequestKind, "prepare", "prepare", "arm", "arm", "disarm", "wait", "away"]),
        st.sampled_from([ANA, BO, ""]),
    ),
    max_size=30,
)


class Presses:
    """What was pressed, as far as it counts for arming."""

    def __init__(self, bench: RealRig) -> None:
        self.bench = bench
        self.ready = ""  # who said it last, since motion was last enabled and nobody stopped since
        self.stopped: set[str] = set()
        self.tried: set[str] = set()

    def press(self, kind: RequestKind, sender: str) -> None:
        said = self.bench.press(kind, sender=sender)
        if kind is RequestKind.ESTOP:
            self.stopped.add(sender)
            self.ready = ""
        elif kind is RequestKind.RESET and not said:
            self.tried |= self.stopped & {sender}
            self.stopped = self.stopped - {sender} if self.bench.loop.estop else set()
        elif kind is RequestKind.READY and not said:
            self.ready = sender

    def arm(self) -> None:
        was_armed = self.bench.loop.armed
        if not self.bench.refusal() and not was_armed:
            assert self.ready and self.ready in self.tried and not self.bench.loop.estop
            self.ready = ""


@pytest.mark.parametrize("takeovers", [True, False])
@given(steps=STEPS)
@settings(max_examples=40, deadline=None)
def test_whatever_is_pressed_motion_begins_only_after_a_tried_stop_and_a_new_ready_of_one_device(takeovers, steps):
    bench = RealRig(takeovers=takeovers)
    presses = Presses(bench)
    for what, sender in steps:
        if takeovers:
            bench.command()
        if what == "arm":
            presses.arm()
        elif what == "disarm":
            bench.loop.disarm("test")
        elif what in ("wait", "away"):
            bench.run(3 if what == "wait" else 60)
        else:
            for kind in (*TRIAL, RequestKind.READY) if what == "prepare" else (what,):
                presses.press(kind, sender)
        bench.run(1)
