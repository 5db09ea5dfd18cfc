"""Says of every tick whether it was safe, and if not, why: an auditor that shares no decision with the control loop.

It knows the rig, what was offered (chunks, human commands, requests, images, joint states) and what was then commanded,
in the order in which all that happened. A tick is unsafe if it repeats stale data, exceeds a limit, comes from a wrong
source, or moves where the arms should be at rest or on their way to it.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from aloe_control.audit_motion import MotionAudit
from aloe_control.audit_turns import ArmTurn, Turn
from aloe_control.authority import Authority
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request, RequestKind
from aloe_control.tick import ArmTick, TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]
NS = 1_000_000_000
_GRACE_TICKS = 2  # in which a fault of an input must have led to HOLD
_KEPT_CHUNKS = 200
_SOURCES = {Turn.POLICY: Authority.POLICY, Turn.HUMAN: Authority.HUMAN}


class Kind(Enum):
    """What makes a tick unsafe."""

    STALE = "stale data"
    LIMIT = "limit exceeded"
    SOURCE = "wrong source"
    MOTION = "motion where there should be none"


@dataclass(frozen=True)
class Unsafe:
    """One reason why a tick was unsafe."""

    tick: int
    stamp_ns: int
    kind: Kind
    words: str

    def __str__(self) -> str:
        return f"tick {self.tick}: {self.kind.value}: {self.words}"


class Audit:
    """Watches one control loop; everything is told in the order in which it happens.

    Args:
        rig: what is controlled.
        request_max_age_s: requests to take or hand back that are older than this are void.
        slack_s: how far the order in which all is told may be from that in which it happened, as in a bag.
    """

    def __init__(self, rig: Rig, request_max_age_s: float = 0.5, slack_s: float = 0.0) -> None:
        self._rig, self._request_max_age_ns = rig, request_max_age_s * NS
        slack_ns = round(slack_s * NS)
        self._grace_ns = _GRACE_TICKS * NS / rig.rate_hz + slack_ns
        self._turns = {arm.name: ArmTurn(rig, arm, slack_ns) for arm in rig.arms}
        self._motions = {arm.name: MotionAudit(arm, rig.rate_hz) for arm in rig.arms}
        limits_s = [(c.name, c.max_age_s) for c in rig.cameras] + [(a.name, a.max_age_s) for a in rig.arms]
        self._limits_ns = {name: round(limit_s * NS) for name, limit_s in limits_s}
        self._good_until_ns: dict[str, int] = {}
        self._newest_ns: dict[str, int] = {}
        self._content: dict[str, int] = {}
        self._requests_ns: dict[str, int] = {}
        self._chunks: deque[Chunk] = deque(maxlen=_KEPT_CHUNKS)
        self._samples: list[tuple[str, int | None]] = []  # since the last tick: stream, and stamp unless it is spoilt
        self._stamps: list[int] = []  # of the ticks since motion was enabled
        self._now_ns = -1
        self._followed = (-1, -1)  # stamp and step of the chunk that was last followed
        self._armed = self._estop = False
        self._armed_ns = 0
        self.ticks = 0
        self.unsafe: list[Unsafe] = []

    @property
    def unsafe_ticks(self) -> int:
        """Number of ticks that were unsafe for one reason or more."""
        return len({unsafe.tick for unsafe in self.unsafe})

    def stream_good_until_ns(self, name: str) -> int:
        """Until when what has come from a camera, or of an arm's joints, may be relied on."""
        return self._good_until_ns.get(name, 0)

    def hand_good_until_ns(self, arm: str) -> int:
        """Until when the newest command of the human who has the arm may be followed; 0 if there is none."""
        return self._turns[arm].fresh_until_ns

    def arm(self, now_ns: int) -> None:
        """Motion was enabled."""
        self._armed, self._armed_ns, self._followed = not self._estop, now_ns, (-1, -1)
        self._stamps.clear()
        for turn in self._turns.values():
            turn.begin(Turn.STOPPED if self._estop else Turn.POLICY, now_ns)

    def disarm(self) -> None:
        """Motion was ended: the arms may come to rest, and no more."""
        for turn in self._turns.values():
            turn.begin(Turn.STOPPED, self._now_ns)

    def image(self, camera: str, stamp_ns: int, content: int | None = None) -> None:
        """An image has arrived; `content` is a checksum of its data."""
        if content is None or self._content.get(camera) != content:
            self._samples.append((camera, stamp_ns))
        if content is not None:
            self._content[camera] = content

    def joint_state(self, arm: str, stamp_ns: int, positions: Array) -> None:
        """Measured joint positions [dof] have arrived."""
        good = bool(np.isfinite(positions).all())
        self._samples.append((arm, stamp_ns if good else None))
        if good:
            self._motions[arm].measured = np.array(positions, float)

    def chunk(self, chunk: Chunk) -> None:
        """A chunk was offered."""
        self._chunks.append(chunk)

    def command(self, command: HumanCommand, now_ns: int) -> None:
        """A human's command was offered."""
        if command.arm in self._turns:
            self._turns[command.arm].command(command, now_ns)

    def request(self, request: Request, now_ns: int) -> None:
        """A person asked for something."""
        if request.kind is RequestKind.ESTOP:
            self._estop = True
            self.disarm()
            return
        if not set(request.arms) <= set(self._turns):
            return
        turns = [self._turns[name] for name in request.arms or self._turns]
        if request.kind is RequestKind.HOLD:
            self._begin([turn for turn in turns if turn.turn is not Turn.STOPPED], Turn.NOBODY, now_ns)
        elif request.kind is RequestKind.ALIVE or not self._in_time(request, now_ns):
            return
        elif request.kind is RequestKind.RESET:
            self._estop = self._estop and self._armed
        elif all(turn.turn is not Turn.STOPPED and turn.operator in ("", request.operator) for turn in turns):
            self._take_or_release(request, turns, now_ns)

    def tick(self, result: TickResult) -> list[Unsafe]:
        """What the control loop did in a tick; returns why that was unsafe, if it was."""
        turned_back = result.stamp_ns <= self._now_ns
        self._now_ns = result.stamp_ns
        if turned_back:
            self._forget_times()
        if turned_back or result.fault:
            self.disarm()
        self._stamps.append(result.stamp_ns)
        self._take_samples()
        found = [
            Unsafe(result.tick, result.stamp_ns, kind, words)
            for kind, words in (*self._form(result), *self._arms(result))
        ]
        self._armed = self._armed and result.armed
        self.ticks += 1
        self.unsafe += found
        return found

    def skip(self) -> None:
        """Ticks are missing here."""
        for motion in self._motions.values():
            motion.interrupt()

    def _forget_times(self) -> None:
        """The clock went back: earlier stamps mean nothing."""
        self._stamps.clear()
        for times in (self._newest_ns, self._good_until_ns, self._requests_ns):
            times.clear()

    def _begin(self, turns: list[ArmTurn], turn: Turn, now_ns: int, operator: str = "") -> None:
        for item in turns:
            if (item.turn, item.operator) != (turn, operator):
                item.begin(turn, now_ns, operator)

    def _take_or_release(self, request: Request, turns: list[ArmTurn], now_ns: int) -> None:
        if request.kind is RequestKind.TAKE:
            self._begin(turns, Turn.HUMAN, now_ns, request.operator)
        else:
            self._begin(turns, Turn.POLICY, now_ns)

    def _in_time(self, request: Request, now_ns: int) -> bool:
        newest_ns = max(self._requests_ns.get(request.device, -1), self._armed_ns - 1)
        if abs(now_ns - request.stamp_ns) > self._request_max_age_ns or request.stamp_ns <= newest_ns:
            return False
        self._requests_ns[request.device] = request.stamp_ns
        return True

    def _take_samples(self) -> None:
        for name, stamp_ns in self._samples:
            limit_ns = self._limits_ns[name]
            if stamp_ns is None or stamp_ns > self._now_ns + limit_ns:
                self._good_until_ns[name] = min(self._good_until_ns.get(name, 0), self._now_ns)
            elif stamp_ns > self._newest_ns.get(name, -1):
                self._newest_ns[name] = stamp_ns
                self._good_until_ns[name] = stamp_ns + limit_ns
        self._samples.clear()

    def _form(self, result: TickResult) -> Iterator[tuple[Kind, str]]:
        """Who is named and sent commands, before anything is asked of the single arm."""
        names = [arm.arm for arm in result.arms]
        if names != [arm.name for arm in self._rig.arms]:
            yield Kind.SOURCE, f"arms {names}: every arm must be named once"
        if not result.armed and result.commands:
            yield Kind.MOTION, "commands although motion is not enabled"
        if result.armed and not self._armed:
            yield Kind.MOTION, "motion is enabled although nobody asked for it"
        if result.armed and sorted(result.commands) != sorted(names):
            yield Kind.SOURCE, f"commands for {sorted(result.commands)} only"
        for arm in result.arms:
            if arm.arm in result.commands and not np.array_equal(result.commands[arm.arm], arm.executed):
                yield Kind.SOURCE, f"'{arm.arm}' is sent another command than is recorded"
        late = self._late_inputs()
        if late and any(arm.source is not Authority.HOLD for arm in result.arms):
            yield Kind.STALE, f"an arm is commanded although {late} is silent, frozen or spoilt"

    def _late_inputs(self) -> str:
        late = [name for name in self._limits_ns if self._now_ns > self.stream_good_until_ns(name) + self._grace_ns]
        return ", ".join(f"'{name}'" for name in late)

    def _arms(self, result: TickResult) -> Iterator[tuple[Kind, str]]:
        someone = any(turn.turn is Turn.HUMAN for turn in self._turns.values())
        for arm in result.arms:
            turn, motion = self._turns[arm.arm], self._motions[arm.arm]
            if not result.armed:
                if motion.moves:
                    yield Kind.MOTION, f"'{arm.arm}': commands end before it is at rest"
                motion.end()
            elif arm.arm in result.commands:
                yield from ((Kind.LIMIT, words) for words in motion.step(result.commands[arm.arm]))
            waits = turn.turn is Turn.POLICY and someone and self._rig.takeover.other_arms == "hold"
            yield from self._source(arm, turn, waits)
            fresh = yield from self._data(arm, turn, result)
            if fresh or len(turn.possible(self._now_ns)) > 1:
                motion.commanded()
            elif words := motion.brakes():
                yield Kind.MOTION, words

    def _source(self, arm: ArmTick, turn: ArmTurn, waits: bool) -> Iterator[tuple[Kind, str]]:
        possible = turn.possible(self._now_ns)
        if arm.source is Authority.HOLD:
            if turn.turn is Turn.HUMAN and len(possible) == 1:
                turn.begin(Turn.NOBODY, self._now_ns)  # let go: only a person's request ends it
        elif waits or arm.source not in [_SOURCES.get(item) for item, _ in possible]:
            yield Kind.SOURCE, f"{arm.source.name} commands '{arm.arm}', but {turn.turn.value}"
        elif arm.source is Authority.HUMAN and arm.operator not in [operator for _, operator in possible]:
            yield Kind.SOURCE, f"'{arm.operator}' commands '{arm.arm}', which '{turn.operator}' took"

    def _data(self, arm: ArmTick, turn: ArmTurn, result: TickResult) -> Generator[tuple[Kind, str], None, bool]:
        """Whether what is followed is fresh; a generator whose result says whether anything is followed at all."""
        if arm.source is Authority.POLICY:
            if turn.turn is Turn.POLICY and (words := self._stale_policy(turn, result)):
                yield Kind.STALE, words
            return True
        if arm.source is not Authority.HUMAN:
            return False
        late_ns = result.stamp_ns - turn.fresh_until_ns
        if turn.newest is not None and late_ns > self._grace_ns:
            yield Kind.STALE, f"'{arm.arm}' stays in human hands although no good command has come"
        if turn.strays(arm.requested):
            yield Kind.STALE, f"'{arm.arm}' moves away from what the hand asks for"
        return late_ns <= 0

    def _stale_policy(self, turn: ArmTurn, result: TickResult) -> str:
        """ "" or why the policy's action of this tick may not be followed."""
        offered = [chunk for chunk in self._chunks if chunk.chunk_id == result.chunk_id]
        if not offered:
            return f"chunk {result.chunk_id} was never offered"
        problems = [turn.stale_chunk(chunk, result.stamp_ns) or self._wrong_step(chunk, result) for chunk in offered]
        return "" if "" in problems else problems[-1]

    def _wrong_step(self, chunk: Chunk, result: TickResult) -> str:
        due = len(self._stamps) - bisect_left(self._stamps, chunk.stamp_ns) - 1
        if result.step != due or result.step >= chunk.horizon:
            return f"step {result.step} of chunk {chunk.chunk_id}, of {chunk.horizon} steps, is not for this tick"
        if (chunk.stamp_ns, due) < self._followed:
            return f"chunk {chunk.chunk_id} is older than one that was already followed"
        self._followed = chunk.stamp_ns, due
        return ""
