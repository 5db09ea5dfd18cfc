"""No emergency stop is lost, whenever it comes."""

from hypothesis import given
from hypothesis import strategies as st

from aloe_data.stops import Stops


def test_a_stop_that_was_reset_before_anybody_looked_still_counts() -> None:
    stops = Stops(tried_first=False)
    assert not stops.heard(True, False, "", 3)
    assert stops.heard(False, False, "", 4)
    assert stops.count == 1 and "emergency stop" in stops.reason
    assert not stops.heard(False, False, "", 4) and stops.count == 1


def test_what_was_over_before_the_first_message_does_not_count_but_a_latched_stop_does() -> None:
    stops = Stops(tried_first=False)
    assert not stops.heard(False, False, "camera 'head' is silent", 7) and stops.count == 0
    latched = Stops(tried_first=False)
    assert latched.heard(False, True, "", 7) and latched.count == 1 and latched.latched


def test_on_a_real_rig_stops_before_the_first_motion_are_tries() -> None:
    stops = Stops(tried_first=True)
    assert not stops.heard(False, True, "", 1) and not stops.latched
    assert not stops.heard(False, False, "", 1) and stops.count == 0
    stops.heard(True, False, "", 1)
    assert stops.heard(False, True, "", 2) and stops.count == 1


def test_a_new_fault_counts_and_is_the_reason() -> None:
    stops = Stops(tried_first=False)
    stops.heard(True, False, "", 0)
    assert not stops.heard(False, False, "left_arm does not follow", 0)
    assert (stops.count, stops.reason) == (1, "left_arm does not follow; start anew")


@given(st.lists(st.sampled_from(("press", "reset", "tell"))))
def test_every_press_is_counted_or_seen_whatever_of_it_is_told(acts: list[str]) -> None:
    stops, number, latched, told = Stops(tried_first=False), 0, False, 0
    stops.heard(True, False, "", 0)
    for act in acts:
        if act == "press":
            number += not latched
            latched = True
        elif act == "reset":
            latched = False
        elif number > told:  # anything between two messages may have been missed
            before = stops.count
            assert stops.heard(False, latched, "", number)
            assert stops.count == before + 1
            told = number
