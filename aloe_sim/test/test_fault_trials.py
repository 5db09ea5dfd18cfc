"""The whole of control in one process, under every kind of fault: no tick is unsafe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_control.authority import Authority
from aloe_data.rig import load_rig
from aloe_sim.fault_trials import fault_trial, random_fault
from aloe_sim.faults import KINDS, parse_fault
from aloe_sim.trial import Trial

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_no_tick_is_unsafe_under_a_fault(kind):
    rig = replace(RIG, action_space="joint_position")
    outcomes = [fault_trial(rig, kind, seed) for seed in range(2)] + [fault_trial(RIG, kind, 2)]
    assert [str(unsafe) for outcome in outcomes for unsafe in outcome.unsafe] == []
    assert sum(outcome.ticks for outcome in outcomes) > 100


def test_a_trial_without_a_fault_has_all_that_a_rollout_has():
    sources = set()
    for seed in range(3):
        trial = Trial(RIG, seed)
        trial.run(2)
        assert trial.arm()
        trial.run(150, trial.wander)
        assert trial.loop.audit.unsafe == []
        sources |= {arm.source for result in trial.results for arm in result.arms}
    assert sources == set(Authority)


def test_every_kind_is_drawn_as_it_could_be_written():
    rng = np.random.default_rng(0)
    for kind in KINDS:
        assert parse_fault(str(random_fault(kind, RIG, rng)), RIG).kind == kind
