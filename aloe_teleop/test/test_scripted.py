from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aloe_data.chunk import Chunk
from aloe_data.config import ConfigError
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Authority, RequestKind, Verdict
from aloe_teleop.device import ArmView, JointReading, Request, Sample, TaskView, View
from aloe_teleop.devices.scripted import ScriptedConfig, ScriptedHuman

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")
LEFT, RIGHT = (arm.name for arm in RIG.arms)
MS, S = 1_000_000, 1_000_000_000
HUMAN = ArmView(Authority.HUMAN, "me")
CALM = TaskView(S, "sorting", 0.0, False, "", "", (RIGHT,))
DROPPED = replace(CALM, trouble="the cube was dropped")


class Watch:
    """Polls a scripted human at 50 Hz and grants what it asks for."""

    def __init__(self, **config: object) -> None:
        self.human = ScriptedHuman("human", ScriptedConfig(**config), RIG)  # type: ignore[arg-type]
        self.now_ns, self.grants, self.returns = S, True, True
        self.held: set[str] = set()
        self.unheld = ArmView(Authority.POLICY)
        self.episode, self.armed, self.estop = "ep_0000", True, False

    def poll(self, task: TaskView, seconds: float = 0.02) -> list[Sample]:
        samples = []
        for _ in range(round(seconds * 50)):
            self.now_ns += 20 * MS
            samples.append(self.human.poll(self.now_ns, self._view(task)))
            for request in samples[-1].requests:
                if self.grants and request.kind is RequestKind.TAKE:
                    self.held |= set(request.arms)
                elif self.returns and request.kind is RequestKind.RELEASE:
                    self.held -= set(request.arms)
        return samples

    def asked(self, task: TaskView, seconds: float) -> list[Request]:
        return [request for sample in self.poll(task, seconds) for request in sample.requests]

    def _view(self, task: TaskView) -> View:
        return View(
            operator="me",
            armed=self.armed,
            estop=self.estop,
            arms={name: HUMAN if name in self.held else self.unheld for name in (LEFT, RIGHT)},
            joints={arm.name: JointReading(self.now_ns, arm.joint_names, arm.home) for arm in RIG.arms},
            episode_id=self.episode,
            task=replace(task, stamp_ns=self.now_ns),
            expert=Chunk(self.now_ns, 1, np.zeros((5, RIG.action_dim), np.float32), "expert", 1, RIG.rate_hz),
        )


def test_it_takes_the_needed_arm_after_its_reaction_time_with_the_trouble_as_reason() -> None:
    watch = Watch(reaction_s=0.4)
    assert watch.asked(CALM, 1.0) == []
    assert watch.asked(DROPPED, 0.4) == []
    assert watch.asked(DROPPED, 0.1) == [Request(RequestKind.TAKE, (RIGHT,), "the cube was dropped")]
    commands = watch.poll(DROPPED)[-1].commands
    assert commands[RIGHT].deadman and not commands[LEFT].deadman


def test_trouble_that_mends_itself_in_time_is_left_alone() -> None:
    watch = Watch(reaction_s=0.4)
    assert watch.asked(DROPPED, 0.3) + watch.asked(CALM, 0.1) + watch.asked(DROPPED, 0.3) == []


def test_it_hands_back_when_there_is_progress_and_no_trouble() -> None:
    watch = Watch()
    watch.asked(DROPPED, 1.0)
    assert watch.asked(CALM, 1.0) == [], "the trouble is out of sight, but nothing is won yet"
    assert watch.asked(replace(DROPPED, progress=0.5), 1.0) == [], "there is more trouble"
    (request,) = watch.asked(replace(CALM, progress=1.0), 1.0)
    assert (request.kind, request.arms, request.if_held) == (RequestKind.RELEASE, (RIGHT,), True)
    assert not any(command.deadman for command in watch.poll(CALM)[-1].commands.values())


def test_a_little_progress_is_not_enough_to_hand_back_but_keeps_its_patience() -> None:
    watch = Watch(give_up_s=5.0)
    watch.asked(DROPPED, 1.0)
    for progress in (0.03, 0.06, 0.1):  # of a cloth that is lifted, say
        assert watch.asked(replace(CALM, progress=progress), 4.0) == []
    (request,) = watch.asked(replace(CALM, progress=0.3), 1.0)
    assert (request.kind, request.reason) == (RequestKind.RELEASE, "the trouble is over")


def test_it_holds_on_until_the_hand_back_has_come_through_and_asks_again_if_it_does_not() -> None:
    watch = Watch()
    watch.asked(DROPPED, 1.0)
    watch.returns = False
    samples = watch.poll(replace(CALM, progress=1.0), 1.5)
    asked = [request for sample in samples for request in sample.requests]
    assert [(r.kind, r.arms, r.reason) for r in asked] == [(RequestKind.RELEASE, (RIGHT,), "the trouble is over")] * 2
    assert all(sample.commands[RIGHT].deadman for sample in samples)


def test_it_finishes_the_task_when_it_hands_nothing_back() -> None:
    watch = Watch(hand_back=False)
    watch.asked(DROPPED, 1.0)
    assert watch.asked(replace(CALM, progress=0.5), 5.0) == []
    assert watch.poll(replace(CALM, progress=1.0, success=True))[-1].commands[RIGHT].deadman


def test_it_takes_another_arm_along_when_that_is_needed_too() -> None:
    watch = Watch()
    watch.asked(DROPPED, 1.0)
    assert [r.arms for r in watch.asked(replace(DROPPED, arms=(LEFT, RIGHT)), 1.0)] == [(LEFT,)]
    assert watch.held == {LEFT, RIGHT}


def test_an_arm_that_is_not_given_is_not_waited_for() -> None:
    watch = Watch(reaction_s=0.0)
    watch.grants = False
    asked = watch.asked(DROPPED, 1.5)
    assert [r.kind for r in asked] == [RequestKind.TAKE, RequestKind.RELEASE, RequestKind.TAKE]
    assert "not all arms were given" in asked[1].reason


def test_when_an_arm_is_taken_away_it_lets_go_of_the_others() -> None:
    watch = Watch()
    watch.asked(replace(DROPPED, arms=(LEFT, RIGHT)), 1.0)
    watch.held.discard(LEFT)
    asked = watch.asked(CALM, 0.1)
    assert [r.kind for r in asked] == [RequestKind.RELEASE]
    assert "taken away" in asked[0].reason


def test_an_arm_that_holds_after_it_was_lost_goes_back_to_the_policy() -> None:
    watch = Watch()
    watch.asked(DROPPED, 1.0)
    watch.held.clear()
    watch.unheld = ArmView(Authority.HOLD, since_ns=watch.now_ns, reason="the device is silent")
    assert [r.reason for r in watch.asked(CALM, 0.8)] == ["an arm was taken away"]
    (request,) = watch.asked(CALM, 1.0)
    assert (request.kind, request.arms, request.reason) == (
        RequestKind.RELEASE,
        (RIGHT,),
        "holds: the device is silent",
    )


def test_a_new_episode_finds_it_with_empty_hands() -> None:
    watch = Watch(max_takeovers=1)
    watch.asked(DROPPED, 1.0)
    watch.held.clear()
    watch.episode = ""
    assert not any(command.deadman for command in watch.poll(DROPPED, 1.0)[-1].commands.values())
    watch.episode = "ep_0001"
    assert [r.kind for r in watch.asked(DROPPED, 1.0)] == [RequestKind.TAKE], "takeovers count per episode"


def test_where_asked_it_tries_the_emergency_stop_once_and_says_ready_for_every_episode() -> None:
    watch = Watch(tries_stop=True, says_ready=True)
    watch.episode, watch.armed = "", False
    assert {r.kind for r in watch.asked(CALM, 1.5)} == {RequestKind.ESTOP}
    watch.estop = True
    assert {r.kind for r in watch.asked(CALM, 1.5)} == {RequestKind.RESET}
    watch.estop = False
    assert watch.asked(CALM, 1.5) == [], "no episode waits"
    for watch.episode in ("ep_0000", "ep_0001"):
        watch.armed = False
        assert {r.kind for r in watch.asked(CALM, 2.5)} == {RequestKind.READY}
        watch.armed = True
        assert watch.asked(CALM, 1.0) == []
    plain = Watch()
    plain.armed = False
    assert plain.asked(CALM, 2.0) == [], "in simulation nobody waits for it"


def test_it_takes_over_no_more_often_than_it_may() -> None:
    watch = Watch(max_takeovers=1, give_up_s=1.0)
    assert [r.kind for r in watch.asked(DROPPED, 5.0)] == [RequestKind.TAKE, RequestKind.RELEASE]


@pytest.mark.parametrize(("skill", "patience_s"), [(1.0, 15.0), (0.0, 3.0)])
def test_it_sees_soon_that_its_grip_has_failed_and_hands_back(skill: float, patience_s: float) -> None:
    watch = Watch(skill=skill)
    watch.asked(DROPPED, 1.0)
    assert watch.asked(DROPPED, patience_s - 1.0) == []
    (request,) = watch.asked(DROPPED, 0.5)
    assert (request.kind, request.reason) == (RequestKind.RELEASE, f"no progress in human hands for {patience_s:g} s")


def test_it_says_once_that_a_task_cannot_be_mended() -> None:
    watch = Watch()
    verdicts = [s for s in watch.poll(replace(DROPPED, arms=()), 2.0) if s.verdict]
    assert [(s.verdict, s.reason) for s in verdicts] == [
        (Verdict.FAILURE, "the cube was dropped; this cannot be mended")
    ]


def test_without_a_view_of_the_task_it_counts_as_absent() -> None:
    human = ScriptedHuman("human", ScriptedConfig(), RIG)
    assert "/sim/task_state" in human.poll(S, View(armed=True, episode_id="ep_0000")).problem
    sample = human.poll(S, View(task=replace(CALM, stamp_ns=-S)))
    assert "2.0 s old" in sample.problem and not sample.commands
    assert human.poll(S, View(task=CALM)).problem == ""
    assert "expert" in human.refusal(RIG.arm(LEFT), S, View(task=CALM))


def test_a_rig_whose_actions_are_no_poses_is_refused() -> None:
    with pytest.raises(ConfigError, match="ee_pose"):
        ScriptedHuman("human", ScriptedConfig(), replace(RIG, action_space="joint_position"))


def test_a_joint_state_that_is_no_number_is_a_problem_and_not_its_end() -> None:
    watch = Watch()
    view = watch._view(CALM)
    broken = JointReading(watch.now_ns, RIG.arms[0].joint_names, (float("nan"),) * RIG.arms[0].dof)
    sample = watch.human.poll(watch.now_ns, replace(view, joints={LEFT: broken}))
    assert "is not a number" in sample.problem and not sample.requests
    assert not watch.poll(CALM)[0].problem
