"""The rig in one process keeps time as a robot does: commands answer joint states of a moment ago."""

from pathlib import Path

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.in_process import ACTS_AFTER, InProcessRig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
PERIOD_NS = round(1e9 / RIG.rate_hz)
SLICE_NS = 4_000_000


def delays_ns(process: InProcessRig, seed: int, ticks: int = 3) -> list[int]:
    """From joint states to the control tick that answers them, for some ticks of an episode."""
    process.reset(seed)
    found = []
    for _ in range(ticks):
        sensed_ns = process.stamp_ns
        found.append(process.tick().stamp_ns - sensed_ns)
        assert process.stamp_ns - sensed_ns == PERIOD_NS
    return found


def test_a_tick_answers_joint_states_that_are_older_but_newer_than_a_period() -> None:
    process = InProcessRig(SimRig(RIG))
    for seed in range(10):
        assert all(0 < delay < PERIOD_NS for delay in delays_ns(process, seed))


def test_the_delay_stays_within_an_episode_and_is_the_same_for_the_same_seed() -> None:
    process = InProcessRig(SimRig(RIG))
    first = delays_ns(process, seed=4)
    assert len(set(first)) == 1
    delays_ns(process, seed=5)
    assert delays_ns(process, seed=4) == first


def test_episodes_meet_every_delay_that_there_is() -> None:
    process = InProcessRig(SimRig(RIG))
    assert {delays_ns(process, seed, ticks=1)[0] for seed in range(40)} == {n * SLICE_NS for n in ACTS_AFTER}
