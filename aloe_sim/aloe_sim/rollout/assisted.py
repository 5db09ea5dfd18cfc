"""An operator beside the in-process rig: devices and control code, joined as teleop_node joins them in ROS."""

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
ASSESS_TICKS = 5  # control ticks between two assessments of the task
_ROWS = 25  # rows of the expert's chunk, which the hands follow until the next assessment


class AssistedRig:
    """The rig, and a scripted operator who watches it.

    Args:
        process: The rig; to be reset before `begin`.
        config: How the operator watches and works.

    Attributes:
        asked: What the operator asked for since `begin`, in order.
    """

    def __init__(self, process: InProcessRig, config: ScriptedConfig) -> None:
        self.process = process
        self._config = config
        self.begin("", config.seed)

    def begin(self, episode_id: str, seed: int) -> None:
        """Watch a new episode; nothing is remembered of the ones before.

        Args:
            episode_id: Name of the episode.
            seed: Seed of the tremor and the slips of the operator's hands.

        Raises:
            ValueError: There is no expert for the rig's task.
        """
        sim = self.process.sim
        rig = self.process.rig
        self._episode_id = episode_id
        self._tick = 0
        self._expert = make_expert(sim)  # the operator's hands follow its chunks
        human = ScriptedHuman(OPERATOR, replace(self._config, seed=seed), rig)
        self._station = Station({OPERATOR: human}, rig)
        self._task: TaskView | None = None
        self._chunk: Chunk | None = None
        self.asked: list[Asked] = []

    def poll(self) -> tuple[Verdict, str]:
        """Let the operator act in this control tick; returns the verdict, if one is given, and its reason.

        To be called before every tick of the process.
        """
        if self._tick % ASSESS_TICKS == 0:
            self._assess()
        self._tick += 1
        outcome = self._station.poll(self.process.stamp_ns, self._view())
        self._pass_on(outcome)
        verdict, _, reason = outcome.verdict
        return verdict, reason

    def _assess(self) -> None:
        sim = self.process.sim
        stamp_ns = self.process.stamp_ns
        now = assess(sim, self._expert)
        self._task = TaskView(stamp_ns, sim.task.name, now.progress, now.success, now.failure, now.trouble, now.arms)
        try:
            rows = self._expert.chunk(_ROWS, executed=ASSESS_TICKS)
        except CannotHelpError:
            return  # the hands have nothing new to follow, and hold
        self._chunk = Chunk(stamp_ns, self._tick + 1, rows, "expert", 0, self.process.rig.rate_hz)

    def _view(self) -> View:
        process = self.process
        arms = process.rig.arms
        stamp_ns = process.stamp_ns
        sim = process.sim
        statuses = {arm.name: process.control.authority(arm.name) for arm in arms}
        return View(
            operator=OPERATOR,
            armed=process.control.armed,
            arms={
                name: ArmView(Authority(status.authority), status.operator, status.since_ns, status.reason)
                for name, status in statuses.items()
            },
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
        for arm, sent in outcome.commands.items():
            command = HumanCommand(
                arm, now_ns, self._tick, OPERATOR, int(sent.mode), sent.relative, sent.deadman, sent.data, RIG_FRAME
            )
            control.set_human(command, now_ns)
