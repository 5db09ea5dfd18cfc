"""What one operator has taken, with devices of a test's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.rig import Arm, Rig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority, CommandMode, RequestKind, Verdict
from aloe_teleop.device import ArmView, Command, Inputs, Request, Sample, View
from aloe_teleop.station import PollResult, Station

MS = 1_000_000
BOTH = ("left_arm", "right_arm")
RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
TAKE_LEFT, TAKE_BOTH = Request(RequestKind.TAKE, ("left_arm",)), Request(RequestKind.TAKE, BOTH)


@dataclass
class Puppet:
    """A device that does what the test says."""

    inputs = Inputs()
    arms: tuple[str, ...] = ()
    asks: bool = True
    stops: bool = False
    requests: tuple[Request, ...] = ()
    verdict: Verdict = Verdict.NONE
    problem: str = ""
    unready: str = ""
    polls: list[View] = field(default_factory=list)

    def poll(self, now_ns: int, view: View) -> Sample:
        self.polls.append(view)
        requests, self.requests = self.requests, ()
        verdict, self.verdict = self.verdict, Verdict.NONE
        commands = {arm: Command(CommandMode.EE_TWIST, np.zeros(7)) for arm in self.arms}
        return Sample(commands, requests, verdict, "done", self.problem)

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        return self.unready

    def close(self) -> None: ...


class Desk:
    """A pedal and a device that commands both arms, on a rig whose control follows or not."""

    def __init__(self, rig: Rig, stops: bool = False) -> None:
        self.pedal, self.hand = Puppet(), Puppet(arms=BOTH, asks=False, stops=stops)
        self.station = Station({"pedal": self.pedal, "hand": self.hand}, rig)
        self.held: set[str] = set()
        self.estop = False
        self.now_ms = 0

    def poll(self, *requests: Request, after_ms: int = 20) -> PollResult:
        self.now_ms += after_ms
        self.pedal.requests = requests
        human = ArmView(Authority.HUMAN, "operator")
        arms: Mapping[str, ArmView] = {
            arm: human if arm in self.held else ArmView(reason="policy's turn") for arm in BOTH
        }
        return self.station.poll(self.now_ms * MS, View(arms=arms, estop=self.estop))

    def asked(self, *requests: Request, after_ms: int = 20) -> list[tuple[RequestKind, tuple[str, ...], str]]:
        outcome = self.poll(*requests, after_ms=after_ms)
        return [(item.request.kind, item.request.arms, item.device) for item in outcome.asked]


def deadman(outcome: PollResult) -> dict[str, bool]:
    return {arm: command.deadman for arm, command in outcome.commands.items()}


def test_commands_flow_always_but_move_only_what_was_taken(rig: Rig) -> None:
    desk = Desk(rig)
    assert deadman(desk.poll()) == {"left_arm": False, "right_arm": False}
    assert deadman(desk.poll(TAKE_LEFT)) == {"left_arm": True, "right_arm": False}
    desk.held = {"left_arm"}
    assert deadman(desk.poll()) == {"left_arm": True, "right_arm": False}
    desk.held = set()
    assert deadman(desk.poll(Request(RequestKind.RELEASE))) == {"left_arm": False, "right_arm": False}


def test_where_a_device_is_not_ready_the_arms_hold_instead_and_those_in_hand_stay_there(rig: Rig) -> None:
    desk = Desk(rig)
    desk.hand.unready = "elbow is 0.31 rad too low"
    outcome = desk.poll(TAKE_BOTH)
    asked = [(item.request.kind, item.request.arms, item.request.reason) for item in outcome.asked]
    assert asked == [(RequestKind.HOLD, BOTH, "could not be taken: elbow is 0.31 rad too low")]
    assert outcome.notes == ("left_arm, right_arm not taken: elbow is 0.31 rad too low",)
    assert deadman(outcome) == {"left_arm": False, "right_arm": False}
    desk.held = {"left_arm"}
    assert desk.asked(TAKE_BOTH) == [(RequestKind.HOLD, ("right_arm",), "pedal")]
    desk.held = {*BOTH}
    assert desk.asked(TAKE_BOTH) == []


def test_on_a_real_rig_nobody_guards_the_arms_while_a_device_with_the_stop_is_dead(rig: Rig) -> None:
    for simulated in (False, True):
        desk = Desk(replace(rig, simulated=simulated), stops=True)
        assert desk.poll().unguarded == ""
        desk.hand.problem = "stop_pad: No such device; plug it in again"
        outcome = desk.poll(Request(RequestKind.READY))
        assert [item.request.kind for item in outcome.asked] == ([RequestKind.READY] if simulated else [])
        assert ("stop_pad" in outcome.unguarded) is not simulated
        desk.hand.problem = ""
        assert [ask for ask, _, _ in desk.asked(Request(RequestKind.READY))] == [RequestKind.READY]


def test_an_arm_in_the_hands_of_another_device_of_the_same_name_is_not_ones_own() -> None:
    arms = {"left_arm": ArmView(Authority.HUMAN, "operator", sender="teleop_node-1")}
    assert View(arms=arms, sender="teleop_node-1").holds("left_arm")
    assert not View(arms=arms, sender="teleop_node-2").holds("left_arm")


def test_a_device_that_dies_lets_its_arms_go_and_gives_no_command(rig: Rig) -> None:
    for dying in ("pedal", "hand"):
        desk = Desk(rig)
        desk.poll(TAKE_LEFT)
        desk.held = {"left_arm"}
        desk.poll()
        getattr(desk, dying).problem = f"{dying}: unplugged"
        outcome = desk.poll()
        assert [(a.request.kind, a.request.arms, a.request.reason) for a in outcome.asked] == [
            (RequestKind.HOLD, ("left_arm",), f"{dying}: unplugged")
        ]
        assert ("left_arm" in outcome.commands) is (dying == "pedal")
        assert desk.asked() == []
        desk.held = set()
        # Neither with nor on a dead device; the arm holds.
        assert desk.asked(TAKE_LEFT) == [(RequestKind.HOLD, ("left_arm",), "pedal")]


def test_an_arm_that_control_does_not_give_is_forgotten_with_its_reason(rig: Rig) -> None:
    desk = Desk(rig)
    desk.poll(TAKE_LEFT)
    assert deadman(desk.poll(after_ms=400))["left_arm"]
    outcome = desk.poll(after_ms=200)
    assert outcome.notes == ("left_arm not given: policy's turn",)
    assert [(item.request.kind, item.request.arms) for item in outcome.asked] == [(RequestKind.HOLD, ("left_arm",))]
    assert not deadman(outcome)["left_arm"]


def test_an_arm_that_control_takes_away_stays_away(rig: Rig) -> None:
    desk = Desk(rig)
    desk.poll(TAKE_LEFT)
    desk.held = {"left_arm"}
    desk.poll()
    desk.held = set()
    outcome = desk.poll()
    assert outcome.notes == ("left_arm lost: policy's turn",)
    assert not deadman(outcome)["left_arm"]
    lifted = Request(RequestKind.RELEASE, ("left_arm",), if_held=True)
    assert desk.asked(lifted) == []
    assert desk.asked(Request(RequestKind.RELEASE, ("left_arm",))) == [(RequestKind.RELEASE, ("left_arm",), "pedal")]


def test_a_pedal_lifted_before_control_has_answered_still_hands_back(rig: Rig) -> None:
    desk = Desk(rig)
    desk.poll(TAKE_LEFT)
    lifted = Request(RequestKind.RELEASE, BOTH, if_held=True)
    assert desk.asked(lifted) == [(RequestKind.RELEASE, ("left_arm",), "pedal")]


def test_the_emergency_stop_is_repeated_until_control_has_it(rig: Rig) -> None:
    desk, stop = Desk(rig), (RequestKind.ESTOP, (), "pedal")
    desk.poll(TAKE_BOTH)
    outcome = desk.poll(Request(RequestKind.ESTOP))
    assert [item.request.kind for item in outcome.asked] == [RequestKind.ESTOP]
    assert not any(deadman(outcome).values())
    assert desk.asked(after_ms=50) == []
    assert desk.asked(after_ms=50) == [stop]
    assert desk.asked(after_ms=100) == [stop]
    desk.estop = True
    assert desk.asked(after_ms=100) == []
    desk.estop = False
    assert desk.asked(after_ms=100) == []


def test_a_reset_ends_the_repeating_of_a_stop_that_control_has_not_confirmed(rig: Rig) -> None:
    desk = Desk(rig)
    assert desk.asked(Request(RequestKind.ESTOP)) == [(RequestKind.ESTOP, (), "pedal")]
    assert desk.asked(Request(RequestKind.RESET), after_ms=150)[0] == (RequestKind.RESET, (), "pedal")
    assert [desk.asked(after_ms=100) for _ in range(10)] == [[]] * 10, "the next run would end with it"
    assert desk.asked(Request(RequestKind.ESTOP)) == [(RequestKind.ESTOP, (), "pedal")], "pressed anew it counts"
    assert desk.asked(after_ms=100) == [(RequestKind.ESTOP, (), "pedal")]


def test_the_operator_is_told_of_a_stop_that_is_outstanding_for_as_long_as_it_is(rig: Rig) -> None:
    desk = Desk(rig)
    assert desk.poll(Request(RequestKind.ESTOP)).stop == ""
    assert "NOT CONFIRMED: control_node does not answer; press the hardware stop" in desk.poll(after_ms=400).stop
    desk.estop = True
    assert "latched: look at the robot, then reset it" in desk.poll(after_ms=5000).stop
    desk.estop = False
    assert desk.poll(Request(RequestKind.RESET)).stop == ""


def test_nothing_is_taken_between_an_emergency_stop_and_controls_answer(rig: Rig) -> None:
    desk = Desk(rig)
    outcome = desk.poll(Request(RequestKind.ESTOP), TAKE_BOTH)
    assert [item.request.kind for item in outcome.asked] == [RequestKind.ESTOP, RequestKind.HOLD]
    assert "the emergency stop was asked for" in outcome.notes[0]
    assert not any(deadman(outcome).values())


def test_verdicts_carry_their_device(rig: Rig) -> None:
    desk = Desk(rig)
    desk.pedal.verdict = Verdict.FAILURE
    assert desk.poll().verdict == (Verdict.FAILURE, "pedal", "done")
    assert desk.poll().verdict == (Verdict.NONE, "", "")


def test_an_end_lets_every_taken_arm_hold(rig: Rig) -> None:
    desk = Desk(rig)
    desk.poll(TAKE_BOTH)
    let_go = [item.request for item in desk.station.let_go("bye")]
    assert [(request.kind, request.arms) for request in let_go] == [(RequestKind.HOLD, (arm,)) for arm in BOTH]
    assert desk.station.let_go("bye") == ()


_REQUESTS = st.builds(
    Request,
    st.sampled_from(RequestKind),
    st.sampled_from([(), ("left_arm",), ("right_arm",), BOTH]),
    if_held=st.booleans(),
)
_STEPS = st.lists(
    st.tuples(st.lists(_REQUESTS, max_size=2), st.sets(st.sampled_from(BOTH)), st.sampled_from(["", "dead"])),
    max_size=12,
)


@settings(max_examples=60)
@given(_STEPS)
def test_no_command_moves_an_arm_that_was_neither_asked_for_nor_given(
    steps: list[tuple[list[Request], set[str], str]],
) -> None:
    desk, taken = Desk(RIG), set[str]()
    for requests, desk.held, desk.hand.problem in steps:
        outcome = desk.poll(*requests)
        for item in outcome.asked:
            taken |= set(item.request.arms or BOTH) if item.request.kind is RequestKind.TAKE else set()
        moving = {arm for arm, moves in deadman(outcome).items() if moves}
        assert moving <= taken | desk.held
        assert not (desk.hand.problem and outcome.commands)
        if any(item.request.kind is RequestKind.ESTOP for item in outcome.asked[-1:]):
            assert moving <= desk.held
