"""The scripted human with the real control loop and the simulated rig, in one process."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_control.tick import TickResult
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.assisted import ASSESS_TICKS, AssistedRig
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks.registry import make_expert
from aloe_teleop.devices.scripted import ScriptedConfig

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
HORIZON, CHUNK_TICKS = 50, 25
Policy = Callable[[], NDArray[np.float32]]


class Rollout:
    """A policy, a scripted human and the rig."""

    def __init__(self, seed: int, **config: object) -> None:
        self.process = InProcessRig(SimRig(RIG))
        self.process.reset(seed)
        self.sim = self.process.sim
        self.expert = make_expert(self.sim)
        self.person = AssistedRig(self.process, ScriptedConfig(**config))  # type: ignore[arg-type]
        self.person.begin("ep_0000", seed=0)
        self.ticks: list[TickResult] = []
        self.verdict = ""

    @property
    def asked(self) -> list[tuple[str, tuple[str, ...], str]]:
        return [(a.request.kind.name, a.request.arms, a.request.reason) for a in self.person.asked]

    def run(self, policy: Policy, seconds: float) -> bool:
        """Until success, a verdict or the end of time."""
        for tick in range(round(seconds * RIG.rate_hz)):
            if tick % CHUNK_TICKS == 0:
                with contextlib.suppress(RuntimeError):  # nobody listens to it while a person has both arms
                    self.process.offer(policy(), "policy")
            _, self.verdict = self.person.poll()
            self.ticks.append(self.process.tick())
            if self.sim.task.success(self.sim.data) or self.verdict:
                break
        return self.sim.task.success(self.sim.data)

    def sources(self, arm: str) -> list[int]:
        index = [a.name for a in RIG.arms].index(arm)
        return [int(tick.arms[index].source) for tick in self.ticks]


def standing_still(rollout: Rollout) -> Policy:
    rows = rollout.expert.chunk(1, executed=1)
    return lambda: np.repeat(rows, HORIZON, axis=0)


def getting_on(rollout: Rollout) -> Policy:
    expert = make_expert(rollout.sim)
    return lambda: expert.chunk(HORIZON, executed=CHUNK_TICKS)


def drop(rollout: Rollout, cube: int, xyz: tuple[float, float, float]) -> None:
    rollout.sim.data.joint(f"cube{cube}").qpos[:3] = xyz


def test_a_policy_that_stands_still_is_relieved_of_both_arms_by_hands_that_tremble() -> None:
    rollout = Rollout(3, still_s=1.0, hand_back=False, noise_m=0.004)
    assert rollout.run(standing_still(rollout), 20.0)
    assert rollout.asked == [("TAKE", ("left_arm", "right_arm"), "the arms stand still for 1 s")]
    assert not any(tick.fault for tick in rollout.ticks)
    for arm in RIG.arms:
        assert rollout.sources(arm.name)[-1] == Authority.HUMAN


def test_a_dropped_cube_is_picked_up_after_the_reaction_time_and_the_arm_handed_back_while_the_other_goes_on() -> None:
    rollout = Rollout(0, reaction_s=0.3)
    rollout.sim.data.joint("cube0").qpos[:3] = (0.49, -0.05, 0.02)
    assert rollout.run(getting_on(rollout), 20.0)
    (take, arms, reason), (release, released, why) = rollout.asked
    assert (take, arms) == ("TAKE", ("right_arm",)) and "was dropped" in reason
    assert (release, released, why) == ("RELEASE", arms, "the trouble is over")
    sources = rollout.sources("right_arm")
    human = [tick for tick, source in enumerate(sources) if source == Authority.HUMAN]
    assert 15 <= human[0] <= 15 + ASSESS_TICKS + 2
    assert human == list(range(human[0], human[0] + len(human)))
    assert Authority.POLICY in sources[human[-1] :], "the policy has it again"
    assert Authority.HUMAN not in rollout.sources("left_arm")


def test_a_policy_that_gets_on_is_left_alone() -> None:
    rollout = Rollout(2)
    assert rollout.run(getting_on(rollout), 20.0)
    assert rollout.asked == []


def test_hands_without_skill_do_not_finish_the_task() -> None:
    rollout = Rollout(0, still_s=0.5, skill=0.0, give_up_s=3.0, hand_back=False)
    assert not rollout.run(standing_still(rollout), 20.0)
    assert rollout.verdict == "no progress in human hands for 3 s"
