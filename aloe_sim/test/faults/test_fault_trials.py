"""The whole of control in one process, under every kind of fault: no tick is unsafe."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_control.chunk_executor import ChunkExecutor
from aloe_control.human_commands import CommandGuard
from aloe_control.human_motion import HumanMotion
from aloe_control.limiter import JointLimiter, Limited
from aloe_control.takeover import Takeover
from aloe_control.watchdog import Watchdog
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority
from aloe_sim.faults.fault_trials import fault_trial, random_fault
from aloe_sim.faults.kinds import KINDS, parse_fault
from aloe_sim.faults.trial import Trial

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_no_tick_is_unsafe_under_a_fault(kind):
    rig = replace(RIG, action_space="joint_position")
    outcomes = [fault_trial(rig, kind, 0), fault_trial(RIG, kind, 1)]
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


def test_a_simulated_hand_sends_only_what_the_loop_takes():
    for seed in range(12):
        trial = Trial(RIG, seed)
        trial.run(2)
        assert trial.arm()
        trial.run(30)
        trial.take()
        trial.run(30)
        assert [arm.source for arm in trial.results[-1].arms] == [Authority.HUMAN, Authority.HUMAN], seed


def test_every_kind_is_drawn_as_it_could_be_written():
    rng = np.random.default_rng(0)
    for kind in KINDS:
        assert parse_fault(str(random_fault(kind, RIG, rng)), RIG).kind == kind


def found(kind: str, seeds: int = 20) -> list[str]:
    """What the auditor says of some trials; the first that is unsafe ends them."""
    rig = replace(RIG, action_space="joint_position")
    for seed in range(seeds):
        if unsafe := fault_trial(rig, kind, seed).unsafe:
            return [str(item) for item in unsafe]
    return []


FOLLOW = ChunkExecutor.follow


@pytest.mark.parametrize(
    ("kind", "where", "name", "broken", "words"),
    [
        ("nan_joints", Watchdog, "problems", lambda *_: [], "silent, frozen or spoilt"),
        ("camera_freeze", Watchdog, "problems", lambda *_: [], "silent, frozen or spoilt"),
        ("stall", HumanMotion, "problem", lambda *_: "", "no good command has come"),
        ("shuffled_commands", CommandGuard, "_check_time", lambda *_: None, "hand"),
        ("late_chunk", ChunkExecutor, "_check_time", lambda *_: None, "chunk"),
        ("kill", ChunkExecutor, "follow", lambda self, arm, _: FOLLOW(self, arm, 0), "before the policy's turn"),
        ("kill", Takeover, "_take_or_hold", lambda *_: None, "POLICY commands"),
        ("jump_command", JointLimiter, "step", lambda self, q: Limited(q, np.zeros((4, len(q)), bool)), "limit"),
    ],
)
def test_a_loop_that_lacks_a_safeguard_is_found_out(monkeypatch, kind, where, name, broken, words):
    monkeypatch.setattr(where, name, broken)
    assert any(words in text for text in found(kind))
