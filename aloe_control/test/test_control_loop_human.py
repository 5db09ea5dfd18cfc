"""People in the loop: takeover within a tick, without a jolt, one source per arm, and holding when in doubt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import HOME, RIG, TICK, Bench, executed, usage, wave

from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_data.kinematics import rotation_about, rotation_from_6d, rotation_from_rpy, rotation_to_6d
from aloe_data.vocabulary import Authority, CommandMode, RequestKind

LEFT, RIGHT = (arm.name for arm in RIG.arms)


class Person:
    """Presses pedals and moves devices on a bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.sequence = bench, 0

    def ask(self, kind: RequestKind, *arms: str) -> str:
        self.sequence += 1
        now = self.bench.now_ns + self.sequence  # no two requests in one instant
        return self.bench.loop.request(Request(kind, arms, now, "ana", "pedal", "test"), self.bench.now_ns)

    def command(
        self, arm: str, data: np.ndarray, mode: CommandMode = CommandMode.JOINT_POSITION, relative: bool = False
    ) -> str:
        self.sequence += 1
        now = self.bench.now_ns
        command = HumanCommand(arm, now, self.sequence, "ana", mode, relative, True, np.asarray(data, float))
        return self.bench.loop.set_human(command, now)

    def drive(
        self, ticks: int, arm: str, data, mode: CommandMode = CommandMode.JOINT_POSITION, relative: bool = False
    ) -> list:
        """Command an arm tick by tick; `data` may be a function of the tick."""
        results = []
        for k in range(ticks):
            self.command(arm, data(k) if callable(data) else data, mode, relative)
            results += self.bench.run(1)
        return results


def moving(action_space: str = "joint_position", **config) -> tuple[Bench, Person]:
    bench = Bench(action_space, **config)
    bench.policy = wave
    bench.run(1)
    bench.arm()
    bench.run(40)
    return bench, Person(bench)


def source(result, arm: str) -> Authority:
    return next(tick.source for tick in result.arms if tick.arm == arm)


@pytest.mark.parametrize("arms", [(LEFT,), (RIGHT,), (LEFT, RIGHT), ()])
def test_a_takeover_holds_in_the_very_next_tick_and_for_the_named_arms_alone(arms):
    bench, person = moving()
    assert person.ask(RequestKind.TAKE, *arms) == ""
    result = bench.run(1)[0]
    for arm in (LEFT, RIGHT):
        taken = arm in (arms or (LEFT, RIGHT))
        assert source(result, arm) is (Authority.HUMAN if taken else Authority.POLICY)
    assert result.arms[0].operator == ("ana" if LEFT in (arms or (LEFT,)) else "")


def test_the_other_arm_goes_on_with_the_policy_while_one_is_in_human_hands():
    _, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    results = person.drive(50, LEFT, HOME[:7])
    assert {source(result, RIGHT) for result in results} == {Authority.POLICY}
    path = executed(results)
    assert np.ptp(path[:, 7]) > 0.05


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("action_space", ["joint_position", "ee_pose"])
def test_taking_over_in_full_motion_and_handing_back_stays_within_every_limit(action_space, relative):
    bench, person = moving(action_space)
    person.ask(RequestKind.TAKE)
    device = HOME[:7] + 0.4 * np.r_[np.ones(6), 0.0]  # far from where the arm is

    def leader(k: int) -> np.ndarray:
        return device + 0.1 * np.sin(0.05 * k) * np.r_[np.ones(6), 0.0]

    for k in range(80):
        person.command(LEFT, leader(k), relative=relative)
        person.command(RIGHT, leader(k), relative=relative)
        bench.run(1)
    person.ask(RequestKind.RELEASE)
    results = bench.run(60)
    assert bench.loop.fault == "" and source(results[-1], LEFT) is Authority.POLICY
    assert usage(executed(bench.history)).max() <= 1.0 + 1e-6


def test_a_leader_arm_is_reached_and_a_clutched_one_is_not():
    for relative, expected in ((False, 0.3), (True, 0.0)):
        bench, person = moving()
        bench.policy = None
        person.ask(RequestKind.TAKE, LEFT)
        start = executed(bench.run(1))[0, 0]
        results = person.drive(120, LEFT, HOME[:7] + 0.3 * np.r_[np.ones(6), 0.0], relative=relative)
        reached = executed(results)[-1, 0]
        assert reached == pytest.approx(HOME[0] + 0.3 if expected else start, abs=0.15 if relative else 1e-6)


def test_a_velocity_device_moves_the_tool_as_far_as_it_says():
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    twist = np.r_[0.0, 0.0, 0.05, np.zeros(4)]
    person.drive(20, LEFT, 0 * twist, CommandMode.EE_TWIST)
    before = bench.loop._motion.solver.here(LEFT)[1]
    person.drive(50, LEFT, twist, CommandMode.EE_TWIST)
    person.drive(10, LEFT, 0 * twist, CommandMode.EE_TWIST)
    after = bench.loop._motion.solver.here(LEFT)[1]
    np.testing.assert_allclose(after[:3] - before[:3], [0.0, 0.0, 0.05], atol=2e-3)


def test_a_target_beyond_reach_is_marked_and_does_not_wind_up():
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    away = np.r_[0.3, 0.0, 0.0, np.zeros(4)]
    results = person.drive(200, LEFT, away, CommandMode.EE_TWIST)
    assert any("ik" in result.arms[0].clip_reason for result in results)
    at_the_edge = bench.loop._motion.solver.here(LEFT)[1][0]
    person.drive(30, LEFT, -away, CommandMode.EE_TWIST)
    assert bench.loop._motion.solver.here(LEFT)[1][0] < at_the_edge - 0.05


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wrist_that_is_turned_further_than_it_can_follow_does_not_wind_up(axis):
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    turn = np.zeros(7)
    turn[3 + axis] = 3.0
    person.drive(25, LEFT, 0 * turn, CommandMode.EE_TWIST)
    before = bench.loop._motion.solver.here(LEFT)[1]
    person.drive(100, LEFT, turn, CommandMode.EE_TWIST)
    here = bench.loop._motion.solver.here(LEFT)[1]
    results = person.drive(100, LEFT, 0 * turn, CommandMode.EE_TWIST)
    after = bench.loop._motion.solver.here(LEFT)[1]
    left = rotation_from_6d(after[3:9]) @ rotation_from_6d(here[3:9]).T
    assert np.arccos((np.trace(left) - 1.0) / 2.0) < 0.5  # what was still ahead when the hand let go
    assert np.linalg.norm(after[:3] - before[:3]) < 0.06  # asked to turn alone, the tool stays where it is
    np.testing.assert_allclose(executed(results)[-1, :7], executed(results)[-20, :7], atol=1e-4)


def test_after_a_hand_back_the_policy_waits_for_a_fresh_observation():
    bench, person = moving()
    person.ask(RequestKind.TAKE)
    for _ in range(10):
        person.command(LEFT, HOME[:7])
        person.command(RIGHT, HOME[7:])
        bench.run(1)
    bench.policy, policy = None, bench.policy
    person.ask(RequestKind.RELEASE)
    assert {tick.source for result in bench.run(10) for tick in result.arms} == {Authority.HOLD}
    bench.policy = policy
    bench.chunk()
    assert {tick.source for tick in bench.run(1)[0].arms} == {Authority.POLICY}


def test_a_chunk_seen_before_the_hand_back_is_not_followed_by_that_arm():
    bench, person = moving()
    bench.policy = None
    person.ask(RequestKind.TAKE, LEFT)
    person.drive(3, LEFT, HOME[:7])
    old_ns = bench.now_ns
    person.ask(RequestKind.RELEASE, LEFT)
    bench.run(2)
    bench.policy, now = wave, bench.now_ns
    bench.now_ns = old_ns - TICK
    bench.chunk()
    bench.now_ns, bench.policy = now, None
    result = bench.run(1)[0]
    assert source(result, LEFT) is Authority.HOLD and source(result, RIGHT) is Authority.POLICY


def test_a_silent_policy_is_no_fault_while_people_have_all_arms():
    bench, person = moving()
    bench.policy = None
    person.ask(RequestKind.TAKE)
    for _ in range(400):
        person.command(LEFT, HOME[:7])
        person.command(RIGHT, HOME[7:])
        bench.run(1)
    assert bench.loop.fault == "" and bench.loop.armed


def test_an_emergency_stop_brings_every_arm_to_rest_and_stays_until_reset():
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    person.drive(10, LEFT, HOME[:7])
    person.ask(RequestKind.ESTOP)
    results = bench.run(60)
    assert {tick.source for tick in results[0].arms} == {Authority.HOLD}
    assert usage(executed(bench.history)).max() <= 1.0 + 1e-6 and not bench.loop.armed
    assert "emergency stop by ana" in bench.loop.fault
    assert not bench.loop.arm(bench.now_ns)[0] and "emergency stop" in bench.loop.arm(bench.now_ns)[1]
    assert person.ask(RequestKind.RESET) == ""
    assert not bench.loop.armed  # a reset alone moves nothing
    bench.arm()
    assert {tick.source for tick in bench.run(1)[0].arms} == {Authority.HOLD}


def test_a_camera_that_repeats_its_image_counts_as_frozen():
    bench, _ = moving()
    bench.silent = {"head"}
    for k in range(60):
        bench.loop.set_camera_stamp("head", bench.now_ns + k, 7)
        bench.run(1)
    assert "camera 'head' is frozen" in bench.loop.fault


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "release", "hold", "estop", "reset", "arm", "disarm", "command", "junk", "wait"]),
        st.sampled_from([LEFT, RIGHT, ""]),
        st.integers(0, 2**16),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_whatever_people_and_devices_do_limits_hold_and_every_arm_has_one_source(steps):
    bench = Bench()
    bench.policy = wave
    bench.run(1)
    person, results, taken = Person(bench), [], set()
    for what, arm, number in steps:
        arms = (arm,) if arm else (LEFT, RIGHT)
        rng = np.random.default_rng(number)
        if what in ("take", "release", "hold", "estop", "reset"):
            if person.ask(RequestKind[what.upper()], *arms) == "" and what == "take":
                taken |= set(arms)
        elif what == "arm":
            bench.loop.arm(bench.now_ns)
        elif what == "disarm":
            bench.loop.disarm("test")
        elif what in ("command", "junk"):
            for name in arms:
                mode = CommandMode(number % 3)
                size = {CommandMode.JOINT_POSITION: 7, CommandMode.EE_TWIST: 7, CommandMode.EE_POSE: 10}[mode]
                scale = 1e3 if what == "junk" else 0.3
                data = rng.normal(0.0, scale, size) + (HOME[:7] if size == 7 else 0)
                if what == "command" and mode is CommandMode.EE_POSE:
                    data[3:9] = rotation_to_6d(rotation_from_rpy(rng.normal(size=3)))
                person.command(name, data, mode, number % 2)
        new = bench.run(1 + number % 5)
        for result in new:
            for tick in result.arms:
                assert result.armed or tick.source is Authority.HOLD
                assert tick.source is not Authority.HUMAN or tick.arm in taken
                assert not bench.loop.estop or tick.source is Authority.HOLD
        results += new
    moved = [result for result in results if result.commands]
    runs = np.split(np.arange(len(results)), np.flatnonzero([not result.commands for result in results]))
    for run in runs:
        path = [results[k] for k in run if results[k].commands]
        if len(path) > 1:
            assert usage(executed(path)).max() <= 1.0 + 1e-6
    assert all(np.isfinite(executed(moved)).ravel()) if moved else True


@pytest.mark.parametrize("axis", [3, 4, 5, 6, 7, 8])
def test_a_pose_turned_by_half_a_turn_is_approached_within_limits(axis):
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    pose = bench.loop._motion.solver.here(LEFT)[1].copy()
    rotation = rotation_from_6d(pose[3:9])
    turned = rotation_about(rotation[:, axis % 3], np.pi * (1.0 if axis < 6 else 1.0 - 1e-9)) @ rotation
    pose[3:9] = rotation_to_6d(turned)
    results = person.drive(400, LEFT, pose, CommandMode.EE_POSE)
    assert bench.loop.fault == "" and all(result.armed for result in results)
    assert usage(executed(bench.history)).max() <= 1.0 + 1e-6


def test_a_fault_in_the_software_itself_brings_the_arms_to_rest_within_their_limits(monkeypatch):
    bench, _ = moving()

    def fail():
        raise FloatingPointError("of a kind that nobody foresaw")

    monkeypatch.setattr(bench.loop._motion.solver, "solve", fail)
    results = bench.run(60)
    assert {tick.source for tick in results[1].arms} == {Authority.HOLD}
    assert usage(executed(bench.history)).max() <= 1.0 + 1e-6 and not bench.loop.armed
    assert "control failed, please report it: FloatingPointError: of a kind" in bench.loop.fault
    monkeypatch.undo()
    bench.arm()
    bench.run(20)
    assert bench.loop.armed and bench.loop.fault == ""


def test_the_policys_queue_for_a_taken_arm_is_dropped_not_postponed():
    bench, person = moving()
    person.ask(RequestKind.TAKE, LEFT)
    bench.run(1)
    assert np.isnan(bench.loop.policy.executor._plan[:, :7]).all()
    assert np.isfinite(bench.loop.policy.executor._plan[:, 7:]).all()


def test_a_rig_whose_other_arms_hold_stops_them_within_a_tick():
    bench, person = moving()
    bench.loop._takeover._authorities._others_hold = True
    person.ask(RequestKind.TAKE, LEFT)
    assert source(bench.run(1)[0], RIGHT) is Authority.HOLD
