"""A control loop, a policy, an operator and devices in one process, under faults and under audit; no physics.

The arms go where they are sent. The policy observes, thinks for a few ticks, and proposes a smooth path from where the
arms were. The operator takes arms over, corrects, lets go and hands back at random, with devices of every kind.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.audited_loop import AuditedLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.joint_requests import RequestSolver
from aloe_control.operator_requests import Request
from aloe_control.tick import ControlConfig, TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, RequestKind
from aloe_sim.faults.hands import draw_hand
from aloe_sim.faults.hostile import Echoes, spoilt_chunk, spoilt_command
from aloe_sim.faults.injector import FaultInjector, SpoiltStream
from aloe_sim.faults.kinds import Fault, Means
from aloe_sim.faults.mail import CONTROL, Mail
from aloe_sim.rig.real_time import Metronome

Array = npt.NDArray[np.float64]
HORIZON: Final = 50
JOIN_TICKS: Final = 25  # in which a chunk joins the policy's path
_ALIVE_TICKS = 5
_MOTIONLESS = ("block", "drive_off", "cut_commands")  # faults under which an arm does not go where it is sent


def _silence() -> None:
    """Nothing is said."""


class Trial:
    """One run from random numbers.

    Args:
        rig: Description of what is controlled.
        seed: Seed of all that is random.
        config: Parameters of the control loop; None: its defaults.

    Attributes:
        loop: The control loop under audit.
        results: What it did in every tick.
        now_ns: Time of the present tick.
        hands: The operator's device for each arm, by the arm's name.
    """

    def __init__(self, rig: Rig, seed: int, config: ControlConfig | None = None) -> None:
        self.rig = rig
        self.rng = np.random.default_rng(seed)
        self.loop = AuditedLoop(rig, config)
        self.results: list[TickResult] = []
        self.now_ns = NS + int(self.rng.integers(NS))
        self._period_ns = round(NS / rig.rate_hz)
        self._ticks = 0
        self._sequence = 0
        self._chunk_id = 0
        self._jump_ns = 0
        self._joints = np.concatenate([arm.home for arm in rig.arms])
        self._solver = RequestSolver(rig, 3)
        self._injector = FaultInjector(rig)
        self._arms: dict[str, SpoiltStream[Array]] = {
            arm.name: SpoiltStream(self._injector, arm.name, lambda q: q * np.nan) for arm in rig.arms
        }
        self._cameras: dict[str, SpoiltStream[int]] = {
            c.name: SpoiltStream(self._injector, c.name) for c in rig.cameras
        }
        self._beats = {camera.name: Metronome(camera.rate_hz) for camera in rig.cameras}
        self._echoes = Echoes()
        self._mail = Mail()
        self._phase = self.rng.uniform(0.0, 6.0, rig.state_dim)
        self._last_chunk: Chunk | None = None
        self._last_word: Callable[[], None] = _silence  # what a hostile node says right before the next tick
        self._last_command: dict[str, HumanCommand] = {}
        self._next_chunk = 1
        self.hands = {arm.name: draw_hand(rig, arm.name, self._solver, self.rng) for arm in rig.arms}

    def arm(self) -> bool:
        """Enable motion, clearing a latched stop."""
        if self.loop.estop:
            self.ask(RequestKind.RESET)
        for hand in self.hands.values():
            hand.held = False
        return self.loop.arm(self._clock_now_ns)[0]

    def run(self, ticks: int, act: Callable[[], None] = _silence) -> None:
        """Let time pass.

        Args:
            ticks: Number of control ticks.
            act: Function that is called before every tick, and may act for the operator.
        """
        for _ in range(ticks):
            self.now_ns += self._period_ns
            self._ticks += 1
            act()
            self._devices()
            self._operator()
            self._policy()
            self._deliver()
            if self._mail.runs(CONTROL):
                self._tick()

    def wander(self) -> None:
        """An operator who takes arms over, lets go, hands back and stops at random."""
        if self.rng.random() > 0.04:
            return
        some = [arm for arm in self.hands if self.rng.random() < 0.6]
        kind = self.rng.choice(["take"] * 4 + ["release"] * 3 + ["hold", "let go", "other", "stop"])
        if kind == "take":
            self.take(*some)
        elif kind in ("release", "hold"):
            self.ask(RequestKind.RELEASE if kind == "release" else RequestKind.HOLD, *some)
        elif kind == "let go":
            for arm in some:
                self.hands[arm].held = False
        elif kind == "other":
            self.ask(RequestKind.TAKE, *some, operator="bob")
        elif self.rng.random() < 0.2:
            self.ask(RequestKind.ESTOP)

    def take(self, *arms: str) -> None:
        """Take arms over (none named: all), with devices of any kind."""
        for arm in arms or self.hands:
            self.hands[arm] = draw_hand(self.rig, arm, self._solver, self.rng)
            self.hands[arm].held = True
        self.ask(RequestKind.TAKE, *arms)

    def ask(self, kind: RequestKind, *arms: str, operator: str = "ana") -> None:
        """An operator's request."""
        self._sequence += 1
        stamp_ns = self._clock_now_ns - self._period_ns // 2 + self._sequence % 1000  # some time since the last tick
        request = Request(kind, arms, stamp_ns, operator, f"{operator}'s pedals")
        self._send("teleop_node", 0, lambda: self.loop.request(request, self._clock_now_ns))

    def begin(self, fault: Fault) -> None:
        """Begin a fault; processes are those of a rollout."""
        if fault.kind == "clock_jump" and self.rng.random() < 0.5:
            self._jump_ns = round(fault.value * NS)  # the clock of all, not of the devices alone
        elif fault.means is Means.SIMULATOR:
            self._injector.apply(f"begin {fault}")
        elif fault.kind == "kill":
            self._mail.dead.add(fault.target)
        elif fault.kind == "stall":
            self._mail.stalled.add(fault.target)
        elif fault.lasting:
            self._echoes.begin(fault)
        elif fault.target and fault.target in self._last_command:
            self._last_word = partial(self._command_spoilt, fault)
        elif not fault.target and self._last_chunk is not None:
            self._last_word = partial(self._offer_spoilt, fault)

    def end(self, fault: Fault) -> None:
        """End a lasting fault."""
        self._jump_ns = 0
        if fault.means is Means.SIMULATOR:
            self._injector.apply(f"end {fault}")
        self._mail.stalled.discard(fault.target)
        self._echoes.end(fault)

    @property
    def _clock_now_ns(self) -> int:
        """What the clocks say."""
        return max(0, self.now_ns + self._jump_ns)

    def _command(self, command: HumanCommand) -> None:
        self.loop.set_human(command, self._clock_now_ns)

    def _command_spoilt(self, fault: Fault) -> None:
        self._command(spoilt_command(fault, self._last_command[fault.target], self._clock_now_ns))

    def _offer_spoilt(self, fault: Fault) -> None:
        assert self._last_chunk is not None
        self._chunk_id += 1
        chunk = replace(self._last_chunk, chunk_id=self._chunk_id)
        self.loop.set_chunk(spoilt_chunk(fault, chunk, self._clock_now_ns))

    def _send(self, process: str, delay_ticks: int, deliver: Callable[[], object]) -> None:
        self._mail.send(process, self.now_ns + delay_ticks * self._period_ns, deliver)

    def _deliver(self) -> None:
        self._mail.deliver(self.now_ns)
        self._last_word()
        self._last_word = _silence

    def _tick(self) -> None:
        result = self.loop.tick(self._clock_now_ns)
        for arm, positions in result.commands.items():
            if not any(self._injector.find(kind, arm) for kind in _MOTIONLESS):
                self._joints[self.rig.state_slice(arm)] = positions
        self.results.append(result)

    def _devices(self) -> None:
        if "sim_node" in self._mail.dead:
            return
        for name, arm in self._arms.items():
            for stamp_ns, joints in arm.passed(self._clock_now_ns, self._joints[self.rig.state_slice(name)].copy()):
                self._send("sim_node", 0, partial(self.loop.set_joint_state, name, stamp_ns, joints))
        for name, camera in self._cameras.items():
            if self._beats[name].due(self.now_ns):
                for stamp_ns, view in camera.passed(self._clock_now_ns, self._ticks):
                    self._send("sim_node", 1, partial(self.loop.set_camera_stamp, name, stamp_ns, view))

    def _operator(self) -> None:
        if "teleop_node" in self._mail.dead:
            return
        if self._ticks % _ALIVE_TICKS == 0:
            self.ask(RequestKind.ALIVE)
        for name, hand in self.hands.items():
            self._sequence += 1
            stamp_ns = self._clock_now_ns - self._period_ns // 4
            data = hand.data(self.now_ns / NS)
            command = HumanCommand(name, stamp_ns, self._sequence, "ana", hand.mode, hand.relative, hand.held, data)
            self._last_command[name] = command
            for sent in (command, *self._echoes.answers(command)):
                self._send("teleop_node", 0, partial(self._command, sent))

    def _policy(self) -> None:
        if self._ticks < self._next_chunk or "policy_node" in self._mail.dead:
            return
        self._next_chunk = self._ticks + int(self.rng.integers(5, 15))
        self._chunk_id += 1
        data = self._path().astype(np.float32)
        chunk = Chunk(self._clock_now_ns, self._chunk_id, data, "v", self._chunk_id, self.rig.rate_hz)
        self._last_chunk = chunk
        self._send("policy_node", int(self.rng.integers(1, 6)), partial(self.loop.set_chunk, chunk))

    def _path(self) -> Array:
        """A chunk's rows [H, A]: from where the arms are onto a wave around home."""
        times = self.now_ns / NS + np.arange(HORIZON) / self.rig.rate_hz
        home = np.concatenate([arm.home for arm in self.rig.arms])
        rigid = np.concatenate([np.append(np.ones(arm.dof - 1), 0.0) for arm in self.rig.arms])
        wave = home + 0.25 * rigid * np.sin(1.5 * times[:, None] + self._phase)
        fade = np.maximum(0.0, 1.0 - np.arange(HORIZON) / JOIN_TICKS)[:, None]
        rows = wave + fade * (self._joints - wave[0])
        return np.array([self._solver.action_of(row) for row in rows])
