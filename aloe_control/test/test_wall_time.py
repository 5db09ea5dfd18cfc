"""Limits and time-outs in wall time, whatever happens between two ticks and whatever senders say the time is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import HOME, RIG, TICK, Bench, executed

from aloe_control.human_commands import HumanCommand
from aloe_control.takeover import Request
from aloe_control.tick_clock import STALL_S
from aloe_data.vocabulary import NS, CommandMode, RequestKind

MS = 1_000_000
LEFT, RIGHT = (arm.name for arm in RIG.arms)
MAX_VELOCITY = np.array([joint.max_velocity for arm in RIG.arms for joint in arm.all_joints])
GAPS = st.one_of(
    st.just(TICK),
    st.integers(0, TICK),
    st.integers(TICK, 3 * TICK),
    st.integers(40 * MS, 100 * MS),
    st.integers(0, 3 * NS),
)


class Sources:
    """A policy and a person who both ask for all the speed that there is."""

    def __init__(self, person_has: tuple[str, ...]) -> None:
        self.bench = Bench()
        self.sequence = 0
        self.stamps: list[int] = []
        self.bench.policy = lambda t: HOME + 0.6 * np.sin(6.0 * t) * np.r_[np.ones(6), 0.0, np.ones(6), 0.0]
        self.bench.run(1)
        self.bench.arm()
        for arm in person_has:
            self.bench.loop.request(Request(RequestKind.TAKE, (arm,), self.bench.now_ns, "ana", arm), self.bench.now_ns)

    def run(self, gaps: list[int]) -> list:
        results = []
        for gap_ns in gaps:
            self.sequence += 1
            for arm in (LEFT, RIGHT):
                now_ns = self.bench.now_ns
                data = self.bench.policy(now_ns / NS)[RIG.state_slice(arm)]
                command = HumanCommand(arm, now_ns, self.sequence, "ana", CommandMode.JOINT_POSITION, False, True, data)
                self.bench.loop.set_human(command, now_ns)
            results += self.bench.run(1, gap_ns)
        return results


def excess(results) -> float:
    """By how much the way over any window exceeds what the window allows, in periods of full speed."""
    commanded = [result for result in results if result.commands]
    times = np.array([result.stamp_ns for result in commanded]) / NS
    way = np.cumsum(np.abs(np.diff(executed(commanded), axis=0, prepend=executed(commanded)[:1])), axis=0)
    ahead = way / MAX_VELOCITY - times[:, None]
    return float((ahead - np.minimum.accumulate(ahead, axis=0)).max()) * RIG.rate_hz


@settings(max_examples=60, deadline=None)
@given(gaps=st.lists(GAPS, min_size=5, max_size=60), has=st.sampled_from([(), (LEFT,), (LEFT, RIGHT)]))
def test_no_stall_of_any_length_makes_an_arm_faster_than_its_limit_in_wall_time(gaps, has):
    sources = Sources(has)
    results = sources.run([TICK] * 15 + gaps)
    assert excess(results) <= 1.0 + 1e-6


@settings(max_examples=40, deadline=None)
@given(stall_ns=st.integers(round(STALL_S * NS) + 1, 30 * NS), has=st.sampled_from([(), (LEFT,)]), after=GAPS)
def test_after_a_stall_all_arms_hold_where_they_are_measured_and_nothing_resumes_by_itself(stall_ns, has, after):
    sources = Sources(has)
    sources.run([TICK] * 15)
    assert sources.bench.loop.armed
    stalled = sources.run([stall_ns])[0]
    assert "control stood still" in stalled.fault
    assert all(arm.hold for arm in stalled.arms)
    np.testing.assert_array_equal(executed([stalled])[0], sources.bench.joints)
    results = sources.run([after] + [TICK] * 20)
    assert all(result.fault and not result.commands and not result.armed for result in results)


FAULTS = ("stall", "silence", "stuck", "estop", "back", "not a number", "reported")


@settings(max_examples=25, deadline=None)
@given(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=4), has=st.sampled_from([(), (LEFT,)]))
def test_whatever_ended_motion_nothing_resumes_by_itself_once_all_is_well_again(faults, has):
    sources = Sources(has)
    bench = sources.bench
    sources.run([TICK] * 15)
    for fault in faults:
        if fault == "stall":
            sources.run([NS])
        elif fault == "silence":
            bench.silent = {"head"}
        elif fault == "stuck":
            bench.stuck = {LEFT}
        elif fault == "estop":
            bench.loop.request(Request(RequestKind.ESTOP, (), bench.now_ns, "ana", "pedal"), bench.now_ns)
        elif fault == "back":
            bench.loop.tick(bench.now_ns - NS)
        elif fault == "not a number":
            bench.silent = {LEFT}
            bench.loop.set_joint_state(LEFT, bench.now_ns + 1, np.full(7, np.nan), bench.now_ns + 1)
        else:
            bench.loop.fail("a node died")
        sources.run([TICK] * 50)
    bench.silent = set()
    bench.stuck = set()
    sources.run([TICK] * 10)
    assert bench.loop.fault
    results = sources.run([TICK] * 60)
    assert not any(result.armed or result.commands for result in results)
    assert all(arm.source.name == "HOLD" for result in results for arm in result.arms)


def test_a_short_stall_begins_anew_at_rest_and_says_so():
    sources = Sources(())
    before = sources.run([TICK] * 15)[-2:]
    late, after = sources.run([70 * MS, TICK])
    assert np.abs(np.diff(executed(before), axis=0)).max() > 0.01, "the arms moved"
    assert np.abs(np.diff(executed([before[1], late]), axis=0)).max() < 0.01, "and begin again slowly"
    assert late.fault == "" and late.armed
    assert "time" in late.arms[0].clip_reason.split(",") and "time" not in after.arms[0].clip_reason.split(",")


@pytest.mark.parametrize("step_ns", [-3600 * NS, 3600 * NS])
def test_a_clock_that_is_set_by_an_hour_stops_the_arms_at_once_and_is_named(step_ns):
    sources = Sources(())
    last = sources.run([TICK] * 15)[-1]
    bench = sources.bench
    steady_ns = bench.now_ns
    bench.loop.tick(bench.now_ns + TICK, steady_ns + TICK)
    result = bench.loop.tick(bench.now_ns + 2 * TICK + step_ns, steady_ns + 2 * TICK)
    assert "time went back by 3600.000 s" in result.fault or "time leapt forward by 3600.000 s" in result.fault
    assert np.abs(executed([result]) - executed([last])).max() < 3 * 0.02 * MAX_VELOCITY.max()
    again = bench.loop.tick(bench.now_ns + 3 * TICK + step_ns, steady_ns + 3 * TICK)
    assert not again.commands and not again.armed


def ticks_to_stop(sender: str, ahead_ns: int) -> int:
    """Ticks after a sender's last message until its silence stops what depends on it; its clock runs ahead."""
    sources = Sources((LEFT,) if sender == "person" else ())
    bench = sources.bench
    bench.ahead_ns[sender] = ahead_ns
    bench.horizon = 80  # rows for longer than a chunk may be followed
    for tick in range(300):
        if sender == "person" and tick < 20:
            sources.sequence += 1
            now_ns = bench.now_ns
            stamp_ns = now_ns + ahead_ns
            command = HumanCommand(
                LEFT,
                stamp_ns,
                sources.sequence,
                "ana",
                CommandMode.JOINT_POSITION,
                False,
                True,
                executed(bench.run(1))[0, :7],
            )
            bench.loop.set_human(command, now_ns)
        if tick == 20:
            bench.silent.add(sender)
            if sender == "policy":
                bench.policy = None
        result = bench.run(1)[0]
        if tick >= 20 and result.arms[0].source.name == "HOLD":
            return tick
    raise AssertionError("nothing stopped")


BASELINE = {sender: ticks_to_stop(sender, 0) for sender in ("head", LEFT, "policy", "person")}


@settings(max_examples=30, deadline=None)
@given(
    sender=st.sampled_from(sorted(BASELINE)), ahead_ns=st.one_of(st.integers(0, 3 * TICK), st.integers(0, 3600 * NS))
)
def test_a_sender_whose_clock_runs_ahead_gains_no_time(sender, ahead_ns):
    assert ticks_to_stop(sender, ahead_ns) <= BASELINE[sender]


def test_stamps_of_more_than_two_periods_in_the_future_are_refused_by_name_and_remedy():
    loop = Bench().loop
    now_ns = 2 * NS
    stamp_ns = now_ns + 2 * TICK + 1
    loop.set_camera_stamp("head", stamp_ns, now_ns=now_ns)
    command = HumanCommand(LEFT, stamp_ns, 1, "ana", CommandMode.JOINT_POSITION, False, True, HOME[:7])
    said = [
        loop.set_joint_state(LEFT, stamp_ns, HOME[:7], now_ns),
        loop.set_human(command, now_ns),
        loop.request(Request(RequestKind.TAKE, (LEFT,), stamp_ns, "ana", "pedal"), now_ns),
        *(problem for problem in loop.problems(now_ns) if "camera 'head'" in problem),
    ]
    assert len(said) == 4
    for words in said:
        assert "0.040 s in the future" in words and "synchronise the machines" in words
