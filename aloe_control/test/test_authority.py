"""Exactly one holder per arm; HOLD is reachable from everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.authority import TRANSITIONS, ArmAuthority, Authority, Event


@pytest.mark.parametrize("authority", list(Authority))
def test_stop_leads_to_hold_from_everywhere(authority):
    assert TRANSITIONS.get((authority, Event.STOP), authority) is Authority.HOLD


@given(st.lists(st.sampled_from(Event)))
def test_only_hold_and_policy_are_reachable_and_the_last_event_decides(events):
    arm = ArmAuthority()
    for number, event in enumerate(events):
        after = arm.apply(event, number)
        assert after is (Authority.POLICY if event is Event.POLICY_READY else Authority.HOLD)
        assert arm.state.authority is after


def test_since_and_reason_tell_of_the_last_change():
    arm = ArmAuthority()
    arm.apply(Event.POLICY_READY, 5)
    arm.apply(Event.POLICY_READY, 6)
    assert arm.state.since_ns == 5
    arm.apply(Event.STOP, 7, "camera 'head' is silent")
    assert (arm.state.since_ns, arm.state.reason) == (7, "camera 'head' is silent")
