"""One control tick for the whole rig: watchdog, authority, chunks, people, limits. Pure; time is an argument."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.authority import Authority, Hold, State
from aloe_control.chunk_executor import ChunkExecutor, ChunkOutdated, ChunkRefused, JumpLimits, Planned
from aloe_control.doubts import JointDoubts
from aloe_control.following import Following
from aloe_control.handover import action_fade_limits
from aloe_control.human_commands import HumanCommand, Mode
from aloe_control.joint_requests import RequestSolver
from aloe_control.joints import joint_problem, make_limiter, outside_limits
from aloe_control.limiter import Limited
from aloe_control.takeover import Request, RequestRefused, Takeover
from aloe_control.tick import ArmTick, ControlConfig, TickResult
from aloe_control.watchdog import (
    REQUESTS,
    PolicyWatch,
    Watchdog,
    arm_stream,
    camera_stream,
    command_stream,
    required_streams,
    takeover_streams,
)
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]
NS: Final = 1_000_000_000
_REARM: Final = "then arm again with /control/arm"
_RESET: Final = "look at the robot, reset the stop on the takeover device"


class ControlLoop:
    """The safety heart: turns joint states, camera stamps, chunks and human commands into one safe command per tick.

    A fault or a disarming brings the arms to rest within their limits, and only then ends the commands. A fault stays
    until the next successful `arm`; nothing resumes by itself.

    Args:
        rig: what is controlled.
        config: parameters.
    """

    def __init__(self, rig: Rig, config: ControlConfig | None = None) -> None:
        self._rig, self._config = rig, config or ControlConfig()
        self._limiter = make_limiter(rig)
        self._solver = RequestSolver(rig, self._config.ik_iterations)
        jumps = JumpLimits(self._config.max_jump_rad, self._config.max_jump_m, self._config.max_jump_rotation_rad)
        fades = action_fade_limits(rig, self._config)
        self._executor = ChunkExecutor(rig, self._config.blend_ticks, jumps, fades)
        people = takeover_streams(rig) if needs_takeover(rig, self._config) else []
        self._watchdog = Watchdog([*required_streams(rig), *people])
        self._following = Following(rig, self._config.follow_rad, self._config.follow_s)
        self._policy_watch = PolicyWatch(self._config.policy_grace_s, rig.policy_max_age_s)
        self._takeover = Takeover(rig, self._config, self._authority_changed)
        self._doubts = JointDoubts(rig)
        self._measured = np.full(rig.state_dim, np.nan)
        self._tick, self._now_ns = 0, -1
        self._armed = self._stopping = False
        self._fault = ""
        self._last_refusal = ""
        self.refused_chunks, self.last_refused_policy = 0, ""
        self._warm_up()

    @property
    def armed(self) -> bool:
        """Whether motion is enabled; true until the arms have come to rest."""
        return self._armed

    @property
    def fault(self) -> str:
        """ "" or what stopped motion, with the remedy; stays until the next successful `arm`."""
        return self._fault

    @property
    def last_refusal(self) -> str:
        """Why the last refused chunk was refused; "" if none was since arming."""
        return self._last_refusal

    @property
    def estop(self) -> str:
        """ "" or who pressed the emergency stop, and why; stays until it is reset."""
        return self._takeover.estop

    def authority(self, arm: str) -> Hold:
        """Who holds an arm, since when and why."""
        return self._takeover.hold(arm)

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per unhealthy stream."""
        return [*self._watchdog.problems(now_ns), *self._doubts.problems]

    def set_joint_state(self, arm: str, stamp_ns: int, positions: Sequence[float] | Array) -> str:
        """Take measured joint positions [dof] in the rig's order, gripper last; returns "" or what is wrong."""
        values = np.asarray(positions, float)
        problem = joint_problem(self._rig.arm(arm), values)
        doubt = "" if problem else self._doubts.take(arm, stamp_ns, values)
        if problem:
            self.spoil_joint_state(arm, problem)
        elif not doubt and self._watchdog.seen(arm_stream(arm), stamp_ns):
            self._measured[self._rig.state_slice(arm)] = values
        return problem or doubt

    def spoil_joint_state(self, arm: str, problem: str) -> None:
        """A joint state that could not be used: the arm counts as unhealthy until the next good one."""
        self._watchdog.spoil(arm_stream(arm), problem)

    def set_camera_stamp(self, camera: str, stamp_ns: int, content: int | None = None) -> None:
        """An image of this camera exists, taken at this time; `content` is a checksum of its data, if known."""
        self._watchdog.seen(camera_stream(camera), stamp_ns, content)

    def request(self, request: Request, now_ns: int) -> str:
        """Take a person's request; it holds from the next tick on. Returns "" or why it changes nothing."""
        self._watchdog.seen(REQUESTS, request.stamp_ns)
        try:
            self._takeover.request(request, now_ns)
        except RequestRefused as refusal:
            return str(refusal)
        return ""

    def set_human(self, command: HumanCommand, now_ns: int) -> str:
        """Take a human's command for one arm; returns "" or why it moves nothing."""
        refusal = self._takeover.command(command, now_ns)
        if not refusal:
            self._watchdog.seen(command_stream(command.arm), command.stamp_ns)
        return refusal

    def set_chunk(self, chunk: Chunk) -> str:
        """Offer a chunk; returns "" if it is followed from the next tick on, else why not."""
        if not self._armed or self._stopping:
            return f"chunk {chunk.chunk_id} is not followed: motion is not enabled"
        try:
            self._executor.offer(chunk, self._solver.action_of(self._limiter.positions))
        except ChunkOutdated as late:
            return str(late)
        except ChunkRefused as refusal:
            return self.refuse_chunk(str(refusal), chunk.policy_version)
        return ""

    def refuse_chunk(self, reason: str, policy_version: str) -> str:
        """Count a chunk that cannot be followed; the reason is told if the policy then counts as silent."""
        self.refused_chunks += 1
        self._last_refusal, self.last_refused_policy = reason, policy_version
        return reason

    def arm(self, now_ns: int) -> tuple[bool, str]:
        """Enable motion, starting from where the arms are; refused with the reasons unless all is healthy."""
        if self._armed:
            if self._stopping:
                return False, "the arms are still coming to rest; try again in a moment"
            return True, "already armed"
        problems = [f"{self.estop}; {_RESET}"] if self.estop else self._watchdog.problems(now_ns)
        problems = problems or outside_limits(self._rig, self._doubts.newest(self._measured), self._config.start_margin)
        problems = [*problems, *self._doubts.problems]
        if problems:
            return False, "not armed: " + " | ".join(problems)
        self._limiter.reset(self._measured)
        self._executor.start(now_ns)
        self._following.start()
        self._armed, self._stopping = True, False
        self._policy_watch.begin(now_ns)
        self._fault = self._last_refusal = ""
        self._takeover.arm(now_ns)
        return True, "armed"

    def disarm(self, reason: str) -> None:
        """Bring the arms to rest and end motion; not a fault."""
        if self._armed and not self._stopping:
            self._stop(reason)

    def fail(self, reason: str) -> None:
        """Bring the arms to rest because of a fault that somebody else has found."""
        if self._armed and not self._stopping:
            self._fault = f"{reason}; {_REARM}"
            self._stop(self._fault)

    def tick(self, now_ns: int) -> TickResult:
        """Run one tick; `now_ns` rises from call to call."""
        back_ns = self._now_ns - now_ns
        self._tick, self._now_ns = self._tick + 1, now_ns
        if back_ns >= 0:
            self._watchdog.forget()
            self._doubts.forget()
            self._takeover.forget()
        return self._armed_tick(back_ns) if self._armed else self._idle_tick()

    def _warm_up(self) -> None:
        """First calls import and allocate: not in a tick."""
        home = np.concatenate([arm.home for arm in self._rig.arms])
        self._limiter.reset(home)
        self._limiter.step(home + 1.0)
        self._solver.begin(home)
        for arm in self._rig.arms:
            self._solver.ask(arm.name, Mode.EE_POSE, self._solver.here(arm.name)[1])
        self._solver.solve()

    def _find_fault(self, now_ns: int, back_ns: int) -> str:
        if self.estop:
            return f"{self.estop}; {_RESET}, {_REARM}"
        if back_ns >= 0:
            return f"time went back by {back_ns / NS:.3f} s; restart what publishes the time, {_REARM}"
        # One doubtful joint state stops nothing; when they go on, the stream counts as silent, and why is told.
        silent = self._watchdog.problems(now_ns)
        problems = [*silent, *self._doubts.problems] if silent else self._following.problems(self._measured)
        silence = self._policy_silence(now_ns)
        if silence:
            problems.append(silence)
        return f"{' | '.join(problems)}; {_REARM}" if problems else ""

    def _policy_silence(self, now_ns: int) -> str:
        if not any(self._takeover.state(arm.name) in (State.WAITING, State.POLICY) for arm in self._rig.arms):
            return ""  # nobody waits for it
        return self._policy_watch.problem(now_ns, self._executor.newest_stamp_ns, self._last_refusal)

    def _authority_changed(self, arm: str, before: State, after: State, now_ns: int) -> None:
        if after in (State.HUMAN, State.HELD):
            self._executor.drop(arm)
        elif after is State.WAITING and before in (State.HUMAN, State.HELD):
            self._executor.follow(arm, now_ns)
            self._policy_watch.begin(now_ns)

    def _stop(self, reason: str) -> None:
        self._stopping = True
        self._takeover.stop(self._now_ns, reason)

    def _armed_tick(self, back_ns: int) -> TickResult:
        planned, requested, ik_reasons = self._wanted(back_ns)
        limited = self._limiter.step(requested)
        self._following.commanded(limited.positions)
        result = self._result(planned, self._arm_ticks(requested, limited, ik_reasons))
        if self._stopping and self._limiter.at_rest:
            self._armed = self._stopping = False
        return result

    def _wanted(self, back_ns: int) -> tuple[Planned | None, Array, tuple[str, ...]]:
        """Row of a chunk, all joints [S] (NaN: hold), and per arm why that is not what was asked for."""
        try:
            planned = self._planned(back_ns)
            self._solver.begin(self._limiter.positions)
            for arm in self._rig.arms:
                self._ask(arm.name, planned)
            return planned, *self._solver.solve()
        except Exception as error:  # whatever it is: arms in motion are brought to rest, not left without commands
            self.fail(f"control failed, please report it: {type(error).__name__}: {error}")
            return None, np.full(self._rig.state_dim, np.nan), ("",) * len(self._rig.arms)

    def _planned(self, back_ns: int) -> Planned | None:
        """What the policy wants in this tick, unless motion has to end."""
        if not self._stopping:
            self._fault = self._find_fault(self._now_ns, back_ns)
            if self._fault:
                self._stop(self._fault)
        if self._stopping:
            return None
        self._takeover.check(self._now_ns)
        return self._executor.next(self._now_ns)

    def _ask(self, arm: str, planned: Planned | None) -> None:
        """Ask an arm for what the one who holds it wants; nothing if nobody does."""
        row = np.full(1, np.nan) if planned is None else planned.action[self._rig.action_slice(arm)]
        self._takeover.policy(arm, bool(np.isfinite(row).all()), self._now_ns)
        authority = self._takeover.hold(arm).authority
        if authority is Authority.POLICY:
            self._solver.ask_action(arm, row)
        elif authority is Authority.HUMAN:
            target = self._takeover.target(arm, *self._solver.here(arm))
            if target is not None:
                self._solver.ask(arm, *target)

    def _arm_ticks(self, requested: Array, limited: Limited, ik_reasons: tuple[str, ...]) -> tuple[ArmTick, ...]:
        requested = np.where(np.isfinite(requested), requested, limited.positions)
        ticks = []
        for arm, ik_reason in zip(self._rig.arms, ik_reasons, strict=True):
            joints = self._rig.state_slice(arm.name)
            clipped = ",".join(reason for reason in (ik_reason, limited.reason(joints)) if reason)
            ticks.append(self._arm_tick(arm.name, requested[joints], limited.positions[joints], clipped))
        return tuple(ticks)

    def _arm_tick(self, arm: str, requested: Array, executed: Array, clip_reason: str) -> ArmTick:
        hold = self._takeover.hold(arm)
        return ArmTick(arm, hold.authority, requested, executed, clip_reason, hold.operator, hold.reason)

    def _idle_tick(self) -> TickResult:
        slices = [self._rig.state_slice(arm.name) for arm in self._rig.arms]
        measured = [self._measured[joints].copy() for joints in slices]
        arms = [self._arm_tick(arm.name, q, q, "") for arm, q in zip(self._rig.arms, measured, strict=True)]
        return self._result(None, tuple(arms))

    def _result(self, planned: Planned | None, arms: tuple[ArmTick, ...]) -> TickResult:
        chunk_id, step, version = (
            (0, 0, "") if planned is None else (planned.chunk_id, planned.step, planned.policy_version)
        )
        commands = {arm.arm: arm.executed for arm in arms} if self._armed else {}
        return TickResult(self._tick, self._now_ns, self._armed, self._fault, chunk_id, step, version, arms, commands)


def needs_takeover(rig: Rig, config: ControlConfig) -> bool:
    """Whether motion is enabled only while people can take the arms over."""
    return config.takeover == "required" or (config.takeover == "auto" and not rig.simulated)
