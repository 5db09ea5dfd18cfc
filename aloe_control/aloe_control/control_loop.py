"""One control tick for the whole rig: watchdog, chunks, inverse kinematics, limits. Pure; time is an argument."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.authority import ArmAuthority, Authority, Event, Hold
from aloe_control.chunk_executor import ChunkExecutor, ChunkOutdated, ChunkRefused, JumpLimits, Planned
from aloe_control.ik import make_solver
from aloe_control.limiter import JointLimiter, Limited
from aloe_control.tick import ArmTick, ControlConfig, TickResult
from aloe_control.watchdog import Watchdog, arm_stream, camera_stream, required_streams
from aloe_data.chunk import Chunk
from aloe_data.rig import Arm, Rig

Array = npt.NDArray[np.float64]
NS: Final = 1_000_000_000
_REARM: Final = "then arm again with /control/arm"


class ControlLoop:
    """The safety heart: turns joint states, camera stamps and chunks into one safe command per tick.

    A fault or a disarming brings the arms to rest within their limits, and only then ends the commands. A fault stays
    until the next successful `arm`; nothing resumes by itself.

    Args:
        rig: what is controlled.
        config: parameters.
    """

    def __init__(self, rig: Rig, config: ControlConfig | None = None) -> None:
        self._rig, self._config = rig, config or ControlConfig()
        self._limiter = make_limiter(rig)
        self._solver = make_solver(rig, self._config.ik_iterations)
        jumps = JumpLimits(self._config.max_jump_rad, self._config.max_jump_m, self._config.max_jump_rotation_rad)
        self._executor = ChunkExecutor(rig, self._config.blend_ticks, jumps)
        self._watchdog = Watchdog(required_streams(rig))
        self._authorities = {arm.name: ArmAuthority() for arm in rig.arms}
        self._measured = np.full(rig.state_dim, np.nan)
        self._tick, self._now_ns, self._armed_ns = 0, -1, 0
        self._armed = self._stopping = False
        self._fault = ""
        self._last_refusal = ""
        self.refused_chunks = 0
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

    def authority(self, arm: str) -> Hold:
        """Who holds an arm, since when and why."""
        return self._authorities[arm].state

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per unhealthy stream."""
        return self._watchdog.problems(now_ns)

    def set_joint_state(self, arm: str, stamp_ns: int, positions: Sequence[float] | Array) -> str:
        """Take measured joint positions [dof] in the rig's order, gripper last; returns "" or what is wrong."""
        description = self._rig.arm(arm)
        values = np.asarray(positions, float)
        problem = _joint_problem(description, values)
        if problem:
            self.spoil_joint_state(arm, problem)
        elif self._watchdog.seen(arm_stream(arm), stamp_ns):
            self._measured[self._rig.state_slice(arm)] = values
        return problem

    def spoil_joint_state(self, arm: str, problem: str) -> None:
        """A joint state that could not be used: the arm counts as unhealthy until the next good one."""
        self._watchdog.spoil(arm_stream(arm), problem)

    def set_camera_stamp(self, camera: str, stamp_ns: int) -> None:
        """An image of this camera exists, taken at this time."""
        self._watchdog.seen(camera_stream(camera), stamp_ns)

    def set_chunk(self, chunk: Chunk) -> str:
        """Offer a chunk; returns "" if it is followed from the next tick on, else why not."""
        if not self._armed or self._stopping:
            return f"chunk {chunk.chunk_id} is not followed: motion is not enabled"
        try:
            self._executor.offer(chunk, self._solver.action_of(self._limiter.positions))
        except ChunkOutdated as late:
            return str(late)
        except ChunkRefused as refusal:
            return self.refuse_chunk(str(refusal))
        return ""

    def refuse_chunk(self, reason: str) -> str:
        """Count a chunk that cannot be followed; the reason is told if the policy then counts as silent."""
        self.refused_chunks += 1
        self._last_refusal = reason
        return reason

    def arm(self, now_ns: int) -> tuple[bool, str]:
        """Enable motion, starting from where the arms are; refused with the reasons unless all is healthy."""
        if self._armed:
            if self._stopping:
                return False, "the arms are still coming to rest; try again in a moment"
            return True, "already armed"
        problems = self._watchdog.problems(now_ns) or self._outside()
        if problems:
            return False, "not armed: " + " | ".join(problems)
        self._limiter.reset(self._measured)
        self._executor.start(now_ns)
        self._armed, self._stopping, self._armed_ns = True, False, now_ns
        self._fault = self._last_refusal = ""
        return True, "armed"

    def disarm(self, reason: str) -> None:
        """Bring the arms to rest and end motion; not a fault."""
        if self._armed and not self._stopping:
            self._stop(reason)

    def tick(self, now_ns: int) -> TickResult:
        """Run one tick; `now_ns` rises from call to call."""
        back_ns = self._now_ns - now_ns
        self._tick, self._now_ns = self._tick + 1, now_ns
        if back_ns >= 0:
            self._watchdog.forget()
        if not self._armed:
            return self._idle_tick()
        if not self._stopping:
            self._fault = self._find_fault(now_ns, back_ns)
            if self._fault:
                self._stop(self._fault)
        return self._armed_tick()

    def _warm_up(self) -> None:
        """First calls import and allocate: not in a tick."""
        home = np.concatenate([arm.home for arm in self._rig.arms])
        self._limiter.reset(home)
        self._limiter.step(home + 1.0)
        self._solver.solve(self._solver.action_of(home), home + 0.01)

    def _find_fault(self, now_ns: int, back_ns: int) -> str:
        if back_ns >= 0:
            return f"time went back by {back_ns / NS:.3f} s; restart what publishes the time, {_REARM}"
        problems = self._watchdog.problems(now_ns)
        silence = self._policy_silence(now_ns)
        if silence:
            problems.append(silence)
        return f"{' | '.join(problems)}; {_REARM}" if problems else ""

    def _policy_silence(self, now_ns: int) -> str:
        newest = self._executor.newest_stamp_ns
        limit_s = self._config.policy_grace_s if newest is None else self._rig.policy_max_age_s
        age_s = (now_ns - (self._armed_ns if newest is None else newest)) / NS
        if age_s <= limit_s:
            return ""
        since = "sent no chunk since arming" if newest is None else "chunks stopped: newest observation"
        refusal = f" (last chunk refused: {self._last_refusal})" if self._last_refusal else ""
        return f"policy {since} {age_s:.3f} s ago (limit {limit_s:g} s){refusal}; check policy_node"

    def _stop(self, reason: str) -> None:
        self._stopping = True
        for authority in self._authorities.values():
            authority.apply(Event.STOP, self._now_ns, reason)

    def _armed_tick(self) -> TickResult:
        planned = None if self._stopping else self._executor.next(self._now_ns)
        event = Event.POLICY_SILENT if planned is None else Event.POLICY_READY
        for authority in self._authorities.values():
            authority.apply(event, self._now_ns)
        requested, ik_reasons = np.full(self._rig.state_dim, np.nan), ("",) * len(self._rig.arms)
        if planned is not None:
            requested, ik_reasons = self._solver.solve(planned.action, self._limiter.positions)
        limited = self._limiter.step(requested)
        result = self._result(planned, self._arm_ticks(requested, limited, ik_reasons))
        if self._stopping and self._limiter.at_rest:
            self._armed = self._stopping = False
        return result

    def _arm_ticks(self, requested: Array, limited: Limited, ik_reasons: tuple[str, ...]) -> tuple[ArmTick, ...]:
        requested = np.where(np.isfinite(requested), requested, limited.positions)
        ticks = []
        for arm, ik_reason in zip(self._rig.arms, ik_reasons, strict=True):
            joints = self._rig.state_slice(arm.name)
            reasons = [reason for reason in (ik_reason, limited.reason(joints)) if reason]
            source = self._authorities[arm.name].state.authority
            ticks.append(ArmTick(arm.name, source, requested[joints], limited.positions[joints], ",".join(reasons)))
        return tuple(ticks)

    def _idle_tick(self) -> TickResult:
        slices = [self._rig.state_slice(arm.name) for arm in self._rig.arms]
        measured = [self._measured[joints].copy() for joints in slices]
        arms = [ArmTick(arm.name, Authority.HOLD, q, q, "") for arm, q in zip(self._rig.arms, measured, strict=True)]
        return self._result(None, tuple(arms))

    def _result(self, planned: Planned | None, arms: tuple[ArmTick, ...]) -> TickResult:
        chunk_id, step, version = (
            (0, 0, "") if planned is None else (planned.chunk_id, planned.step, planned.policy_version)
        )
        commands = {arm.arm: arm.executed for arm in arms} if self._armed else {}
        return TickResult(self._tick, self._now_ns, self._armed, self._fault, chunk_id, step, version, arms, commands)

    def _outside(self) -> list[str]:
        """Joints that stand too far outside their limits to start from."""
        found = []
        for arm in self._rig.arms:
            for joint, q in zip(arm.all_joints, self._measured[self._rig.state_slice(arm.name)], strict=True):
                margin = self._config.start_margin * (joint.upper - joint.lower)
                if not joint.lower - margin <= q <= joint.upper + margin:
                    found.append(
                        f"joint '{joint.name}' of '{arm.name}' stands at {q:.3f}, outside {joint.lower:g} to "
                        f"{joint.upper:g}; move it back by hand or correct the rig file"
                    )
        return found


def make_limiter(rig: Rig) -> JointLimiter:
    """A limiter over the joints of all arms, grippers included, in the order of the rig's state."""
    joints = [joint for arm in rig.arms for joint in arm.all_joints]
    return JointLimiter(
        lower=np.array([joint.lower for joint in joints]),
        upper=np.array([joint.upper for joint in joints]),
        max_velocity=np.array([joint.max_velocity for joint in joints]),
        max_acceleration=np.array([joint.max_acceleration for joint in joints]),
        max_jerk=np.array([joint.max_jerk for joint in joints]),
        dt_s=1.0 / rig.rate_hz,
    )


def _joint_problem(arm: Arm, positions: Array) -> str:
    if positions.shape != (arm.dof,):
        return f"{positions.size} positions instead of {arm.dof} ({', '.join(arm.joint_names)})"
    bad = [name for name, value in zip(arm.joint_names, positions, strict=True) if not np.isfinite(value)]
    return f"joint {', '.join(repr(name) for name in bad)} is not finite" if bad else ""
