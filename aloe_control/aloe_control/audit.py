"""Says of every tick whether it was safe, and if not, why: an auditor that shares no decision with the control loop.

It knows the rig, what was offered (chunks, human commands, requests, images, joint states, heartbeats) and what was
then commanded, in the order in which all that happened. A tick is unsafe if it repeats stale data, exceeds a limit,
comes from a wrong source, moves where the arms should be at rest or on their way to it, or brings them where they may
not be.
"""

from collections.abc import Generator, Iterator

import numpy as np
import numpy.typing as npt

from aloe_control.audit_clock import AuditClock
from aloe_control.audit_findings import AuditRules, Kind, Unsafe
from aloe_control.audit_motion import MotionAudit
from aloe_control.audit_people import PeopleAudit
from aloe_control.audit_policy import PolicyAudit
from aloe_control.audit_streams import StreamAudit
from aloe_control.audit_turns import ArmTurn, Turn
from aloe_control.audit_world import WorldAudit
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ArmTick, TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, Authority

Array = npt.NDArray[np.float64]
_GRACE_TICKS = 2  # in which a fault of an input must have led to HOLD
_AHEAD_TICKS = 2  # by which a stamp may lie in the future
_STALL_NS = 100_000_000  # without a tick: beyond, motion must have ended
_SOURCES = {Turn.POLICY: Authority.POLICY, Turn.HUMAN: Authority.HUMAN}
_DEFAULT_RULES = AuditRules()


class Audit:
    """Watches one control loop; everything is told in the order in which it happens.

    Args:
        rig: Rig that is controlled.
        rules: What holds for the run.
    """

    def __init__(self, rig: Rig, rules: AuditRules = _DEFAULT_RULES) -> None:
        self._rig = rig
        period_ns = NS / rig.rate_hz
        slack_ns = rules.slack_s * NS
        self._grace_ns = _GRACE_TICKS * period_ns + slack_ns
        self._ahead_ns = _AHEAD_TICKS * period_ns + slack_ns
        self._people = PeopleAudit(rig, rules, self._ahead_ns, self._grace_ns)
        self._joints: list[tuple[str, int, Array]] = []  # joint states since the last tick: arm, stamp, positions
        self._measured_ns: dict[str, int] = {}  # stamp of the newest joint state of each arm
        self._policy = PolicyAudit(self._ahead_ns)
        self._streams = StreamAudit(rig, rules.bonds, self._ahead_ns, self._grace_ns)
        self._motions = {arm.name: MotionAudit(arm, rig.rate_hz) for arm in rig.arms}
        self._world = WorldAudit(rig) if rules.world else None
        self._clock = AuditClock(rig.rate_hz, self._ahead_ns)
        self._armed = False
        self._wrongly_armed = ""
        self.ticks = 0
        self.unsafe: list[Unsafe] = []

    @property
    def unsafe_ticks(self) -> int:
        """Number of ticks that were unsafe for one reason or more."""
        return len({unsafe.tick for unsafe in self.unsafe})

    def stream_good_until_ns(self, name: str) -> int:
        """Until when what has come from a camera, or of an arm's joints, may be relied on."""
        return self._streams.good_until_ns(name)

    def hand_good_until_ns(self, arm: str) -> int:
        """Until when the newest command of the human who has the arm may be followed; 0 if there is none."""
        return self._people.turns[arm].fresh_until_ns

    def arm(self, now_ns: int) -> None:
        """Motion was enabled."""
        self._wrongly_armed = self._people.arm(now_ns)
        self._armed = not self._wrongly_armed
        self._policy.arm()
        for motion in self._motions.values():
            if not motion.moves:
                motion.end()  # commands begin anew where the arms are measured
        if self._world is not None:
            self._world.end()

    def disarm(self) -> None:
        """Motion was ended: the arms may come to rest, and no more."""
        self._people.stop(self._clock.now_ns)

    def image(self, camera: str, stamp_ns: int, content: int | None = None) -> None:
        """An image has arrived; `content` is a checksum of its data."""
        self._streams.image(camera, stamp_ns, content)

    def joint_state(self, arm: str, stamp_ns: int, positions: Array) -> None:
        """Measured joint positions [dof] have arrived."""
        good = bool(np.isfinite(positions).all())
        self._streams.joints(arm, stamp_ns, good)
        if good:
            self._joints.append((arm, stamp_ns, np.array(positions, float)))

    def heartbeat(self, node: str, now_ns: int, problem: str = "") -> None:
        """A node that motion is bonded to gave a sign of life, and perhaps says why motion must end."""
        self._streams.heartbeat(node, now_ns, problem)

    def chunk(self, chunk: Chunk, sender: str = "", now_ns: int | None = None) -> None:
        """A chunk was offered; without a time: just after the last tick."""
        self._policy.chunk(chunk, sender, self._clock.now_ns if now_ns is None else now_ns)

    def command(self, command: HumanCommand, now_ns: int) -> None:
        """A human's command was offered."""
        self._people.command(command, now_ns)

    def request(self, request: Request, now_ns: int) -> None:
        """A person asked for something."""
        moves = self._armed and any(motion.moves for motion in self._motions.values())
        self._people.request(request, now_ns, moves)

    def tick(self, result: TickResult, steady_ns: int | None = None) -> list[Unsafe]:
        """What the control loop did in a tick.

        Args:
            result: What was commanded, and why.
            steady_ns: Time of the tick by a clock that nobody sets; None: the stamps are all there is.

        Returns:
            Why the tick was unsafe, if it was.
        """
        gap_ns = self._clock.advance(result.stamp_ns, steady_ns)
        if gap_ns == 0:
            self._streams.forget()
            self._people.forget()
            self._policy.forget()
            self._measured_ns.clear()
        if gap_ns == 0 or gap_ns > _STALL_NS or result.fault:
            self.disarm()
        self._policy.tick(result.stamp_ns)
        self._streams.take(self._clock.now_ns)
        self._take_joints()
        found = [
            Unsafe(result.tick, result.stamp_ns, kind, words)
            for kind, words in (*self._form(result), *self._arms(result, gap_ns), *self._places(result, gap_ns))
        ]
        self._armed = self._armed and result.armed
        self.ticks += 1
        self.unsafe += found
        return found

    def _take_joints(self) -> None:
        """Where the arms stand now; a joint state that was overtaken, or is stamped in the future, does not say so."""
        for arm, stamp_ns, positions in self._joints:
            if self._measured_ns.get(arm, -1) < stamp_ns <= self._clock.now_ns + self._ahead_ns:
                self._measured_ns[arm] = stamp_ns
                self._motions[arm].measured = positions
        self._joints.clear()

    def skip(self) -> None:
        """Ticks are missing here."""
        self._clock.skip()
        for motion in self._motions.values():
            motion.interrupt()
        if self._world is not None:
            self._world.end()

    def _form(self, result: TickResult) -> Iterator[tuple[Kind, str]]:
        """Who is named and sent commands, before anything is asked of the single arm."""
        names = [arm.arm for arm in result.arms]
        if names != [arm.name for arm in self._rig.arms]:
            yield Kind.SOURCE, f"arms {names}: every arm must be named once"
        if not result.armed and result.commands:
            yield Kind.MOTION, "commands although motion is not enabled"
        if result.armed and not self._armed:
            yield Kind.MOTION, f"motion is enabled although {self._wrongly_armed or 'nobody asked for it'}"
        if result.armed and sorted(result.commands) != sorted(names):
            yield Kind.SOURCE, f"commands for {sorted(result.commands)} only"
        for arm in result.arms:
            if arm.arm in result.commands and not np.array_equal(result.commands[arm.arm], arm.executed):
                yield Kind.SOURCE, f"'{arm.arm}' is sent another command than is recorded"
        if any(arm.source is not Authority.HOLD for arm in result.arms):
            for words in self._streams.problems(self._clock.now_ns):
                yield Kind.STALE, f"an arm is commanded although {words}"

    def _arms(self, result: TickResult, gap_ns: int) -> Iterator[tuple[Kind, str]]:
        others_wait = self._people.others_wait
        for arm in result.arms:
            turn = self._people.turns[arm.arm]
            motion = self._motions[arm.arm]
            if not result.armed:
                if motion.moves:
                    yield Kind.MOTION, f"'{arm.arm}': commands end before it is at rest"
                motion.end()
            elif arm.arm in result.commands:
                command = result.commands[arm.arm]
                problems = motion.hold(command) if arm.hold else motion.step(command, gap_ns, self._clock.early)
                yield from ((Kind.LIMIT, words) for words in problems)
            yield from self._source(arm, turn, waits=turn.turn is Turn.POLICY and others_wait)
            fresh = yield from self._data(arm, turn, result)
            if fresh or len(turn.possible(self._clock.now_ns)) > 1:
                motion.commanded()
            elif words := motion.brakes():
                yield Kind.MOTION, words

    def _places(self, result: TickResult, gap_ns: int) -> Iterator[tuple[Kind, str]]:
        if self._world is None:
            return
        if not result.armed:
            self._world.end()
            return
        for arm in result.arms:
            if arm.hold:
                self._world.restart(arm.arm)
        known = {name: command for name, command in result.commands.items() if np.isfinite(command).all()}
        periods = gap_ns * self._rig.rate_hz / NS
        yield from ((Kind.PLACE, words) for words in self._world.step(known, periods))

    def _source(self, arm: ArmTick, turn: ArmTurn, waits: bool) -> Iterator[tuple[Kind, str]]:
        possible = turn.possible(self._clock.now_ns)
        if arm.source is Authority.HOLD:
            if turn.turn is Turn.HUMAN and len(possible) == 1:
                turn.begin(Turn.NOBODY, self._clock.now_ns)  # let go: only a person's request ends it
        elif waits or arm.source not in [_SOURCES.get(item) for item, _ in possible]:
            yield Kind.SOURCE, f"{arm.source.name} commands '{arm.arm}', but {turn.turn.value}"
        elif arm.source is Authority.HUMAN and arm.operator not in [operator for _, operator in possible]:
            yield Kind.SOURCE, f"'{arm.operator}' commands '{arm.arm}', which '{turn.operator}' took"

    def _data(self, arm: ArmTick, turn: ArmTurn, result: TickResult) -> Generator[tuple[Kind, str], None, bool]:
        """Whether what is followed is fresh; a generator whose result says whether anything is followed at all."""
        if arm.source is Authority.POLICY:
            problem = self._policy.problem(turn, result) if turn.turn is Turn.POLICY else None
            if problem:
                yield problem
            return True
        if arm.source is not Authority.HUMAN:
            return False
        late_ns = result.stamp_ns - turn.fresh_until_ns
        if turn.newest is not None and late_ns > self._grace_ns:
            yield Kind.STALE, f"'{arm.arm}' stays in human hands although no good command has come"
        if turn.strays(arm.requested):
            yield Kind.STALE, f"'{arm.arm}' moves away from what the hand asks for"
        return late_ns <= 0
