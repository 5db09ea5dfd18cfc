"""A fault of a kind, at a random moment of a random run, and what the auditor found."""

from dataclasses import dataclass

import numpy as np

from aloe_control.audit_findings import Unsafe
from aloe_data.rig import Rig
from aloe_sim.faults.kinds import KINDS, Fault, Means
from aloe_sim.faults.mail import PROCESSES
from aloe_sim.faults.trial import Trial

_SCALED = ("drop", "delay", "late_chunk", "late_command", "clock_jump")  # kinds whose value varies


@dataclass(frozen=True)
class Outcome:
    """What came of one trial."""

    fault: Fault
    ticks: int
    unsafe_ticks: int
    unsafe: tuple[Unsafe, ...]


def random_fault(kind: str, rig: Rig, rng: np.random.Generator) -> Fault:
    """A fault of a kind, with a target and a value drawn at random."""
    cameras = [camera.name for camera in rig.cameras]
    arms = [arm.name for arm in rig.arms]
    valid = {"camera": cameras, "arm": arms, "stream": [*cameras, *arms], "": [""]}
    target = str(rng.choice(valid.get(KINDS[kind].target, list(PROCESSES))))
    value = KINDS[kind].value or 0.0
    if kind in _SCALED:
        value *= rng.uniform(0.1, 1.0)
    if kind == "clock_jump":
        value *= rng.choice([-1.0, 1.0])
    return Fault(kind, target, float(value))


def fault_trial(rig: Rig, kind: str, seed: int) -> Outcome:
    """Run, break something, mend it, arm again where that is needed, and go on.

    Raises:
        RuntimeError: the rig could not be armed at the start.
    """
    trial = Trial(rig, seed)
    trial.run(2)
    if not trial.arm():
        raise RuntimeError(f"trial {seed} could not be armed")
    trial.run(int(trial.rng.integers(20, 60)), trial.wander)
    fault = random_fault(kind, rig, trial.rng)
    if fault.means is Means.MESSAGES and fault.target:  # it means little to an arm that nobody has in hand
        trial.arm()
        trial.take(fault.target)
        trial.run(int(trial.rng.integers(5, 40)))
    trial.begin(fault)
    trial.run(int(trial.rng.integers(5, 60)), trial.wander)
    if fault.lasting:
        trial.end(fault)
    trial.run(20, trial.wander)
    if not trial.loop.armed:
        trial.arm()
    trial.run(30, trial.wander)
    audit = trial.loop.audit
    return Outcome(fault, audit.ticks, audit.unsafe_ticks, tuple(audit.unsafe))
