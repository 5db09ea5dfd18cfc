"""An episode does not run for ever, and not on without those who keep its time and its record."""

from aloe_data.episode_watch import EpisodeWatch
from aloe_data.vocabulary import Verdict

S = 10**9


def watch(recorded: bool = True) -> EpisodeWatch:
    made = EpisodeWatch(silence_s=5.0, recorded=recorded)
    made.begin(1000 * S, 100.0, timeout_s=40.0)
    return made


def test_an_episode_ends_at_its_time_limit_by_the_clock_of_the_node() -> None:
    slow = watch(recorded=False)  # simulated time at half the pace
    for t in range(40):
        slow.heard("control_node", 100.0 + 2 * t)
        assert slow.look((1000 + t) * S, 100.0 + 2 * t) is None
    slow.heard("control_node", 180.0)
    ending = slow.look(1040 * S, 180.0)
    assert ending and (ending.verdict, ending.reason) == (Verdict.TIMEOUT, "no verdict within 40 s")


def test_a_clock_that_goes_back_or_stands_still_aborts_it() -> None:
    back = watch()
    assert back.look(1001 * S, 101.0) is None
    ending = back.look(1001 * S - 5_000_000, 101.1)
    assert ending and ending.verdict is Verdict.ABORT and "time went back by 0.005 s" in ending.reason
    still = watch(recorded=False)
    assert still.look(1000 * S, 105.0) is None
    ending = still.look(1000 * S, 105.1)
    assert ending and "/clock stands still for 5 s" in ending.reason


def test_a_silent_recorder_aborts_it_unless_nobody_records() -> None:
    recorded, unrecorded = watch(), watch(recorded=False)
    for made in (recorded, unrecorded):
        made.heard("control_node", 104.0)
    assert recorded.look(1005 * S, 105.0) is None
    ending = recorded.look(1005 * S + 1, 105.1)
    assert ending and "recorder_node silent for 5 s" in ending.reason
    recorded.heard("recorder_node", 106.0)
    assert recorded.look(1006 * S, 106.1) is None
    assert unrecorded.look(1006 * S, 106.1) is None


def test_a_control_node_that_is_gone_aborts_it_which_is_no_trial_of_the_policy() -> None:
    made = watch(recorded=False)
    assert made.look(1005 * S, 105.0) is None
    ending = made.look(1005 * S + 1, 105.1)
    assert ending and ending.verdict is Verdict.ABORT
    assert "control_node silent for 5 s; is it running? nobody commands the arms" in ending.reason
