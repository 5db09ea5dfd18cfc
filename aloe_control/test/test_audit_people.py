"""What the auditor makes of people's requests: whose turn it is, and whether motion may be enabled."""

import numpy as np
import pytest
from loop_bench import HOME, RIG

from aloe_control.audit_findings import AuditRules
from aloe_control.audit_people import PeopleAudit
from aloe_control.audit_turns import Turn
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_data.vocabulary import CommandMode, RequestKind

LEFT, RIGHT = (arm.name for arm in RIG.arms)
PERIOD = 20_000_000
T0 = 10**12


class People:
    """An audit of people; time passes with every request."""

    def __init__(self, armed: bool = True, **rules) -> None:
        self.audit = PeopleAudit(RIG, AuditRules(**rules), ahead_ns=2 * PERIOD, grace_ns=2 * PERIOD)
        self.now_ns = T0
        if armed:
            self.audit.arm(T0)

    def ask(self, kind: RequestKind, *arms: str, sender: str = "pedals-1", age_ns: int = 0, moves: bool = True) -> None:
        self.now_ns += PERIOD
        request = Request(kind, arms, self.now_ns - age_ns, "ana", "pedals", "", sender)
        self.audit.request(request, self.now_ns, moves)

    def get_ready(self, *kinds: RequestKind, sender: str = "pedals-1") -> str:
        for kind in kinds:
            self.ask(kind, sender=sender, moves=False)
        return self.audit.arm(self.now_ns + 1)

    @property
    def turns(self) -> list[Turn]:
        return [turn.turn for turn in self.audit.turns.values()]


def test_a_takeover_that_comes_too_late_holds_the_arm():
    people = People()
    people.ask(RequestKind.TAKE, LEFT, age_ns=600_000_000)
    assert people.turns == [Turn.NOBODY, Turn.POLICY]


@pytest.mark.parametrize("kind", [RequestKind.RELEASE, RequestKind.RESET, RequestKind.ALIVE, RequestKind.READY])
def test_what_else_comes_too_late_changes_nothing(kind):
    people = People()
    people.ask(kind, LEFT, age_ns=600_000_000)
    assert people.turns == [Turn.POLICY, Turn.POLICY]


def test_who_wants_both_arms_while_somebody_else_has_one_stops_the_other():
    people = People()
    people.ask(RequestKind.TAKE, LEFT, sender="leader-2")
    people.ask(RequestKind.TAKE)
    assert people.turns == [Turn.HUMAN, Turn.NOBODY]
    assert people.audit.turns[LEFT].holder == "leader-2"


def test_an_arm_belongs_to_a_device_and_not_to_a_name():
    people = People()
    people.ask(RequestKind.TAKE, LEFT, sender="pedals-1")
    people.ask(RequestKind.RELEASE, LEFT, sender="pedals-2")
    command = HumanCommand(
        LEFT, people.now_ns, 1, "ana", CommandMode.JOINT_POSITION, False, True, HOME[:7], "", "pedals-2"
    )
    people.audit.command(command, people.now_ns)
    assert people.turns[0] is Turn.HUMAN and people.audit.turns[LEFT].newest is None


def test_a_command_from_the_future_counts_for_nothing():
    people = People()
    people.ask(RequestKind.TAKE, LEFT)
    for ahead, counts in ((3 * PERIOD, False), (PERIOD, True)):
        stamp_ns = people.now_ns + ahead
        command = HumanCommand(
            LEFT, stamp_ns, 1, "ana", CommandMode.JOINT_POSITION, False, True, np.zeros(7), "", "pedals-1"
        )
        people.audit.command(command, people.now_ns)
        assert (people.audit.turns[LEFT].newest is not None) == counts


def test_where_takeovers_are_off_nobody_gets_an_arm_but_it_holds():
    people = People(takeovers=False)
    people.ask(RequestKind.TAKE, LEFT)
    assert people.turns == [Turn.NOBODY, Turn.POLICY]


def test_a_stop_of_somebody_unknown_or_gone_is_reset_by_anybody():
    for sender in ("", "pedals-1"):
        people = People()
        people.ask(RequestKind.ESTOP, sender=sender)
        if sender:
            people.now_ns += 10**10
        people.ask(RequestKind.RESET, sender="leader-2", moves=False)
        assert people.audit.arm(people.now_ns) == ""


def test_an_emergency_stop_is_reset_by_who_pressed_it_and_only_at_rest():
    people = People()
    people.ask(RequestKind.ESTOP, sender="pedals-1")
    people.ask(RequestKind.RESET, sender="pedals-1", moves=True)
    people.ask(RequestKind.RESET, sender="leader-2", moves=False)
    assert people.audit.arm(people.now_ns) == "the emergency stop is latched"
    assert people.turns == [Turn.STOPPED, Turn.STOPPED]
    people.ask(RequestKind.RESET, sender="pedals-1", moves=False)
    assert people.audit.arm(people.now_ns) == ""


TRIED = (RequestKind.ESTOP, RequestKind.RESET)


def test_motion_needs_somebody_who_tried_the_stop_and_said_that_all_is_ready():
    people = People(armed=False, asks_ready=True)
    assert "nobody who is there said" in people.get_ready()
    assert "has not tried the emergency stop" in people.get_ready(RequestKind.READY)
    assert people.get_ready(*TRIED, RequestKind.READY) == ""
    assert "nobody who is there said" in people.get_ready(), "once for each motion"
    assert people.get_ready(RequestKind.READY) == "", "the stop need not be tried again"
    assert "has not tried the emergency stop" in people.get_ready(RequestKind.READY, sender="leader-2")


def test_ready_of_somebody_who_has_left_or_while_the_arms_move_counts_for_nothing():
    people = People(armed=False, asks_ready=True)
    people.get_ready(*TRIED, RequestKind.READY)
    people.ask(RequestKind.READY, moves=True)
    assert people.audit.arm(people.now_ns)
    people.ask(RequestKind.READY, moves=False)
    people.now_ns += 10**10
    assert people.audit.arm(people.now_ns)


def test_a_hold_is_no_sign_of_life_for_any_node_may_send_it():
    people = People(armed=False, asks_ready=True)
    people.get_ready(*TRIED)
    people.ask(RequestKind.READY, moves=False)
    people.now_ns += 400_000_000
    people.ask(RequestKind.HOLD)
    people.now_ns += 400_000_000
    assert "nobody who is there said" in people.audit.arm(people.now_ns)


def test_the_stop_of_a_device_that_is_gone_is_reset_by_others_although_a_hold_came_from_it():
    people = People()
    people.ask(RequestKind.ESTOP, sender="pedals-1")
    people.now_ns += 10**10
    people.ask(RequestKind.HOLD, sender="pedals-1", moves=False)
    people.ask(RequestKind.RESET, sender="leader-2", moves=False)
    assert people.audit.arm(people.now_ns) == ""
