"""People's requests and commands: what counts, who may, and what is refused in words."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_control.authority import State
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request, RequestRefused
from aloe_control.takeover import Takeover
from aloe_control.tick import ControlConfig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority, CommandMode, RequestKind

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
LEFT, RIGHT = (arm.name for arm in RIG.arms)
HOME = np.array(RIG.arm(LEFT).home)
NS, TICK = 10**9, 20_000_000
T0 = 5 * NS


def armed(rig=RIG, moving=lambda _: (), **config) -> Takeover:
    takeover = Takeover(rig, ControlConfig(**config), moving=moving)
    takeover.arm(T0)
    return takeover


def request(kind: RequestKind, *arms: str, at: int = T0 + TICK, operator: str = "ana", sender: str = "") -> Request:
    return Request(kind, arms, at, operator, "pedal", sender=sender)


def ask(takeover: Takeover, kind: RequestKind, *arms: str, at: int = T0 + TICK, **fields) -> None:
    takeover.request(request(kind, *arms, at=at, **fields), at)


def command(sequence: int = 1, at: int = T0 + 2 * TICK, **fields) -> HumanCommand:
    default = {"arm": LEFT, "stamp_ns": at, "sequence": sequence, "operator": "ana", "mode": CommandMode.JOINT_POSITION,
               "relative": False, "deadman": True, "data": HOME}  # fmt: skip
    return HumanCommand(**default | fields)


def test_taking_one_arm_leaves_the_other_alone():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    assert takeover.status(LEFT).authority is Authority.HUMAN and takeover.status(LEFT).operator == "ana"
    assert takeover.state(RIGHT) is State.WAITING


def test_no_arm_named_means_all_of_them():
    takeover = armed()
    ask(takeover, RequestKind.TAKE)
    assert {takeover.state(LEFT), takeover.state(RIGHT)} == {State.HUMAN}


def test_where_the_rig_says_so_the_other_arm_holds_and_goes_on_after_the_hand_back():
    takeover = armed(replace(RIG, takeover=replace(RIG.takeover, other_arms="hold")))
    ask(takeover, RequestKind.TAKE, LEFT)
    assert takeover.state(RIGHT) is State.HELD
    takeover.policy(RIGHT, True, T0 + 2 * TICK)
    assert takeover.status(RIGHT).authority is Authority.HOLD
    ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + 3 * TICK)
    assert {takeover.state(LEFT), takeover.state(RIGHT)} == {State.WAITING}


def test_an_arm_that_somebody_asked_to_hold_does_not_go_on_when_the_other_is_handed_back():
    takeover = armed(replace(RIG, takeover=replace(RIG.takeover, other_arms="hold")))
    ask(takeover, RequestKind.TAKE, LEFT)
    ask(takeover, RequestKind.HOLD, RIGHT, at=T0 + 2 * TICK)
    ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + 3 * TICK)
    assert (takeover.state(LEFT), takeover.state(RIGHT)) == (State.WAITING, State.HELD)


def test_nothing_is_taken_before_arming():
    takeover = Takeover(RIG, ControlConfig())
    with pytest.raises(RequestRefused, match="not enabled"):
        ask(takeover, RequestKind.TAKE, LEFT)


def test_a_second_person_is_refused_by_name_and_whatever_is_free_of_what_was_wanted_holds():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    with pytest.raises(
        RequestRefused, match=r"'left_arm' is in the hands of 'ana', not of 'bo'; right_arm held instead"
    ):
        ask(takeover, RequestKind.TAKE, at=T0 + 2 * TICK, operator="bo")
    assert (takeover.state(LEFT), takeover.state(RIGHT)) == (State.HUMAN, State.HELD)
    assert "bo could not take it" in takeover.status(RIGHT).reason
    assert "in the hands of 'ana'" in takeover.command(command(operator="bo"), T0 + 2 * TICK)


def test_two_devices_of_one_name_are_two_holders():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT, sender="teleop_node-1")
    with pytest.raises(RequestRefused, match=r"of 'ana' \(teleop_node-1\), not of 'ana' \(teleop_node-2\)"):
        ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + 2 * TICK, sender="teleop_node-2")
    refusal = takeover.command(command(sender="teleop_node-2"), T0 + 2 * TICK)
    assert "not of 'ana' (teleop_node-2)" in refusal
    assert takeover.command(command(sender="teleop_node-1"), T0 + 2 * TICK) == ""
    assert takeover.status(LEFT).sender == "teleop_node-1"


def test_a_device_that_changes_its_name_while_it_has_an_arm_loses_it():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT, sender="teleop_node-1")
    with pytest.raises(RequestRefused, match="took 'left_arm' as 'ana' and now calls itself 'bo'"):
        ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + 2 * TICK, operator="bo", sender="teleop_node-1")
    assert takeover.state(LEFT) is State.HELD
    ask(takeover, RequestKind.TAKE, LEFT, at=T0 + 3 * TICK, operator="bo", sender="teleop_node-1")
    late = command(at=T0 + 4 * TICK, operator="ana", sender="teleop_node-1")
    takeover.command(late, T0 + 4 * TICK)
    assert takeover.state(LEFT) is State.HELD and "as 'bo'" in takeover.status(LEFT).reason


def test_commands_of_one_device_do_not_spoil_those_of_another():
    takeover = armed()
    elsewhere = HOME + np.r_[1.5, np.zeros(6)]
    assert takeover.command(command(900, sender="teleop_node-2", data=elsewhere), T0 + 2 * TICK) == ""
    ask(takeover, RequestKind.TAKE, LEFT, at=T0 + 3 * TICK, sender="teleop_node-1")
    first = command(1, at=T0 + 3 * TICK, sender="teleop_node-1")
    assert takeover.command(first, T0 + 3 * TICK) == ""
    takeover.check(T0 + 4 * TICK)
    assert takeover.state(LEFT) is State.HUMAN


@pytest.mark.parametrize(
    ("when", "now", "words"),
    [(T0 + TICK, T0 + NS, "old"), (T0 + 4 * TICK, T0 + TICK, "future"), (T0 - TICK, T0 + TICK, "before arming")],
)
def test_late_early_and_outdated_wishes_to_take_are_refused_and_the_arm_holds_instead_of_going_on(when, now, words):
    takeover = armed()
    takeover.policy(LEFT, True, T0)
    takeover.policy(RIGHT, True, T0)
    with pytest.raises(RequestRefused, match=f"{words}.*; left_arm held instead"):
        takeover.request(request(RequestKind.TAKE, LEFT, at=when), now)
    takeover.policy(LEFT, True, now)
    assert (takeover.state(LEFT), takeover.state(RIGHT)) == (State.HELD, State.POLICY)
    assert words in takeover.status(LEFT).reason


def test_a_repeated_take_leaves_the_arm_in_the_hand_and_later_lets_it_hold():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    with pytest.raises(RequestRefused, match="repeated"):
        takeover.request(request(RequestKind.TAKE, LEFT), T0 + 2 * TICK)
    assert takeover.state(LEFT) is State.HUMAN
    ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + 3 * TICK)
    with pytest.raises(RequestRefused, match="repeated"):
        takeover.request(request(RequestKind.TAKE, LEFT), T0 + 4 * TICK)
    assert takeover.state(LEFT) is State.HELD


def test_an_arm_that_holds_along_and_was_wanted_in_vain_does_not_go_on_with_the_others():
    takeover = armed(replace(RIG, takeover=replace(RIG.takeover, other_arms="hold")))
    ask(takeover, RequestKind.TAKE, LEFT)
    with pytest.raises(RequestRefused, match="old"):
        takeover.request(request(RequestKind.TAKE, RIGHT, at=T0), T0 + NS)
    ask(takeover, RequestKind.RELEASE, LEFT, at=T0 + NS)
    assert (takeover.state(LEFT), takeover.state(RIGHT)) == (State.WAITING, State.HELD)


def test_where_takeovers_are_off_a_take_holds_and_commands_move_nothing():
    takeover = armed(takeovers=False)
    with pytest.raises(RequestRefused, match=r"takeovers are off.*left_arm, right_arm held instead"):
        ask(takeover, RequestKind.TAKE)
    assert "takeovers are off" in takeover.command(command(), T0 + 2 * TICK)
    ask(takeover, RequestKind.RELEASE, at=T0 + 2 * TICK)
    assert {takeover.state(LEFT), takeover.state(RIGHT)} == {State.WAITING}


def test_stopping_and_holding_are_never_too_late():
    takeover = armed()
    takeover.request(request(RequestKind.HOLD, at=0), T0 + NS)
    assert takeover.state(LEFT) is State.HELD
    takeover.request(request(RequestKind.ESTOP, at=0), T0 + NS)
    assert "emergency stop by ana" in takeover.estop


def test_the_emergency_stop_is_cleared_by_a_reset_alone_and_only_at_rest():
    moving = ["left_arm moves"]
    takeover = armed(moving=lambda _: moving)
    ask(takeover, RequestKind.ESTOP)
    with pytest.raises(RequestRefused, match="at rest alone: motion is enabled"):
        ask(takeover, RequestKind.RESET, at=T0 + 2 * TICK)
    takeover.stop(T0 + 2 * TICK, takeover.estop)
    with pytest.raises(RequestRefused, match="at rest alone: left_arm moves"):
        ask(takeover, RequestKind.RESET, at=T0 + 3 * TICK)
    moving.clear()
    takeover.arm(T0 + 3 * TICK)
    takeover.stop(T0 + 3 * TICK, "again")
    assert takeover.estop
    ask(takeover, RequestKind.RESET, at=T0 + 4 * TICK)
    assert takeover.estop == ""


def test_every_stop_is_reset_on_the_device_that_stopped():
    takeover = Takeover(RIG, ControlConfig())
    ask(takeover, RequestKind.ESTOP, sender="teleop_node-1")
    ask(takeover, RequestKind.ALIVE, sender="teleop_node-1", at=T0 + 2 * TICK)
    with pytest.raises(RequestRefused, match=r"reset on the device that stopped, not by 'bo' \(teleop_node-2\)"):
        ask(takeover, RequestKind.RESET, at=T0 + 2 * TICK, operator="bo", sender="teleop_node-2")
    ask(takeover, RequestKind.ESTOP, at=T0 + 3 * TICK, operator="bo", sender="teleop_node-2")
    ask(takeover, RequestKind.RESET, at=T0 + 4 * TICK, sender="teleop_node-1")
    assert takeover.estop == "emergency stop by bo"
    ask(takeover, RequestKind.RESET, at=T0 + 5 * TICK, operator="bo", sender="teleop_node-2")
    assert takeover.estop == "" and takeover.emergency_stop.count == 2


@pytest.mark.parametrize("stranger", ["", "teleop_node-gone"])
def test_a_stop_of_a_stranger_or_of_a_device_that_is_gone_is_reset_by_whoever_is_there_and_is_no_trial(stranger):
    takeover = Takeover(RIG, ControlConfig())
    ask(takeover, RequestKind.ESTOP, sender=stranger)
    ask(takeover, RequestKind.RESET, at=T0 + NS, sender="teleop_node-1")
    assert takeover.estop == "" and not takeover.emergency_stop.was_tried("teleop_node-1")


def test_a_reset_from_before_the_stop_does_not_clear_it():
    takeover = Takeover(RIG, ControlConfig())
    ask(takeover, RequestKind.ESTOP, at=T0 + 2 * TICK)
    with pytest.raises(RequestRefused, match="out of order"):
        takeover.request(request(RequestKind.RESET, at=T0 + TICK), T0 + 3 * TICK)
    assert takeover.estop


def test_a_stop_that_is_repeated_until_it_is_heard_counts_once():
    takeover = Takeover(RIG, ControlConfig())
    for number in range(3):
        ask(takeover, RequestKind.ESTOP, at=T0 + number * TICK)
    assert takeover.emergency_stop.count == 1


def test_an_emergency_stop_is_never_refused_whatever_arm_it_names():
    takeover = armed()
    ask(takeover, RequestKind.ESTOP, "left")
    assert "emergency stop by ana" in takeover.estop


def test_a_stop_can_be_reset_after_the_clock_has_gone_back():
    takeover = armed()
    ask(takeover, RequestKind.ESTOP)
    takeover.stop(T0 + 2 * TICK, "time went back")
    takeover.forget()
    ask(takeover, RequestKind.RESET, at=NS)
    assert not takeover.estop


@pytest.mark.parametrize("kind", [RequestKind.TAKE, RequestKind.HOLD])
def test_an_unknown_arm_is_told_with_the_nearest_name_and_all_arms_hold_as_it_may_be_any(kind):
    takeover = armed()
    with pytest.raises(RequestRefused, match="did you mean 'left_arm'"):
        ask(takeover, kind, "left_am", RIGHT)
    assert {takeover.state(LEFT), takeover.state(RIGHT)} == {State.HELD}
    assert "did you mean 'left_arm'" in takeover.command(command(arm="left_am"), T0 + TICK)


def test_handing_back_an_unknown_arm_hands_back_none():
    takeover = armed()
    ask(takeover, RequestKind.TAKE)
    with pytest.raises(RequestRefused, match="did you mean 'left_arm'"):
        ask(takeover, RequestKind.RELEASE, "left_am", RIGHT, at=T0 + 2 * TICK)
    assert takeover.state(RIGHT) is State.HUMAN


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"data": HOME[:-1]}, "6 values"),
        ({"mode": 7}, "mode 7"),
        ({"mode": CommandMode.EE_POSE, "data": np.zeros(10), "frame": "camera"}, "frame 'camera'"),
        ({"stamp_ns": T0}, "old"),
        ({"stamp_ns": T0 + 2 * NS}, "future"),
        ({"data": HOME * np.nan}, "not finite"),
    ],
)
def test_bad_commands_are_refused_in_words(fields, words):
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    fields = {"stamp_ns": T0 + 9 * TICK} | fields
    assert words in takeover.command(command(**fields), T0 + 10 * TICK)
    assert takeover.state(LEFT) is State.HUMAN


def test_repeated_and_unordered_commands_are_refused():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    now = T0 + 3 * TICK
    assert takeover.command(command(5), now) == ""
    assert "repeated" in takeover.command(command(5), now)
    assert "repeated" in takeover.command(command(4, at=now), now)
    assert takeover.command(command(6, at=now), now) == ""


def test_a_device_that_starts_anew_may_count_anew():
    takeover = armed()
    assert takeover.command(command(900), T0 + 2 * TICK) == ""
    later = T0 + NS
    assert takeover.command(command(1, at=later), later) == ""


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (HOME * np.nan, "not finite"),
        (HOME + 0.5 * np.eye(7)[0], "jumps or falls with 8.33 rad/s in 'waist' (limit 3.75)"),
    ],
)
def test_a_device_that_cannot_be_trusted_is_let_go_in_the_next_tick(data, words):
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    takeover.command(command(1), T0 + 2 * TICK)
    takeover.command(command(2, at=T0 + 3 * TICK, data=data), T0 + 3 * TICK)
    takeover.check(T0 + 4 * TICK)
    assert takeover.state(LEFT) is State.HELD and words in takeover.status(LEFT).reason


UPRIGHT = np.r_[0.3, 0.1, 0.2, 1, 0, 0, 0, 1, 0, 0.03]
LYING = np.r_[0.3, 0.1, 0.2, 0, 1, 0, -1, 0, 0, 0.03]  # turned by 90 degrees


@pytest.mark.parametrize(
    ("mode", "data", "words"),
    [
        (CommandMode.EE_POSE, np.zeros(10), "has no rotation"),
        (CommandMode.EE_POSE, np.r_[UPRIGHT[:6], 1, 0, 0, 0.03], "has no rotation"),
        (CommandMode.EE_POSE, UPRIGHT * 1e200, "has no rotation"),
        (CommandMode.EE_POSE, np.r_[300.0, UPRIGHT[1:]], "asks for 300 m;"),
        (CommandMode.EE_TWIST, np.r_[0, 0, 0, 1e160, 0, 0, 0], r"asks for 1e+160 rad/s"),
        (CommandMode.EE_TWIST, np.r_[1e4, np.zeros(6)], "asks for 1e+04 m/s"),
    ],
)
def test_a_pose_or_speed_that_no_hand_means_lets_go_and_the_next_good_command_is_welcome(mode, data, words):
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    good = UPRIGHT if mode is CommandMode.EE_POSE else np.zeros(7)
    with np.errstate(over="ignore"):
        assert words in takeover.command(command(1, mode=mode, data=data), T0 + 2 * TICK)
    assert takeover.command(command(2, at=T0 + 3 * TICK, mode=mode, data=good), T0 + 3 * TICK) == ""
    takeover.check(T0 + 4 * TICK)
    assert takeover.state(LEFT) is State.HELD and words in takeover.status(LEFT).reason


def test_a_pose_that_turns_further_than_a_hand_does_lets_go():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    takeover.command(command(1, mode=CommandMode.EE_POSE, data=UPRIGHT), T0 + 2 * TICK)
    said = takeover.command(command(2, at=T0 + 3 * TICK, mode=CommandMode.EE_POSE, data=LYING), T0 + 3 * TICK)
    assert "jumps or falls with 26.18 rad/s (limit 10)" in said


def test_a_silent_device_is_let_go_and_says_for_how_long():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    takeover.command(command(1), T0 + 2 * TICK)
    takeover.check(T0 + 6 * TICK)
    assert takeover.state(LEFT) is State.HUMAN
    takeover.check(T0 + 8 * TICK)
    assert takeover.state(LEFT) is State.HELD and "silent for 0.120 s" in takeover.status(LEFT).reason


def test_letting_go_of_the_deadman_lets_go_of_the_arm():
    takeover = armed()
    ask(takeover, RequestKind.TAKE, LEFT)
    takeover.command(command(1), T0 + 2 * TICK)
    takeover.target(LEFT, HOME, np.zeros(10))
    takeover.command(command(2, at=T0 + 3 * TICK, deadman=False), T0 + 3 * TICK)
    takeover.check(T0 + 3 * TICK)
    assert takeover.state(LEFT) is State.HELD and "deadman" in takeover.status(LEFT).reason


def test_no_command_from_before_the_takeover_moves_the_arm():
    takeover = armed()
    takeover.command(command(1, at=T0 + TICK), T0 + TICK)
    ask(takeover, RequestKind.TAKE, LEFT, at=T0 + 2 * TICK)
    assert takeover.target(LEFT, HOME, np.zeros(10)) is None
