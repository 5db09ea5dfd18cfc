"""A person made of rules, for simulated rigs: watches the task, takes over where the policy fails, and hands back."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np

from aloe_data.codecs import CodecError
from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS, Authority, RequestKind, Verdict
from aloe_teleop.attention import RISE, Attention
from aloe_teleop.device import Array, Inputs, Request, Sample, TaskView, View
from aloe_teleop.expert_hand import ExpertHand

TASK_MAX_AGE_S: Final = 1.0
HELPED: Final = 0.2  # of the task: less was won since the takeover than arms are handed back for
GRANT_S: Final = 1.0  # arms that were not given by then will not be


@dataclass(frozen=True)
class ScriptedConfig:
    """How this person watches and works."""

    arms: tuple[str, ...] = parameter((), doc="arms that it may take, none named: all; it takes those that are needed")
    reaction_s: float = parameter(0.4, unit="s", low=0.0, high=5.0, doc="from a reason to step in to asking for arms")
    stall_s: float = parameter(20.0, unit="s", low=0.5, high=600.0, doc="steps in without progress for so long")
    still_s: float = parameter(4.0, unit="s", low=0.5, high=600.0, doc="steps in when the arms stand still for so long")
    give_up_s: float = parameter(15.0, unit="s", low=0.5, high=600.0, doc="ends an attempt that brings no progress")
    skill: float = parameter(1.0, low=0.0, high=1.0, doc="share of takeovers that go well; in others the grip fails")
    fumble_s: float = parameter(3.0, unit="s", low=0.5, high=600.0, doc="ends an attempt whose grip fails")
    noise_m: float = parameter(0.002, unit="m", low=0.0, high=0.05, doc="tremor of the hands (std)")
    hand_back: bool = parameter(True, doc="give the arms back when the trouble is over; false: finish the task")
    max_takeovers: int = parameter(5, low=0, high=1000, doc="per episode")
    seed: int = parameter(0, low=0, doc="of tremor and failing grips")
    tries_stop: bool = parameter(False, doc="presses the emergency stop once and resets it, before the first episode")
    says_ready: bool = parameter(False, doc="says ready while an episode waits for it, as a real rig's episodes do")


class Phase(Enum):
    """What the person is doing."""

    WATCHING = "looks on"
    ASKING = "has asked for arms"
    WORKING = "has them"
    RETURNING = "has handed them back, and holds on until that is done"


class ScriptedHuman:
    """See `ScriptedConfig`. It knows only what its view holds, so it works as well without ROS.

    Args:
        name: Name of the device.
        config: Parameters of how it watches and works.
        rig: Simulated rig whose actions are poses.

    Raises:
        ConfigError: the rig's actions are no poses.
        RigError: the rig has no such arm.
    """

    asks = True
    stops = False
    inputs = Inputs(task=True)

    def __init__(self, name: str, config: ScriptedConfig, rig: Rig) -> None:
        if rig.action_space != "ee_pose":
            raise ConfigError(f"{name}: the expert speaks ee_pose, the rig's action_space is {rig.action_space}")
        self.arms = tuple(rig.arm(arm).name for arm in config.arms) or tuple(arm.name for arm in rig.arms)
        self._name = name
        self._config = config
        self._attention = Attention(config.stall_s, config.still_s)
        self._hand = ExpertHand(rig, self.arms, config.noise_m)
        self._rng = np.random.default_rng(config.seed)
        self._episode_id = ""
        self._asked_ns = 0
        self._stop_pressed = False
        self._stop_tried = not config.tries_stop
        self._begin(0)

    def poll(self, now_ns: int, view: View) -> Sample:
        """See `Device.poll`."""
        if problem := _blindness(now_ns, view.task):
            self._begin(now_ns)
            return Sample(problem=f"{self._name}: {problem}")
        assert view.task is not None, "checked above"
        try:
            poses = self._hand.poses(view)
        except CodecError as error:
            return Sample(problem=f"{self._name}: {error}")
        tools = {arm: pose[:3] for arm, pose in poses.items()}
        if view.episode_id != self._episode_id or not view.armed:
            self._episode_id = view.episode_id
            self._takeovers = 0
            self._judged = False
            self._touched = set[str]()
            self._begin(now_ns)
        if not view.armed:
            requests = self._prepare(now_ns, view)
            verdict = ""
        elif self._episode_id:
            requests, verdict = self._decide(now_ns, view, view.task, tools)
        else:
            requests = ()
            verdict = ""
        commands = self._hand.commands(now_ns, view, poses, self._taken)
        return Sample(commands, requests, Verdict.FAILURE if verdict else Verdict.NONE, verdict)

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """See `Device.refusal`."""
        reason = self._hand.refusal(now_ns, view)
        return f"{self._name}: {reason}" if reason else ""

    def close(self) -> None:
        """See `Device.close`: it has nothing."""

    def _begin(self, now_ns: int) -> None:
        """Empty hands and fresh patience."""
        self._phase = Phase.WATCHING
        self._taken = tuple[str, ...]()
        self._reason_ns: int | None = None
        self._attention.begin(now_ns)

    def _prepare(self, now_ns: int, view: View) -> tuple[Request, ...]:
        """What a person does before motion: tries the emergency stop once, then says ready for each episode."""
        self._stop_pressed = self._stop_pressed or view.estop
        self._stop_tried = self._stop_tried or (self._stop_pressed and not view.estop)
        if self._stop_tried and not (self._config.says_ready and self._episode_id):
            return ()
        if now_ns - self._asked_ns < GRANT_S * NS:
            return ()  # what was asked for last may be on its way
        self._asked_ns = now_ns
        if self._stop_tried:
            return (Request(RequestKind.READY, (), "the scene is ready"),)
        if view.estop:
            return (Request(RequestKind.RESET, (), "the emergency stop works"),)
        return (Request(RequestKind.ESTOP, (), "to try the emergency stop"),)

    def _decide(
        self, now_ns: int, view: View, task: TaskView, tools: dict[str, Array]
    ) -> tuple[tuple[Request, ...], str]:
        """What to ask for, and the reason of a verdict "failure"."""
        if task.success or task.failure or self._judged:
            return (), ""
        if self._phase is Phase.WATCHING:
            stuck = self._free(now_ns, view)
            return (stuck, "") if stuck else self._watch(now_ns, task, tools)
        if self._phase is Phase.ASKING:
            return self._wait(now_ns, view), ""
        if self._phase is Phase.RETURNING:
            return self._return(now_ns, view), ""
        return self._work(now_ns, view, task)

    def _free(self, now_ns: int, view: View) -> tuple[Request, ...]:
        """Arms that it had and that hold since it lost them (late commands, a fault) go back to the policy."""
        known = [arm for arm in self.arms if arm in self._touched and arm in view.arms]
        holding = [arm for arm in known if view.arms[arm].authority is Authority.HOLD]
        stuck = tuple(arm for arm in holding if now_ns - view.arms[arm].since_ns > GRANT_S * NS)
        if not stuck or now_ns - self._asked_ns < GRANT_S * NS:
            return ()
        self._asked_ns = now_ns
        return (Request(RequestKind.RELEASE, stuck, f"holds: {view.arms[stuck[0]].reason}"),)

    def _watch(self, now_ns: int, task: TaskView, tools: dict[str, Array]) -> tuple[tuple[Request, ...], str]:
        reason = self._attention.reason(now_ns, task, tools)
        if not reason or self._takeovers >= self._config.max_takeovers:
            self._reason_ns = None
            return (), ""
        if self._reason_ns is None:
            self._reason_ns = now_ns
        if now_ns - self._reason_ns < self._config.reaction_s * NS:
            return (), ""
        needed = self._needed(task)
        if not needed:
            self._judged = True
            return (), f"{reason}; this cannot be mended"
        self._takeovers += 1
        self._progress_before = task.progress
        self._hand.begin(self._rng, fumbles=bool(self._rng.random() >= self._config.skill))
        self._progress = task.progress
        self._progress_ns = now_ns
        return self._ask(now_ns, needed, reason), ""

    def _ask(self, now_ns: int, arms: tuple[str, ...], reason: str) -> tuple[Request, ...]:
        self._phase = Phase.ASKING
        self._asked_ns = now_ns
        self._taken += arms
        self._touched |= set(arms)
        return (Request(RequestKind.TAKE, arms, reason),)

    def _wait(self, now_ns: int, view: View) -> tuple[Request, ...]:
        if all(view.holds(arm) for arm in self._taken):
            self._phase = Phase.WORKING
        elif now_ns - self._asked_ns > GRANT_S * NS:
            return self._release(now_ns, "not all arms were given")
        return ()

    def _work(self, now_ns: int, view: View, task: TaskView) -> tuple[tuple[Request, ...], str]:
        if not all(view.holds(arm) for arm in self._taken):
            return self._release(now_ns, "an arm was taken away"), ""
        if task.progress > self._progress + RISE:
            self._progress = task.progress
            self._progress_ns = now_ns
            helped = task.progress > self._progress_before + HELPED
            if helped and self._config.hand_back and not task.trouble:
                return self._release(now_ns, "the trouble is over"), ""
        give_up_s = self._config.give_up_s
        fumble_s = self._config.fumble_s
        patience_s = min(give_up_s, fumble_s) if self._hand.fumbles else give_up_s
        if now_ns - self._progress_ns > patience_s * NS:
            return self._give_up(now_ns, patience_s)
        more = tuple(arm for arm in self._needed(task) if arm not in self._taken)
        return (self._ask(now_ns, more, "needed as well") if more else ()), ""

    def _give_up(self, now_ns: int, patience_s: float) -> tuple[tuple[Request, ...], str]:
        reason = f"no progress in human hands for {patience_s:g} s"
        if self._config.hand_back:
            return self._release(now_ns, reason), ""
        self._judged = True
        return (), reason

    def _release(self, now_ns: int, reason: str) -> tuple[Request, ...]:
        self._phase = Phase.RETURNING
        self._asked_ns = now_ns
        self._why = reason
        return (Request(RequestKind.RELEASE, self._taken, reason, if_held=True),)

    def _return(self, now_ns: int, view: View) -> tuple[Request, ...]:
        """Letting go before the hand-back has come through would leave the arms to nobody."""
        held = tuple(arm for arm in self._taken if view.holds(arm))
        if not held:
            self._begin(now_ns)
        elif now_ns - self._asked_ns > GRANT_S * NS:
            self._asked_ns = now_ns
            return (Request(RequestKind.RELEASE, held, self._why),)
        return ()

    def _needed(self, task: TaskView) -> tuple[str, ...]:
        return tuple(arm for arm in task.arms if arm in self.arms)


def _blindness(now_ns: int, task: TaskView | None) -> str:
    """Why the task cannot be watched; "" when it can."""
    if task is None:
        return "sees no task; it needs the simulator (/sim/task_state)"
    age_s = (now_ns - task.stamp_ns) / NS
    return f"the last look at the task is {age_s:.1f} s old; is sim_node running?" if age_s > TASK_MAX_AGE_S else ""
