"""What of a takeover can be measured in one process: the step at a hand-over, silence, and faults under audit."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority, CommandMode, RequestKind
from aloe_sim.faults.fault_trials import Outcome, fault_trial
from aloe_sim.faults.kinds import KINDS, Fault
from aloe_sim.faults.trial import Trial

AFTER_TICKS = 15  # a hand-over is over by then
LONGEST_TICKS = 200


@dataclass(frozen=True)
class Handover:
    """One takeover and hand-back of one arm: largest velocity steps, in shares of the acceleration limit per tick."""

    take: float
    release: float
    steps: np.ndarray  # of all ticks, for the picture


def variants(rig: Rig, seed: int) -> Rig:
    """Both action spaces and both rules for the other arms, in turn."""
    space = ("ee_pose", "joint_position")[seed % 2]
    others = ("continue", "hold")[seed // 2 % 2]
    return replace(rig, action_space=space, takeover=replace(rig.takeover, other_arms=others))


def handovers(rig: Rig, number: int) -> list[Handover]:
    """Take arms over in full motion and give them back, at random moments, with devices of every kind."""
    return [handover for seed in range(number) for handover in _handover(variants(rig, seed), seed)]


def _handover(rig: Rig, seed: int) -> Iterator[Handover]:
    trial = Trial(rig, seed)
    trial.run(2)
    trial.arm()
    trial.run(int(trial.rng.integers(30, 80)))
    arms = [list(trial.hands)[:1], list(trial.hands)[-1:], list(trial.hands)][seed % 3]
    taken = len(trial.results)
    trial.take(*arms)
    trial.run(int(trial.rng.integers(20, 80)))
    released = len(trial.results)
    trial.ask(RequestKind.RELEASE, *arms)
    trial.run(60)
    for arm in arms:
        steps = _velocity_steps(trial, arm)
        sources = _sources(trial, arm)
        resumed = released + int(np.argmax(sources[released:] == Authority.POLICY))
        if Authority.HUMAN not in sources or sources[resumed] != Authority.POLICY:
            raise RuntimeError(f"hand-over {seed}: '{arm}' was not taken, or not given back")
        release = steps[released : resumed + AFTER_TICKS]
        yield Handover(float(steps[taken : taken + AFTER_TICKS].max()), float(release.max()), steps)


def _sources(trial: Trial, arm: str) -> np.ndarray:
    index = [a.name for a in trial.rig.arms].index(arm)
    return np.array([result.arms[index].source for result in trial.results])


def _velocity_steps(trial: Trial, arm: str) -> np.ndarray:
    """Per tick: largest change of a joint's velocity, over what its acceleration limit allows in a tick."""
    index = [a.name for a in trial.rig.arms].index(arm)
    rate_hz = trial.rig.rate_hz
    path = np.array([result.arms[index].executed for result in trial.results])
    limits = np.array([joint.max_acceleration for joint in trial.rig.arm(arm).all_joints]) / rate_hz**2
    shares = np.abs(np.diff(path, n=2, axis=0)) / limits
    return np.concatenate(([0.0, 0.0], shares.max(axis=1)))


def silences(rig: Rig, number: int) -> dict[str, int]:
    """By fault: most ticks from the moment at which data is too old, or wrong, to the first tick in which arms hold."""
    camera = rig.cameras[0].name
    arm = rig.arms[0].name
    faults = [Fault("drop", camera, 1.0), Fault("camera_freeze", camera), Fault("camera_stuck", camera)]
    faults += [Fault("drop", arm, 1.0), Fault("nan_joints", arm), Fault("kill", "teleop_node")]
    faults += [Fault("nan_command", arm), Fault("jump_command", arm)]
    return {str(fault): max(_silence(rig, fault, seed) for seed in range(number)) for fault in faults}


def _silence(rig: Rig, fault: Fault, seed: int) -> int:
    trial = Trial(variants(rig, seed), seed)
    arm = rig.arms[0].name
    trial.run(2)
    trial.arm()
    trial.run(int(trial.rng.integers(20, 50)))
    trial.take(arm)
    while fault.kind == "jump_command" and trial.hands[arm].mode is CommandMode.EE_TWIST:
        trial.take(arm)  # a velocity does not leap from place to place
    trial.run(int(trial.rng.integers(10, 40)))
    trial.begin(fault)
    limit_ns = ticks = 0
    while ticks < LONGEST_TICKS:
        limit_ns = _limit_ns(trial, fault, arm) or limit_ns
        trial.run(1)
        ticks += trial.results[-1].stamp_ns > limit_ns
        if trial.results[-1].arms[0].source is Authority.HOLD:
            return ticks
    raise RuntimeError(f"{fault}: '{arm}' does not hold")


def _limit_ns(trial: Trial, fault: Fault, arm: str) -> int:
    """When data becomes too old; now, if it is wrong."""
    if fault.kind in ("nan_command", "jump_command"):
        return trial.now_ns
    if fault.kind == "kill":
        return trial.loop.audit.hand_good_until_ns(arm)
    return trial.loop.audit.stream_good_until_ns(fault.target)


def faults(rig: Rig, number: int) -> list[Outcome]:
    """Every kind of fault, `number` times each."""
    return [fault_trial(variants(rig, seed), kind, seed) for kind in KINDS for seed in range(number)]
