"""Exactly one holder per arm; HOLD is reachable from everywhere; nothing but arming enables motion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.authority import AUTHORITY, TRANSITIONS, ArmAuthority, Event, State
from aloe_data.vocabulary import Authority

EVENTS = st.lists(st.sampled_from(Event))


@pytest.mark.parametrize("state", list(State))
def test_stop_leads_to_idle_and_so_to_hold_from_everywhere(state):
    assert TRANSITIONS.get((state, Event.STOP), state) is State.IDLE
    assert AUTHORITY[State.IDLE] is Authority.HOLD


@pytest.mark.parametrize("event", [event for event in Event if event is not Event.ARM])
def test_only_arming_leads_out_of_idle(event):
    assert (State.IDLE, event) not in TRANSITIONS


@given(EVENTS)
def test_a_human_has_an_arm_only_after_taking_it_and_until_it_is_let_go_or_stopped(events):
    arm, human = ArmAuthority(), False
    for number, event in enumerate(events):
        before = arm.state
        arm.apply(event, number)
        if event is Event.TAKE and before is not State.IDLE:
            human = True
        elif event in (Event.LET_GO, Event.STOP, Event.RELEASE):
            human = False
        assert (arm.status.authority is Authority.HUMAN) == human


@given(EVENTS)
def test_what_was_let_go_never_moves_again_by_itself(events):
    arm = ArmAuthority()
    for event in (Event.ARM, Event.POLICY_READY, Event.LET_GO):
        arm.apply(event, 0)
    for event in events:
        if event in (Event.TAKE, Event.RELEASE, Event.STOP):
            break
        arm.apply(event, 1)
        assert arm.status.authority is Authority.HOLD


def test_since_reason_and_operator_tell_of_the_last_change():
    arm = ArmAuthority()
    arm.apply(Event.ARM, 4)
    arm.apply(Event.POLICY_READY, 5)
    arm.apply(Event.POLICY_READY, 6)
    assert arm.status.since_ns == 5
    arm.apply(Event.TAKE, 7, "it misses the cube", "ana")
    assert (arm.status.since_ns, arm.status.reason, arm.status.operator) == (7, "it misses the cube", "ana")
