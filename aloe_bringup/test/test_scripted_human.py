"""The scripted human with the real control loop and the simulated rig, in one process."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aloe_control.human_commands import HumanCommand
from aloe_control.takeover import Request, RequestKind
from aloe_control.tick import TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import load_rig
from aloe_sim.experts import make_expert
from aloe_sim.in_process import InProcessRig
from aloe_sim.onlooker import look
from aloe_sim.sim_rig import SimRig
from aloe_teleop.device import ArmView, Authority, JointReading, TaskView, View
from aloe_teleop.devices.scripted import ScriptedConfig, ScriptedHuman
from aloe_teleop.station import Outcome, Station

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
OPERATOR, HORIZON, CHUNK_TICKS, LOOK_TICKS = "scripted", 50, 25, 5
Policy = Callable[[], NDArray[np.float32]]


class Rollout:
    """Policy, scripted human and rig; what a teleop_node and a sim_node would pass on."""

    def __init__(self, seed: int, **config: object) -> None:
        self.process = InProcessRig(SimRig(RIG))
        self.process.reset(seed)
        self.sim, self.control = self.process.sim, self.process.control
        self.expert = make_expert(self.sim)  # whom the human has learnt from
        self.human = ScriptedHuman("human", ScriptedConfig(**config), RIG)  # type: ignore[arg-type]
        self.station = Station({"human": self.human}, RIG)
        self.asked: list[tuple[str, tuple[str, ...], str]] = []
        self.ticks: list[TickResult] = []
        self.verdict = ""
        self._chunk: Chunk | None = None
        self._task: TaskView | None = None

    def run(self, policy: Policy, seconds: float) -> bool:
        """Until success, a verdict or the end of time."""
        for tick in range(round(seconds * RIG.rate_hz)):
            if tick % CHUNK_TICKS == 0:
                with contextlib.suppress(RuntimeError):  # nobody listens to it while a person has both arms
                    self.process.offer(policy(), "policy")
            if tick % LOOK_TICKS == 0:
                self._look()
            self._pass_on(self.station.poll(self.process.stamp_ns, self._view()))
            self.ticks.append(self.process.tick())
            if self.sim.task.success(self.sim.data) or self.verdict:
                break
        return self.sim.task.success(self.sim.data)

    def sources(self, arm: str) -> list[int]:
        index = [a.name for a in RIG.arms].index(arm)
        return [int(tick.arms[index].source) for tick in self.ticks]

    def _look(self) -> None:
        seen, stamp_ns = look(self.sim, self.expert), self.process.stamp_ns
        self._task = TaskView(stamp_ns, "sorting", seen.progress, seen.success, seen.failure, seen.trouble, seen.arms)
        rows = self.expert.chunk(CHUNK_TICKS, executed=LOOK_TICKS)
        self._chunk = Chunk(stamp_ns, len(self.ticks) + 1, rows, "expert", 0, RIG.rate_hz)

    def _view(self) -> View:
        holds = {arm.name: self.control.authority(arm.name) for arm in RIG.arms}
        return View(
            operator=OPERATOR,
            armed=self.control.armed,
            arms={name: ArmView(Authority(h.authority), h.operator, h.since_ns, h.reason) for name, h in holds.items()},
            joints={
                a.name: JointReading(self.process.stamp_ns, a.joint_names, list(self.sim.joint_positions(a.name)))
                for a in RIG.arms
            },
            episode_id="ep_0000",
            task=self._task,
            expert=self._chunk,
        )

    def _pass_on(self, outcome: Outcome) -> None:
        now_ns = self.process.stamp_ns
        for asked in outcome.asked:
            request = asked.request
            self.asked.append((request.ask.name, request.arms, request.reason))
            kind = RequestKind(request.ask)
            asking = Request(kind, request.arms, now_ns, OPERATOR, asked.device, request.reason)
            assert self.control.request(asking, now_ns) == ""
        for arm, c in outcome.commands.items():
            command = HumanCommand(
                arm, now_ns, len(self.ticks), OPERATOR, int(c.mode), c.relative, c.deadman, c.data, "rig"
            )
            assert self.control.set_human(command, now_ns) == ""
        self.verdict = outcome.verdict[2]


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
    assert 15 <= human[0] <= 15 + LOOK_TICKS + 2
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
