"""Chunks are spliced by ticks that ran: every tick covered, never back in time, nothing strange followed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.action_columns import JumpLimits
from aloe_control.chunk_executor import ChunkExecutor
from aloe_control.chunk_refusal import ChunkRefused
from aloe_control.handover import action_fade_limits
from aloe_control.ik import PoseSolver
from aloe_control.tick import ControlConfig
from aloe_data.chunk import Chunk
from aloe_data.kinematics import rotation_about, rotation_from_6d, rotation_to_6d
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import RefusalReason

POSES = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
JOINTS = replace(POSES, action_space="joint_position")
START, TICK = 1_000_000_000, 20_000_000
PATIENT = replace(JOINTS, policy_max_age_s=10.0)
JUMPS = JumpLimits(0.7, 0.2, 1.0)
HOME = np.concatenate([arm.home for arm in JOINTS.arms])


def executor(rig=JOINTS, blend_ticks=5) -> ChunkExecutor:
    result = ChunkExecutor(rig, blend_ticks, JUMPS, action_fade_limits(rig, ControlConfig()))
    result.start(START)
    return result


def plan(ticks: np.ndarray) -> np.ndarray:
    """A smooth plan in joint space: rows [H, 14] as a function of the tick number."""
    return HOME + 0.002 * ticks[:, None]


def chunk(first_tick: int, chunk_id: int = 1, horizon: int = 50, rows: np.ndarray | None = None, **fields) -> Chunk:
    """A chunk whose observation was taken at `first_tick`."""
    data = plan(first_tick + np.arange(horizon)) if rows is None else rows
    stamp_ns = START + first_tick * TICK
    return Chunk(**{"stamp_ns": stamp_ns, "chunk_id": chunk_id, "data": data.astype(np.float32), "policy_version": "v",
                    "observation_id": chunk_id, "rate_hz": 50.0} | fields)  # fmt: skip


def test_without_a_chunk_there_is_nothing_to_do():
    assert executor().next(START) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=10, max_size=10), st.integers(23, 30), st.integers(0, 2**31))
def test_every_tick_is_covered_and_time_never_goes_back_while_chunks_arrive_in_time(delays, horizon, seed):
    jitter = np.random.default_rng(seed).integers(-4_000_000, 4_000_000, 101)
    follow, arrivals, steps = executor(), {}, []
    for number, delay in enumerate(delays):  # an observation every 10 ticks, whose chunk arrives 1 to 13 ticks later
        arrivals.setdefault(10 * number + 1 + delay, []).append(number)
    followed = False
    for tick in range(100):
        for number in arrivals.get(tick, []):
            try:
                follow.offer(chunk(10 * number, number + 1, horizon), HOME)
                followed = True
            except ChunkRefused as refusal:
                assert "not newer" in str(refusal)
        now_ns = START + tick * TICK + int(jitter[tick] if tick % 10 else 0)
        planned = follow.next(now_ns)
        if followed and tick < 10 * (len(delays) - 1) + horizon:
            assert planned is not None, f"gap at tick {tick}"
            steps.append(10 * (planned.chunk_id - 1) + planned.step)
            assert steps[-1] == tick
            if tick > delays[0] + 20:  # the first seam has faded
                np.testing.assert_allclose(planned.action, plan(np.array([tick]))[0], atol=1e-6)
    assert steps == sorted(set(steps))


def test_rows_are_skipped_by_ticks_that_ran_and_not_by_the_clock():
    follow = executor(blend_ticks=0)
    for now_ns in (START, START + TICK, START + 9 * TICK):  # seven ticks were missed
        follow.next(now_ns)
    follow.offer(chunk(0), HOME)
    assert follow.next(START + 10 * TICK).step == 3


def test_the_seam_fades_from_the_old_chunk_into_the_new_one():
    follow = executor(blend_ticks=4)
    follow.offer(chunk(0, rows=np.tile(HOME, (50, 1))), HOME)
    for tick in range(20):
        follow.next(START + tick * TICK)
    follow.offer(chunk(10, 2, rows=np.tile(HOME + 0.1, (50, 1))), HOME)
    shares = [(follow.next(START + tick * TICK).action[0] - HOME[0]) / 0.1 for tick in range(20, 26)]
    assert shares == sorted(shares)
    assert np.allclose(shares, [0.0955, 0.3455, 0.6545, 0.9045, 1.0, 1.0], atol=1e-3)


def test_a_chunk_that_ends_without_successor_holds_and_the_next_one_leads_gently_from_where_the_arms_are():
    follow = executor(blend_ticks=4)
    follow.offer(chunk(0, horizon=5), HOME)
    planned = [follow.next(START + tick * TICK) for tick in range(8)]
    assert [p is None for p in planned] == [False] * 5 + [True] * 3
    follow.offer(chunk(6, 2, rows=np.tile(HOME + 0.1, (50, 1))), HOME)
    assert follow.next(START + 8 * TICK).action[0] == pytest.approx(HOME[0] + 0.00085, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 0.6), st.integers(3, 40), st.integers(0, 5))
def test_a_slow_fade_is_as_slow_over_many_chunks_as_over_one(distance, period, blend_ticks):
    paths = []
    for every in (200, period):
        follow, path = executor(PATIENT, blend_ticks), []
        for tick in range(120):
            if tick % every == 0:
                rows = np.tile(HOME, (200, 1))
                follow.offer(chunk(tick, tick + 1, rows=rows), HOME + (distance if tick == 0 else 0.0))
            path.append(follow.next(START + tick * TICK).action[0] - HOME[0])
        paths.append(np.array(path))
    one, many = paths
    assert np.abs(np.diff(many)).max() < 1.1 * np.abs(np.diff(one)).max()
    np.testing.assert_allclose(many, one, atol=0.05 * distance)


def test_a_blended_rotation_stays_a_rotation():
    follow, here = executor(POSES), PoseSolver(POSES, 1).poses_of(HOME)
    turned = here.copy()
    turned[3:9] = rotation_to_6d(rotation_from_6d(here[3:9]) @ rotation_about((1, 0, 0), 0.8))
    follow.offer(chunk(0, rows=np.tile(here, (50, 1))), here)
    for tick in range(10):
        follow.next(START + tick * TICK)
    follow.offer(chunk(5, 2, rows=np.tile(turned, (50, 1)) * 1.001), here)
    for tick in range(10, 20):
        columns = follow.next(START + tick * TICK).action[3:9].reshape(2, 3)
        np.testing.assert_allclose(columns @ columns.T, np.eye(2), atol=1e-9)


def test_an_old_chunk_is_not_followed_to_its_end():
    follow = executor()
    follow.offer(chunk(0, rows=np.tile(HOME, (200, 1))), HOME)
    planned = [follow.next(START + tick * TICK) for tick in range(60)]
    assert planned[50] is not None and planned[51] is None


def with_bad_value() -> np.ndarray:
    rows = plan(np.arange(50))
    rows[7, 2] = np.nan
    return rows


def with_jump() -> np.ndarray:
    rows = plan(np.arange(50))
    rows[30:, 1] += 1.0
    return rows


@pytest.mark.parametrize(
    ("bad", "reason", "message"),
    [
        (chunk(5, rows=np.zeros((50, 20))), RefusalReason.MALFORMED, r"needs \[H, 14\]"),
        (chunk(5, rows=np.zeros((0, 14))), RefusalReason.MALFORMED, r"shape \[0, 14\]"),
        (chunk(5, rows=with_bad_value()), RefusalReason.MALFORMED, "'left_arm.elbow' of step 7 is not finite"),
        (chunk(5, rows=with_jump()), RefusalReason.INFEASIBLE, "'left_arm.shoulder' jumps by"),
        (chunk(5, rows=plan(np.arange(50)) + 0.9), RefusalReason.INFEASIBLE, "jumps by 0.9"),
        (chunk(5, rate_hz=30.0), RefusalReason.MALFORMED, "is for 30 Hz, this rig runs at 50 Hz"),
        (chunk(-1), RefusalReason.OUTDATED, "before arming"),
        (chunk(20), RefusalReason.OUTDATED, "in the future"),
        (chunk(5, horizon=3), RefusalReason.OUTDATED, "after all its 3 steps"),
    ],
)
def test_a_chunk_that_makes_no_sense_is_refused_with_the_reason(bad, reason, message):
    follow = executor()
    for tick in range(10):
        follow.next(START + tick * TICK)
    with pytest.raises(ChunkRefused, match=message) as refused:
        follow.offer(bad, HOME)
    assert refused.value.reason is reason
    assert follow.next(START + 10 * TICK) is None


def test_a_refused_chunk_leaves_the_one_that_is_followed():
    follow = executor()
    follow.next(START)
    follow.offer(chunk(0), HOME)
    for bad in (chunk(0, 2), chunk(0, 3, rows=with_jump())):
        with pytest.raises(ChunkRefused):
            follow.offer(bad, HOME)
    assert follow.next(START + TICK).chunk_id == 1


def test_a_chunk_older_than_the_rig_allows_is_refused():
    follow = executor()
    for tick in range(60):
        follow.next(START + tick * TICK)
    with pytest.raises(ChunkRefused, match="policy_max_age_s"):
        follow.offer(chunk(5, horizon=100), HOME)


def test_a_rotation_that_is_none_or_turns_too_far_is_refused():
    follow, here = executor(POSES), PoseSolver(POSES, 1).poses_of(HOME)
    rows = np.tile(here, (50, 1))
    rows[20, 3:9] = 0.0
    with pytest.raises(ChunkRefused, match="6D rotation"):
        follow.offer(chunk(0, rows=rows), here)
    rows[20:, 3:9] = rotation_to_6d(rotation_from_6d(here[3:9]) @ rotation_about((0, 1, 0), 2.0))
    with pytest.raises(ChunkRefused, match=r"'left_arm' turns by 2.00 rad"):
        follow.offer(chunk(0, rows=rows), here)


def test_a_restarted_policy_is_followed_although_its_ids_begin_again():
    follow = executor()
    follow.offer(chunk(0, 500), HOME)
    follow.next(START)
    follow.offer(chunk(1, 1), HOME)
    assert follow.next(START + TICK).chunk_id == 1


def test_arming_again_forgets_the_chunks_of_before():
    follow = executor()
    follow.offer(chunk(0), HOME)
    follow.start(START + TICK)
    assert follow.next(START + TICK) is None and follow.newest_ns is None
