import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_control.arming import at_rest
from aloe_control.sensing import Sensing
from aloe_control.watchdog import required_streams
from aloe_data.rig_file import load_rig
from aloe_sim.rig.real_time import MAX_LAG_NS, SLICE_NS, Metronome, RealTimeSim, SnapshotWorker, Timing
from aloe_sim.rig.sim_rig import SimRig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
MS, S = 1_000_000, 1_000_000_000
START_NS = 1_700_000_000 * S


def make(timing: Timing) -> tuple[RealTimeSim, list[int]]:
    stamps: list[int] = []
    return RealTimeSim(SimRig(RIG), timing, START_NS, stamps.append), stamps


@given(st.lists(st.integers(1, 60), min_size=1, max_size=60))
def test_a_metronome_beats_once_per_period_however_time_is_cut(steps_ms: list[int]) -> None:
    beat, now_ns = Metronome(30.0), START_NS
    beat.due(now_ns)
    beats = 0
    for step_ms in steps_ms:
        now_ns += step_ms * MS
        beats += beat.due(now_ns)
    periods = (now_ns - START_NS) * 30 / S
    assert beats <= periods + 1
    assert beats >= min(len(steps_ms), 1) * (periods >= 1)


def test_stamps_are_the_wall_clock_and_never_ahead_of_it() -> None:
    sim, stamps = make(Timing())
    for wall_ns in (START_NS + 10 * MS, START_NS + 30 * MS, START_NS + 31 * MS, START_NS + 90 * MS):
        sim.catch_up(wall_ns)
        assert 0 <= wall_ns - sim.stamp_ns < SLICE_NS
    assert stamps == [START_NS + k * SLICE_NS for k in range(1, len(stamps) + 1)]
    assert sim.sim.time_s == pytest.approx(0.1 + len(stamps) * SLICE_NS / 1e9)  # a reset settles for 0.1 s


def test_simulated_time_runs_at_the_asked_factor() -> None:
    sim, _ = make(Timing(2.0, follow_wall=False))
    begin_ns = sim.stamp_ns
    sim.catch_up(START_NS + 40 * MS)
    assert sim.stamp_ns - begin_ns == 80 * MS
    assert sim.wait_s(START_NS + 40 * MS) == pytest.approx(SLICE_NS / 2 / 1e9)


def test_a_machine_that_stalls_lets_time_slip_instead_of_rushing() -> None:
    sim, stamps = make(Timing())
    sim.catch_up(START_NS + 5 * S)
    assert (sim.slips, stamps) == (1, [])
    assert sim.stamp_ns == START_NS + 5 * S
    sim.catch_up(START_NS + 5 * S + MAX_LAG_NS // 2)
    assert sim.slips == 1 and len(stamps) == MAX_LAG_NS // 2 // SLICE_NS


def test_a_reset_does_not_move_the_stamps() -> None:
    sim, _ = make(Timing())
    sim.catch_up(START_NS + 20 * MS)
    before_ns = sim.stamp_ns
    assert sim.reset(7, "") != ""
    assert sim.stamp_ns == before_ns


def test_arms_that_a_reset_places_are_believed_and_seen_at_rest_when_it_is_over() -> None:
    sensing = Sensing(RIG, required_streams(RIG), 2 * SLICE_NS)
    said: list[str] = []
    arm = RIG.arms[0].name

    def measure(stamp_ns: int) -> None:
        for name in (item.name for item in RIG.arms):
            if not sim.is_placing:
                said.append(sensing.set_joint_state(name, stamp_ns, sim.sim.joint_positions(name)))

    sim = RealTimeSim(SimRig(RIG), Timing(), START_NS, measure)
    sim.sim.reset(0)
    sim.sim.set_command(arm, sim.sim.joint_positions(arm) + 0.5)
    for step in range(1, 11):
        sim.catch_up(START_NS + step * 50 * MS)
    sim.reset(1, "")
    waiting = threading.Thread(target=sim.wait_until_seen, args=(30.0,))
    waiting.start()
    step = 0
    while waiting.is_alive():
        step += 1
        sim.catch_up(START_NS + 500 * MS + step * SLICE_NS)
        waiting.join(0.001)
    assert set(said) == {""}
    assert at_rest(RIG, sensing)(sim.stamp_ns) == []
    assert step * SLICE_NS < 300 * MS


def test_a_factor_needs_simulated_time() -> None:
    with pytest.raises(ValueError, match="use_sim_time"):
        Timing(2.0, follow_wall=True)


def test_a_busy_worker_drops_copies_and_counts_them() -> None:
    go, started, seen = threading.Event(), threading.Event(), []

    def work(stamp_ns: int, request: str) -> None:
        seen.append((stamp_ns, request))
        started.set()
        go.wait(5)

    stamps = iter(range(10))
    worker = SnapshotWorker("test", lambda: next(stamps), lambda: work)
    assert worker.offer("first")
    assert started.wait(5)
    assert not worker.offer("second")
    go.set()
    worker.close()
    assert (seen, worker.dropped) == ([(0, "first")], 1)


def test_a_worker_that_cannot_start_says_why() -> None:
    def make_work() -> None:
        raise RuntimeError("no OpenGL")

    with pytest.raises(RuntimeError, match="no OpenGL"):
        SnapshotWorker("test", lambda: 0, make_work)  # type: ignore[arg-type]
