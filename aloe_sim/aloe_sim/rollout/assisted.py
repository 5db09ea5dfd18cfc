"""A person beside the in-process rig: the operator's devices and the control code, as teleop_node joins them in ROS."""

from dataclasses import replace

from aloe_control.human_commands import RIG_FRAME, HumanCommand
from aloe_control.operator_requests import Request
from aloe_data.chunk import Chunk
from aloe_data.vocabulary import Authority, RequestKind, Verdict
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.rollout.task_monitor import assess
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert
from aloe_teleop.device import ArmView, JointReading, TaskView, View
from aloe_teleop.devices.scripted import ScriptedConfig, ScriptedHuman
from aloe_teleop.station import Asked, PollResult, Station

OPERATOR = "scripted"
LOOK_TICKS = 5  # control ticks between two looks at the task
_ROWS = 25  # of the expert's chunk that the hands follow until the next look


class AssistedRig:
    """The rig, and a scripted human who watches it.

    Args:
        process: the rig; to be reset before `begin`.
        config: how the person watches and works.

    Attributes:
        asked: what the person asked for since `begin`, in order.
    """

    def __init__(self, process: InProcessRig, config: ScriptedConfig) -> None:
        self.process = process
        self._config = config
        self.begin("", config.seed)

    def begin(self, episode_id: str, seed: int) -> None:
        """Watch a new episode, with fresh eyes, and with hands whose tremor and slips follow from a seed.

        Raises:
            ValueError: nobody is an expert in the rig's task.
        """
        sim = self.process.sim
        rig = self.process.rig
        self._episode_id = episode_id
        self._tick = 0
        self._expert = make_expert(sim)  # whom the person has learnt from
        human = ScriptedHuman(OPERATOR, replace(self._config, seed=seed), rig)
        self._station = Station({OPERATOR: human}, rig)
        self._task: TaskView | None = None
        self._chunk: Chunk | None = None
        self.asked: list[Asked] = []

    def poll(self) -> tuple[Verdict, str]:
        """What the person does in this control tick; a verdict, if one is given, and its reason.

        To be called before every tick of the process.
        """
        if self._tick % LOOK_TICKS == 0:
            self._look()
        self._tick += 1
        outcome = self._station.poll(self.process.stamp_ns, self._view())
        self._pass_on(outcome)
        verdict, _, reason = outcome.verdict
        return verdict, reason

    def _look(self) -> None:
        sim = self.process.sim
        stamp_ns = self.process.stamp_ns
        seen = assess(sim, self._expert)
        trouble = (seen.failure, seen.trouble, seen.arms)
        self._task = TaskView(stamp_ns, sim.task.name, seen.progress, seen.success, *trouble)
        try:
            rows = self._expert.chunk(_ROWS, executed=LOOK_TICKS)
        except CannotHelpError:
            return  # the hands have nothing new to follow, and hold
        self._chunk = Chunk(stamp_ns, self._tick + 1, rows, "expert", 0, self.process.rig.rate_hz)

    def _view(self) -> View:
        process = self.process
        arms = process.rig.arms
        stamp_ns = process.stamp_ns
        sim = process.sim
        holds = {arm.name: process.control.authority(arm.name) for arm in arms}
        return View(
            operator=OPERATOR,
            armed=process.control.armed,
            arms={name: ArmView(Authority(h.authority), h.operator, h.since_ns, h.reason) for name, h in holds.items()},
            joints={a.name: JointReading(stamp_ns, a.joint_names, list(sim.joint_positions(a.name))) for a in arms},
            episode_id=self._episode_id,
            task=self._task,
            expert=self._chunk,
        )

    def _pass_on(self, outcome: PollResult) -> None:
        now_ns = self.process.stamp_ns
        control = self.process.control
        for asked in outcome.asked:
            request = asked.request
            kind = RequestKind(request.kind)
            control.request(Request(kind, request.arms, now_ns, OPERATOR, asked.device, request.reason), now_ns)
        self.asked += outcome.asked
        for arm, c in outcome.commands.items():
            command = HumanCommand(
                arm, now_ns, self._tick, OPERATOR, int(c.mode), c.relative, c.deadman, c.data, RIG_FRAME
            )
            control.set_human(command, now_ns)
