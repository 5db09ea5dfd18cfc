from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aloe_data.chunk import Chunk
from aloe_data.rig_file import load_rig
from aloe_teleop.device import JointReading, View
from aloe_teleop.expert_hand import ExpertHand, row_at

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
LEFT, RIGHT = (arm.name for arm in RIG.arms)
MS, S = 1_000_000, 1_000_000_000


def rows(horizon: int = 25) -> NDArray[np.float32]:
    values = np.zeros((horizon, RIG.action_dim), np.float32)
    for arm in RIG.arms:
        part = RIG.action_slice(arm.name)
        values[:, part.start] = 0.3 + 0.01 * np.arange(horizon)  # x: 1 cm a row
        values[:, part.start + 3], values[:, part.start + 7] = 1.0, 1.0
        values[:, part.stop - 1] = 0.01
    return values


def view(stamp_ns: int | None = S, chunk_id: int = 1) -> View:
    joints = {arm.name: JointReading(S, arm.joint_names, arm.home) for arm in RIG.arms}
    expert = None if stamp_ns is None else Chunk(stamp_ns, chunk_id, rows(), "expert", chunk_id, RIG.rate_hz)
    return View(joints=joints, expert=expert)


def make(noise_m: float = 0.0, *, fumbles: bool = False) -> ExpertHand:
    hand = ExpertHand(RIG, (LEFT, RIGHT), noise_m)
    hand.begin(np.random.default_rng(1), fumbles=fumbles)
    return hand


def test_the_row_of_a_time_lies_on_the_line_between_its_neighbours_and_ends_with_the_chunk() -> None:
    chunk = Chunk(S, 1, rows(), "expert", 1, 50.0)
    for at_ns, x in ((S - 5 * MS, 0.30), (S, 0.30), (S + 30 * MS, 0.315), (S + 480 * MS, 0.54), (2 * S, 0.54)):
        assert row_at(chunk, at_ns)[0] == pytest.approx(x, abs=1e-6)


def test_only_arms_in_hand_follow_the_expert_and_may_move() -> None:
    hand, seen = make(), view()
    poses = hand.poses(seen)
    commands = hand.commands(S + 40 * MS, seen, poses, [RIGHT])
    assert commands[RIGHT].deadman and not commands[LEFT].deadman
    assert commands[RIGHT].data[0] == pytest.approx(0.32, abs=1e-6)
    np.testing.assert_allclose(commands[LEFT].data, poses[LEFT])


def test_before_anything_is_known_there_is_no_command() -> None:
    assert make().commands(S, View(), {}, []) == {}


def test_a_hand_whose_expert_falls_silent_stays_where_it_is_and_says_so() -> None:
    hand, seen = make(), view()
    poses = hand.poses(seen)
    last = hand.commands(S + 400 * MS, seen, poses, [RIGHT])[RIGHT].data
    later = hand.commands(S + 900 * MS, seen, poses, [RIGHT])[RIGHT]
    np.testing.assert_array_equal(later.data, last)
    assert later.deadman
    assert "silent" in hand.refusal(S + 900 * MS, seen)
    assert "human:=true" in hand.refusal(S, view(None))
    assert hand.refusal(S, seen) == ""


def test_a_tremor_has_its_size_and_no_jumps_where_chunks_change() -> None:
    hand, places = make(noise_m=0.003), []
    for step in range(3000):
        now_ns = S + step * 20 * MS
        seen = view(now_ns - 20 * MS * (step % 5), chunk_id=step // 5)  # a chunk every 0.1 s from where the hand is
        data = hand.commands(now_ns, seen, {}, [LEFT])[LEFT].data
        places.append(data[1])
    steps = np.array(places)[4::5]  # how far it strays within one chunk
    expected = 0.003 * np.sqrt(2 * (1 - np.exp(-0.08 / 0.5)))
    assert steps.std() == pytest.approx(expected, rel=0.15)
    assert np.abs(np.array(places)[0::5]).max() == 0.0


def test_a_fumbling_hand_keeps_its_fingers_open() -> None:
    hand, seen = make(fumbles=True), view()
    assert hand.commands(S, seen, {}, [LEFT])[LEFT].data[-1] == RIG.arm(LEFT).gripper.upper
