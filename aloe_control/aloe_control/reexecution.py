"""Runs the control loop again on what a recording says went into it: the same commands come out.

Chunks, requests and commands of people, and the times of the ticks are taken from the record. So are the decisions to
enable motion and to end it, which depend on streams (cameras, joint states) whose arrival nothing records exactly.
With the same code on the same machine the set points are the same to the last bit; another numpy rounds differently.
"""

import copy
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.control_loop import ControlLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ArmTick, ControlConfig, TickResult
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority, RequestKind

Array = npt.NDArray[np.float64]
TOLERANCE_RAD: Final = 1e-6  # what another rounding makes of it, far below an encoder's resolution
_OBEYED: Final = (RequestKind.TAKE, RequestKind.RELEASE, RequestKind.HOLD)  # the others end motion, or change nothing
_SHIFTS: Final = (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5)  # commands: order of reception differs under load


class ReexecutionError(ValueError):
    """A recording that cannot be run again; the message says what is missing."""


@dataclass(frozen=True)
class Recording:
    """What went into a control loop and what came out, in order of time.

    Attributes:
        ticks: Ticks that came out; their `commands` are not needed.
        chunks: Chunks of the policy.
        requests: Requests of operators, with the time at which they reached the loop [ns].
        commands: Commands of operators, with the time of their reception [ns], which may be a few ms off.
        joints: Measured positions [dof] with their stamp [ns] and arm.
        armed_ns: Times at which motion was enabled, as far as known [ns].
    """

    ticks: Sequence[TickResult]
    chunks: Sequence[Chunk] = ()
    requests: Sequence[tuple[int, Request]] = ()
    commands: Sequence[tuple[int, HumanCommand]] = ()
    joints: Sequence[tuple[int, str, Array]] = ()
    armed_ns: Sequence[int] = ()


def reexecute(rig: Rig, recording: Recording, config: ControlConfig | None = None) -> Iterator[TickResult]:
    """What the loop does now at every recorded tick with motion enabled.

    Args:
        rig: Rig that was controlled.
        recording: Recording of one or more runs from arming to rest.
        config: Parameters of the control loop that was recorded; None: their defaults.

    Raises:
        ReexecutionError: ticks are missing, or the record begins in full motion.
    """
    return _Reexecution(rig, recording, config or ControlConfig()).run()


def difference_rad(recorded: TickResult, again: TickResult) -> float:
    """Largest difference of the set points [rad; gripper m]; infinite where anything else differs."""
    if any(getattr(recorded, name) != getattr(again, name) for name in ("chunk_id", "step", "policy_version")):
        return np.inf
    return max(_arm_difference(*arms) for arms in zip(recorded.arms, again.arms, strict=True))


def _arm_difference(recorded: ArmTick, again: ArmTick) -> float:
    if recorded.hold:
        return 0.0  # it held where it was measured, which is not known as exactly as what was commanded
    for name in ("arm", "source", "operator", "reason", "clip_reason"):
        if getattr(recorded, name) != getattr(again, name):
            return np.inf
    pairs = ((recorded.requested, again.requested), (recorded.executed, again.executed))
    return max(float(np.abs(a - b).max()) for a, b in pairs)


class _Reexecution:
    def __init__(self, rig: Rig, recording: Recording, config: ControlConfig) -> None:
        self._rig = rig
        self._recording = recording
        self._config = replace(config, takeover="off")  # whether people had to be there is not decided again
        self._requests = [(at_ns, request) for at_ns, request in recording.requests if request.kind in _OBEYED]
        self._commands = {arm.name: [c for c in recording.commands if c[1].arm == arm.name] for arm in rig.arms}
        self._loop = ControlLoop(rig, self._config)
        self._given = dict.fromkeys(self._commands, 0)  # commands that the loop has had, by arm
        self._chunk = (0, "")
        self._known = True  # all that came out so far is as recorded

    def run(self) -> Iterator[TickResult]:
        for idle, run in self._runs():
            self._begin(run[0], idle.stamp_ns if idle else run[0].stamp_ns - round(2e9 / self._rig.rate_hz))
            stop = _stop_of(run)
            for number, recorded in enumerate(run):
                if number == stop:
                    self._loop.disarm(recorded.arms[0].reason)
                yield self._again(recorded)

    def _runs(self) -> Iterator[tuple[TickResult | None, list[TickResult]]]:
        """Ticks from arming to rest, and the one before them, if it is in the record."""
        idle: TickResult | None = None
        run: list[TickResult] = []
        for before, tick in pairwise((None, *self._recording.ticks)):
            assert tick is not None
            if before is not None and tick.tick != before.tick + 1:
                raise ReexecutionError(f"ticks {before.tick + 1} to {tick.tick - 1} are not in the record")
            if tick.armed:
                run.append(tick)
                continue
            if run:
                yield idle, run
            idle = tick
            run = []
        if run:
            yield idle, run

    def _begin(self, first: TickResult, before_ns: int) -> None:
        armed_ns = self._armed_ns(first, before_ns)
        self._loop = ControlLoop(self._rig, self._config)
        self._loop.tick(before_ns)  # whether the first tick of the run was late counts from here
        self._feed(armed_ns, self._start(first, armed_ns))
        armed, problem = self._loop.arm(armed_ns)
        if not armed:
            raise ReexecutionError(f"tick {first.tick}: {problem}")
        self._given = {arm: _received_by(rows, armed_ns) for arm, rows in self._commands.items()}
        self._requests = [row for row in self._requests if row[0] >= armed_ns]
        self._chunk = (0, "")
        self._known = True

    def _armed_ns(self, first: TickResult, before_ns: int) -> int:
        """When motion was enabled: after the tick before, and before anything came that the first tick obeyed."""
        key = (first.chunk_id, first.policy_version)
        followed = [c.stamp_ns for c in self._recording.chunks if (c.chunk_id, c.policy_version) == key]
        known = [at_ns for at_ns in self._recording.armed_ns if before_ns < at_ns <= first.stamp_ns]
        return min([*known, *followed[-1:]], default=before_ns)

    def _start(self, first: TickResult, armed_ns: int) -> dict[str, Array]:
        """Where the arms were when motion was enabled: while they hold, the command says it."""
        start = {}
        for arm in first.arms:
            measured = [q for stamp_ns, name, q in self._recording.joints if name == arm.arm and stamp_ns <= armed_ns]
            if arm.source is Authority.HOLD:
                start[arm.arm] = arm.executed
            elif measured:
                start[arm.arm] = measured[-1]
            else:
                raise ReexecutionError(
                    f"tick {first.tick}: the record begins in motion, with no position of '{arm.arm}'"
                )
        return start

    def _feed(self, now_ns: int, joints: dict[str, Array]) -> None:
        """Healthy streams."""
        for camera in self._rig.cameras:
            self._loop.set_camera_stamp(camera.name, now_ns)
        for arm, positions in joints.items():
            self._loop.set_joint_state(arm, now_ns, positions)

    def _again(self, recorded: TickResult) -> TickResult:
        self._feed(recorded.stamp_ns, {arm.arm: arm.executed for arm in recorded.arms})
        while self._requests and self._requests[0][0] <= recorded.stamp_ns:
            at_ns, request = self._requests.pop(0)
            self._loop.request(request, at_ns)
        self._offer(recorded)
        humans = [arm.arm for arm in recorded.arms if self._loop.authority(arm.arm).authority is Authority.HUMAN]
        if not humans or not self._known:
            return self._tick(recorded, dict.fromkeys(humans, 0))
        return self._with_commands(recorded, humans)

    def _offer(self, recorded: TickResult) -> None:
        """A chunk that is followed for the first time came since the last tick."""
        key = (recorded.chunk_id, recorded.policy_version)
        if recorded.chunk_id and key != self._chunk:
            self._chunk = key
            known = [c for c in self._recording.chunks if (c.chunk_id, c.policy_version) == key]
            for chunk in known[-1:]:
                self._loop.set_chunk(chunk)

    def _with_commands(self, recorded: TickResult, humans: Sequence[str]) -> TickResult:
        """One tick with the commands that had come by then: near its time, the outcome tells which."""
        loop = copy.deepcopy(self._loop, {id(self._rig): self._rig})
        given = dict(self._given)
        for number, shifts in enumerate(product(_SHIFTS, repeat=len(humans))):
            if number:
                self._loop = copy.deepcopy(loop, {id(self._rig): self._rig})
                self._given = dict(given)
            result = self._tick(recorded, dict(zip(humans, shifts, strict=True)))
            if difference_rad(recorded, result) <= TOLERANCE_RAD:
                return result
        self._loop = loop
        self._given = given
        self._known = False
        return self._tick(recorded, dict.fromkeys(humans, 0))

    def _tick(self, recorded: TickResult, shifts: dict[str, int]) -> TickResult:
        for arm, rows in self._commands.items():
            end = _received_by(rows, recorded.stamp_ns) + shifts.get(arm, 0)
            for _, command in rows[self._given[arm] : end]:
                self._loop.set_human(command, recorded.stamp_ns)
            self._given[arm] = max(self._given[arm], min(end, len(rows)))
        return self._loop.tick(recorded.stamp_ns)


def _stop_of(run: Sequence[TickResult]) -> int | None:
    """Position of the tick from which on the arms come to rest, whoever held them; None if there is none."""
    stop = len(run)
    reason = run[-1].arms[0].reason
    for number in range(len(run) - 1, -1, -1):
        tick = run[number]
        if tick.chunk_id or any(a.source is not Authority.HOLD or a.reason != reason for a in tick.arms):
            break
        stop = number
    return stop if 0 < stop < len(run) else None


def _received_by(rows: Sequence[tuple[int, HumanCommand]], now_ns: int) -> int:
    return bisect_right(rows, now_ns, key=lambda row: row[0])
