"""A control loop, a policy, a person and devices in one process, under faults and under audit; no physics.

The arms go where they are sent. The policy looks, thinks for a few ticks, and proposes a smooth path from where it saw
the arms. The person takes arms over, corrects, lets go and hands back at random, with devices of every kind.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
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
from aloe_data.kinematics import rotation_from_6d, rotation_from_rpy, rotation_to_6d
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, CommandMode, RequestKind
from aloe_sim.faults.hostile import Echoes, spoilt_chunk, spoilt_command
from aloe_sim.faults.injector import FaultInjector, SpoiltStream
from aloe_sim.faults.kinds import Fault, Means
from aloe_sim.rig.real_time import Metronome

Array = npt.NDArray[np.float64]
HORIZON: Final = 50
JOIN_TICKS: Final = 25  # in which a chunk joins the policy's path
PROCESSES: Final = ("policy_node", "teleop_node", "sim_node", "control_node")
_ALIVE_TICKS = 5
_MOTIONLESS = ("block", "drive_off", "cut_commands")  # faults under which an arm does not go where it is sent
_XYZ = slice(0, 3)  # of a pose row: its position
_ROTATION = slice(3, 9)  # and its rotation in six numbers
_MODES = (
    (CommandMode.JOINT_POSITION, False),
    (CommandMode.JOINT_POSITION, True),
    (CommandMode.EE_POSE, True),
    (CommandMode.EE_TWIST, True),
)


def _silence() -> None:
    """Nothing is said."""


@dataclass
class Hand:
    """A person's device for one arm: how it commands, and where it wanders."""

    mode: CommandMode
    relative: bool
    home: Array
    reach: float
    phase: float
    held: bool = False

    def data(self, time_s: float) -> Array:
        """What it sends at a time: values by mode."""
        wave = self.reach * np.sin(1.7 * time_s + self.phase + np.arange(len(self.home)))
        wave[-1] = 0.0  # the gripper stays
        if self.mode is not CommandMode.EE_POSE:
            return self.home + wave
        # A tracked hand turns: waves on the six values of a rotation would make a row that is no rotation.
        turned = rotation_from_rpy(wave[_ROTATION][:3]) @ rotation_from_6d(self.home[_ROTATION])
        return np.concatenate((self.home[_XYZ] + wave[_XYZ], rotation_to_6d(turned), self.home[-1:]))


class Trial:
    """One run from random numbers.

    Args:
        rig: what is controlled; only its description counts.
        seed: of all that is random.
        config: of the control loop.
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
        self._dead: set[str] = set()
        self._stalled: set[str] = set()
        self._mail: dict[str, deque[tuple[int, Callable[[], object]]]] = {name: deque() for name in PROCESSES}
        self._phase = self.rng.uniform(0.0, 6.0, rig.state_dim)
        self._last_chunk: Chunk | None = None
        self._last_word: Callable[[], None] = _silence  # what a hostile node says right before the next tick
        self._last_command: dict[str, HumanCommand] = {}
        self._next_chunk = 1
        self.hands = {arm.name: self._hand(arm.name) for arm in rig.arms}

    def arm(self) -> bool:
        """Enable motion, clearing a latched stop."""
        if self.loop.estop:
            self.ask(RequestKind.RESET)
        for hand in self.hands.values():
            hand.held = False
        return self.loop.arm(self._clock_now_ns)[0]

    def run(self, ticks: int, person: Callable[[], None] = lambda: None) -> None:
        """Let time pass; `person` is called before every tick, and may act."""
        for _ in range(ticks):
            self.now_ns += self._period_ns
            self._ticks += 1
            person()
            self._devices()
            self._people()
            self._policy()
            self._deliver()
            if not {"control_node"} & (self._dead | self._stalled):
                self._tick()

    def wander(self) -> None:
        """A person who takes arms over, lets go, hands back and stops at random."""
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
            self.hands[arm] = self._hand(arm)
            self.hands[arm].held = True
        self.ask(RequestKind.TAKE, *arms)

    def ask(self, kind: RequestKind, *arms: str, operator: str = "ana") -> None:
        """A person's request."""
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
            self._dead.add(fault.target)
        elif fault.kind == "stall":
            self._stalled.add(fault.target)
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
        self._stalled.discard(fault.target)
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
        if process not in self._dead:
            self._mail[process].append((self.now_ns + delay_ticks * self._period_ns, deliver))

    def _deliver(self) -> None:
        for process, mail in self._mail.items():
            while mail and mail[0][0] <= self.now_ns and not {process, "control_node"} & self._stalled:
                mail.popleft()[1]()
        self._last_word()
        self._last_word = _silence

    def _tick(self) -> None:
        result = self.loop.tick(self._clock_now_ns)
        for arm, positions in result.commands.items():
            if not any(self._injector.find(kind, arm) for kind in _MOTIONLESS):
                self._joints[self.rig.state_slice(arm)] = positions
        self.results.append(result)

    def _devices(self) -> None:
        if "sim_node" in self._dead:
            return
        for name, arm in self._arms.items():
            for stamp_ns, joints in arm.passed(self._clock_now_ns, self._joints[self.rig.state_slice(name)].copy()):
                self._send("sim_node", 0, partial(self.loop.set_joint_state, name, stamp_ns, joints))
        for name, camera in self._cameras.items():
            if self._beats[name].due(self.now_ns):
                for stamp_ns, view in camera.passed(self._clock_now_ns, self._ticks):
                    self._send("sim_node", 1, partial(self.loop.set_camera_stamp, name, stamp_ns, view))

    def _people(self) -> None:
        if "teleop_node" in self._dead:
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
        if self._ticks < self._next_chunk or "policy_node" in self._dead:
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

    def _hand(self, arm: str) -> Hand:
        mode, relative = _MODES[int(self.rng.integers(len(_MODES)))]
        joints = np.array(self.rig.arm(arm).home)
        self._solver.begin(np.concatenate([a.home for a in self.rig.arms]))
        home = {
            CommandMode.JOINT_POSITION: joints,
            CommandMode.EE_POSE: self._solver.here(arm)[1],
            CommandMode.EE_TWIST: np.zeros(7),
        }[mode]
        if mode is CommandMode.JOINT_POSITION:
            home = home + np.append(self.rng.uniform(-0.4, 0.4, len(home) - 1), 0.0)
        return Hand(
            mode, relative, home, 0.05 if mode is not CommandMode.JOINT_POSITION else 0.3, self.rng.uniform(0.0, 6.0)
        )
