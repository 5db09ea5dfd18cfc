"""The whole loop without ROS: bumpless arming, safe stops, faults that stay, honest records."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loop_bench import HOME, RIG, TICK, Bench, executed, usage, wave

from aloe_control.control_loop import ControlLoop
from aloe_control.tick import ControlConfig
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import Authority


def test_nothing_is_commanded_before_arming():
    result = Bench().run(3)[-1]
    assert not result.armed and result.commands == {} and result.fault == ""
    assert all(arm.source is Authority.HOLD for arm in result.arms)
    np.testing.assert_array_equal(executed([result])[0], HOME)


def test_arming_is_refused_with_every_unhealthy_stream_named():
    bench = Bench()
    bench.silent = {"head", "right_arm"}
    bench.now_ns += 10**9
    bench.feed()
    ok, message = bench.loop.arm(bench.now_ns)
    assert not ok
    assert "camera 'head' is silent" in message and "joint states of 'right_arm'" in message
    assert "left" not in message


def test_arming_is_refused_while_a_joint_stands_far_outside_its_limits():
    bench = Bench()
    bench.joints[1] = 2.5
    bench.run(1)
    ok, message = bench.loop.arm(bench.now_ns)
    assert not ok and "joint 'shoulder' of 'left_arm' stands at 2.500, outside -1.9 to 1.9" in message


def test_after_arming_the_arms_are_held_where_they_are():
    bench = Bench()
    bench.joints -= 0.01
    bench.run(1)
    bench.arm()
    result = bench.run(20)[-1]
    assert result.armed
    np.testing.assert_allclose(np.concatenate(list(result.commands.values())), HOME - 0.01)


@pytest.mark.parametrize("action_space", ["joint_position", "ee_pose"])
def test_chunks_are_followed_without_gap_within_limits(action_space):
    bench = Bench(action_space)
    bench.policy = wave
    bench.arm()
    results = bench.run(150)
    assert all(result.chunk_id for result in results[10:])
    assert all(arm.source is Authority.POLICY for result in results[10:] for arm in result.arms)
    wanted = np.array([wave(result.stamp_ns / 1e9) for result in results])
    np.testing.assert_allclose(executed(results)[60:], wanted[60:], atol=2e-3)
    assert (usage(executed(results)) < 1.0 + 1e-5).all()


def test_what_was_changed_and_why_is_recorded():
    bench = Bench()
    bench.arm()
    bench.run(1)
    for rows in (HOME, HOME + 0.5):
        bench.chunk(np.tile(rows, (50, 1)))
        arm = bench.run(1)[-1].arms[0]
    assert arm.clip_reason == "position,acceleration,jerk"
    assert arm.requested[0] > arm.executed[0]


def test_arms_that_stand_where_they_must_not_be_are_not_armed():
    bench = Bench()
    bench.joints[1] += 0.9  # the left arm's shoulder: its tool goes under the table
    bench.run(1)
    armed, message = bench.loop.arm(bench.now_ns)
    assert not armed
    assert "the tool of 'left_arm' is 0." in message and "outside its workspace; lead it back in by hand" in message
    assert "a link of 'left_arm' is 0." in message and "inside 'table'; move the arm out by hand" in message


def test_joints_that_would_lead_under_the_table_brake_above_it_by_name():
    bench = Bench(max_jump_rad=2.0)
    bench.arm()
    bowed = HOME + 0.9 * np.eye(len(HOME))[1]
    bench.policy = lambda t: bowed
    results = bench.run(80)
    assert results[-1].armed and not results[-1].fault
    assert {"keep_out:table"} & set(results[-1].arms[0].clip_reason.split(","))
    assert [arm.clip_reason for arm in bench.run(5)[-1].arms][1] == ""


def test_a_pose_under_the_table_leads_along_the_floor_of_the_workspace():
    bench = Bench("ee_pose", max_jump_m=1.0)
    bench.arm()
    bench.run(1)
    pose = bench.loop._motion.action.copy()
    pose[:3] = [0.35, 0.15, -0.05]
    data = np.tile(pose, (50, 1)).astype(np.float32)
    results = []
    for number in range(8):
        bench.loop.set_chunk(Chunk(bench.now_ns, number + 1, data, "v", number + 1, 50.0))
        results += bench.run(10)
    tool = bench.loop._motion.action[:3]
    assert np.allclose(tool[:2], [0.35, 0.15], atol=1e-3)
    assert -0.005 <= tool[2] < 0.0
    assert results[-1].arms[0].clip_reason == "workspace"


def test_a_policy_that_never_answers_faults_after_its_grace_and_not_before():
    bench = Bench(policy_grace_s=2.0)
    bench.arm()
    results = bench.run(130)
    assert all(result.armed and not result.fault for result in results[:99])
    assert "sent no chunk since its turn began" in results[-1].fault and not results[-1].armed


def test_a_fault_names_the_last_refused_chunk():
    bench = Bench(policy_grace_s=1.0)
    bench.arm()
    bench.run(1)
    assert "needs [H, 14]" in bench.chunk(np.zeros((50, 20)))
    assert "needs [H, 14]" in bench.run(80)[-1].fault
    assert bench.loop.policy.refused_chunks == 1


def test_silence_of_the_policy_stops_and_disarms():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    before = bench.run(100)
    bench.policy = None
    results = bench.run(100)
    assert "policy chunks stopped" in results[-1].fault and not results[-1].armed
    assert (usage(executed(before + results)) < 1.0 + 1e-5).all()


@pytest.mark.parametrize("stream", ["head", "left_wrist", "left_arm", "right_arm"])
def test_silence_of_any_stream_decelerates_at_once_within_limits_and_then_disarms(stream):
    bench = Bench()
    bench.policy = wave
    bench.arm()
    before = bench.run(100)
    bench.silent = {stream}
    results = bench.run(60)
    first = next(k for k, result in enumerate(results) if result.fault)
    limit_s = {item.name: item.max_age_s for item in (*RIG.cameras, *RIG.arms)}[stream]
    assert first * 0.02 <= limit_s + 0.02
    assert f"'{stream}' is silent" in results[first].fault
    assert all(arm.source is Authority.HOLD for arm in results[first].arms)
    moving = [result for result in results if result.armed]
    assert (usage(executed(before + moving)) < 1.0 + 1e-5).all()
    assert len(moving) < first + 25 and not results[-1].commands
    np.testing.assert_array_equal(executed(moving)[-1], executed(moving)[-2])


def test_a_fault_stays_until_the_arms_are_armed_again():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(50)
    bench.silent = {"head"}
    bench.run(40)
    bench.silent = set()
    results = bench.run(50)
    assert all(result.fault and not result.commands for result in results)
    bench.arm()
    results = bench.run(30)
    assert results[-1].fault == "" and results[-1].chunk_id
    assert (usage(executed(results)) < 1.0 + 1e-5).all()


def test_a_joint_that_is_not_a_number_stops_and_names_the_joint():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(50)
    bench.feed = lambda: bench.loop.set_joint_state("left_arm", bench.now_ns, [np.nan] + [0.0] * 6)
    results = bench.run(1)
    assert "joint 'waist' is not finite" in results[0].fault
    assert all(arm.source is Authority.HOLD for arm in results[0].arms)


@pytest.mark.parametrize("arm", [arm.name for arm in RIG.arms])
def test_an_arm_that_does_not_follow_stops_motion_before_its_commands_have_run_away(arm):
    bench = Bench()
    bench.policy = lambda t: HOME + 1.2 * np.sin(t - 1.0) * np.eye(14)[1 if arm == RIG.arms[0].name else 8]
    bench.arm()
    bench.run(20)
    bench.stuck = {arm}
    results = bench.run(100)
    assert f"'{arm}' does not follow: joint 'shoulder' stands 0." in bench.loop.fault and not bench.loop.armed
    joints = RIG.state_slice(arm)
    follow_rad, follow_s = ControlConfig().follow_rad, ControlConfig().follow_s
    apart = np.abs(executed(results)[:, joints] - bench.joints[joints]).max()
    assert apart < follow_rad + 1.2 * follow_s + 0.05


def test_no_set_point_stays_away_from_a_blocked_arm_that_may_come_free():
    bench = Bench()
    bench.policy = lambda t: HOME + 1.2 * np.sin(t - 1.0)
    bench.arm()
    bench.run(20)
    bench.stuck = {"left_arm"}
    results = bench.run(100)
    assert "'left_arm' does not follow" in results[-1].fault
    held = [tick.arms[0] for tick in results if tick.fault and tick.commands]
    assert held and all(arm.hold for arm in held)
    for arm in held:
        np.testing.assert_array_equal(arm.executed, bench.joints[:7])
    path = executed(bench.history)
    path[:, :7] = HOME[:7]
    assert usage(path).max() <= 1.0 + 1e-6, "the arm that follows is braked within its limits"
    assert not any(tick.arms[1].hold for tick in bench.history)
    assert not any(tick.arms[0].hold for tick in bench.history if not tick.fault)


def test_an_arm_that_is_blocked_while_something_else_ends_motion_is_held_where_it_is():
    def blocked_for(ticks: int) -> Bench:
        bench = Bench()
        bench.policy = lambda t: HOME + 1.2 * np.sin(2.0 * (t - 1.0))
        bench.arm()
        bench.run(10)
        bench.stuck = {"left_arm"}
        bench.run(ticks)
        return bench

    ticks = next(ticks for ticks in range(60) if blocked_for(ticks).loop.fault)
    bench = blocked_for(ticks - 1)
    bench.loop.disarm("episode over")
    bench.run(30)
    last = bench.history[-1]
    np.testing.assert_array_equal(last.arms[0].executed, bench.joints[:7])
    assert last.arms[0].hold and not last.arms[1].hold and bench.loop.fault == ""


def test_joint_states_that_pause_while_the_arm_moves_on_are_no_deviation():
    bench = Bench()
    bench.policy = lambda t: HOME + 1.2 * np.sin(2.0 * (t - 1.0))
    bench.arm()
    bench.run(20)
    bench.silent = {arm.name for arm in RIG.arms}
    bench.run(22)  # 0.44 s; at 0.5 s they count as silent
    bench.silent = set()
    bench.run(20)
    assert bench.loop.armed and bench.loop.fault == ""


@settings(max_examples=20, deadline=None)
@given(delay=st.integers(0, 12), amplitude=st.floats(0.0, 1.0), rate=st.floats(0.2, 3.0))
def test_an_arm_that_follows_late_but_within_the_window_is_left_to_move(delay, amplitude, rate):
    bench = Bench()
    bench.delay = delay
    bench.policy = lambda t: HOME + amplitude * np.sin(rate * (t - 1.0)) * np.r_[np.ones(6), 0.0, np.ones(6), 0.0]
    bench.arm()
    bench.run(150)
    assert bench.loop.armed and bench.loop.fault == ""


def test_a_gripper_that_closes_on_something_does_follow():
    bench = Bench(follow_rad=0.02)
    bench.policy = lambda t: HOME * np.r_[np.ones(6), 0.0, np.ones(6), 0.0]
    bench.arm()
    bench.stuck = {arm.name for arm in RIG.arms}
    bench.run(100)
    assert bench.loop.armed and bench.loop.fault == ""


@pytest.mark.parametrize("part", ["_sensing.silence", "_takeover.check", "policy.next", "_motion.solve"])
def test_a_bug_in_any_part_of_the_loop_brings_arms_in_motion_to_rest_within_their_limits(part, monkeypatch):
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(40)

    def broken(*_):
        raise KeyError("a bug")

    owner, method = part.split(".")
    monkeypatch.setattr(getattr(bench.loop, owner), method, broken)
    bench.run(60)
    assert "control failed, please report it: KeyError: 'a bug'" in bench.loop.fault
    assert not bench.loop.armed and usage(executed(bench.history)).max() <= 1.0 + 1e-6


def test_disarming_is_no_fault_and_brings_the_arms_to_rest():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(50)
    bench.loop.disarm("episode over")
    assert not bench.loop.arm(bench.now_ns)[0], "armed while still moving"
    results = bench.run(30)
    assert not results[-1].armed and results[-1].fault == ""
    assert bench.loop.authority("left_arm").reason == "episode over"
    bench.arm()


def test_a_clock_that_goes_back_is_a_fault():
    bench = Bench()
    bench.arm()
    bench.run(5)
    result = bench.loop.tick(bench.now_ns - 10**9)
    assert "time went back by 1.000 s" in result.fault


def test_time_may_begin_at_zero():
    bench = Bench()
    bench.now_ns = 0
    bench.loop = ControlLoop(bench.rig)
    bench.feed()
    bench.arm()
    assert bench.loop.tick(0).fault == ""


def test_a_chunk_that_is_merely_late_is_not_counted_as_refused():
    bench = Bench()
    bench.policy = wave
    bench.arm()
    bench.run(1)
    bench.now_ns -= 2 * TICK
    assert "before arming" in bench.chunk()
    assert (bench.loop.policy.refused_chunks, bench.loop.policy.last_refusal) == (0, "")


def test_chunks_that_end_without_successor_hold_and_go_on_with_the_next():
    bench = Bench()
    bench.arm()
    bench.run(1)
    bench.chunk(np.tile(HOME, (5, 1)))
    sources = [result.arms[0].source for result in bench.run(10)]
    assert sources == [Authority.POLICY] * 4 + [Authority.HOLD] * 6  # row 0 was for the tick that ran already
    bench.chunk(np.tile(HOME, (50, 1)))
    assert bench.run(1)[0].arms[0].source is Authority.POLICY


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(["arm", "disarm", "chunk", "head", "left_arm", "all", "nan", "wild", "back"]),
            st.integers(1, 30),
        ),
        max_size=25,
    )
)
def test_whatever_happens_limits_hold_and_an_unarmed_loop_is_silent(actions):
    bench = Bench()
    paths = [[HOME.copy()]]  # a new one where commands begin anew at rest, as after a jump of the clock
    for action in ["arm", *actions]:
        if action == "arm":
            bench.loop.arm(bench.now_ns)
        elif action == "disarm":
            bench.loop.disarm("test")
        elif action in ("chunk", "wild"):
            rows = HOME + (0.3 if action == "chunk" else 5.0) * np.sin(np.arange(50) / 9 + bench.ticks)[:, None]
            bench.chunk(rows)
        elif action == "nan":
            bench.chunk(np.full((50, 14), np.nan))
        elif action == "back":
            bench.now_ns -= 50 * TICK
        elif action == "all":
            bench.silent = set()
        elif isinstance(action, str):
            bench.silent = {action}
        else:
            for result in bench.run(action):
                assert bool(result.commands) == result.armed
                assert all((arm.source is Authority.HOLD) or result.armed for arm in result.arms)
                last = paths[-1][-1]
                if any("time" in arm.clip_reason for arm in result.arms):
                    paths.append([last])
                paths[-1].append(executed([result])[0] if result.armed else last)
    assert all((usage(np.array(path)) < 1.0 + 1e-5).all() for path in paths)
