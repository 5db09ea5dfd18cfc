"""One control tick for the whole rig: watchdog, authority, chunks, people, limits. Pure; time is an argument."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aloe_control.arming import (
    Arming,
    at_rest,
    in_place,
    needs_operator,
    needs_takeover,
    not_stopped,
    said_ready,
    stop_tried,
    within_limits,
)
from aloe_control.authority import ArmStatus
from aloe_control.chunk_executor import NOTHING_PLANNED, Planned
from aloe_control.faults import REARM, Faults
from aloe_control.human_commands import HumanCommand
from aloe_control.motion import Commanded, Motion
from aloe_control.operator_requests import Request, RequestRefused
from aloe_control.policy_input import PolicyInput
from aloe_control.sensing import Sensing
from aloe_control.takeover import Takeover
from aloe_control.tick import ControlConfig, TickResult
from aloe_control.tick_clock import Beat, TickClock
from aloe_control.turns import Turns
from aloe_control.watchdog import REQUESTS, command_stream, required_streams, takeover_streams
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import RefusalReason

Array = npt.NDArray[np.float64]


class ControlLoop:
    """The safety heart: turns joint states, camera stamps, chunks and human commands into one safe command per tick.

    A fault or a disarming brings the arms to rest within their limits, and only then ends the commands. A fault stays
    until the next successful `arm`; nothing resumes by itself.

    Args:
        rig: Rig that is controlled.
        config: Parameters of the loop.
    """

    def __init__(self, rig: Rig, config: ControlConfig | None = None) -> None:
        self._rig = rig
        self._config = config or ControlConfig()
        self._needs_operator = needs_operator(rig, self._config)
        streams = [*required_streams(rig)]
        if needs_takeover(rig, self._config):
            streams += takeover_streams(rig, self._config.takeovers)
        self._clock = TickClock(rig.rate_hz)
        self._sensing = Sensing(rig, streams, self._clock.ahead_ns)
        self.policy = PolicyInput(rig, self._config)  # also tells how many chunks were refused, and why
        self._takeover = Takeover(rig, self._config, self.policy.authority_changed, self._moving)
        self._motion = Motion(rig, self._config)
        self._faults = Faults(rig, self._sensing, self._takeover, self.policy, self._motion)
        self._turns = Turns(rig, self._takeover, self.policy, self._motion)
        in_limits = within_limits(rig, self._sensing, self._config.start_margin)
        operators = [stop_tried(self._takeover), said_ready(self._takeover)] if self._needs_operator else []
        self._at_rest = at_rest(rig, self._sensing)
        clear = in_place(self._motion, self._sensing)
        stopped = not_stopped(self._takeover)
        self._arming = Arming([stopped, self._sensing.problems, self._at_rest, in_limits, clear, *operators])
        self._tick = 0
        self._now_ns = -1
        self._armed = False
        self._stopping = False
        self._fault = ""

    @property
    def armed(self) -> bool:
        """Whether motion is enabled; true until the arms have come to rest."""
        return self._armed

    @property
    def fault(self) -> str:
        """ "" or what stopped motion, with the remedy; stays until the next successful `arm`."""
        return self._fault

    @property
    def estop(self) -> str:
        """ "" or who pressed the emergency stop, and why; stays until it is reset."""
        return self._takeover.estop

    @property
    def stops(self) -> int:
        """How many emergency stops there were so far, also those that were reset since."""
        return self._takeover.emergency_stop.count

    def authority(self, arm: str) -> ArmStatus:
        """Who holds an arm, since when and why."""
        return self._takeover.status(arm)

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per unhealthy stream."""
        return self._sensing.problems(now_ns)

    def set_joint_state(
        self, arm: str, stamp_ns: int, positions: Sequence[float] | Array, now_ns: int | None = None
    ) -> str:
        """Take a joint state; returns "" or what is wrong with it, see `Sensing.set_joint_state`."""
        return self._sensing.set_joint_state(arm, stamp_ns, positions, now_ns)

    def spoil_joint_state(self, arm: str, problem: str) -> None:
        """A joint state that could not be used: the arm counts as unhealthy until the next good one."""
        self._sensing.spoil_joint_state(arm, problem)

    def set_camera_stamp(
        self, camera: str, stamp_ns: int, content: int | None = None, now_ns: int | None = None
    ) -> None:
        """An image of this camera exists, see `Sensing.set_camera_stamp`."""
        self._sensing.set_camera_stamp(camera, stamp_ns, content, now_ns)

    def spoil_camera(self, camera: str, problem: str) -> None:
        """An image that nobody can use: the camera counts as unhealthy until the next good one."""
        self._sensing.spoil_camera(camera, problem)

    def request(self, request: Request, now_ns: int) -> str:
        """Take a person's request; it holds from the next tick on. Returns "" or why it changes nothing."""
        if not self._needs_operator or self._may_guard(request):
            self._sensing.heard(REQUESTS, request.stamp_ns, now_ns)
        try:
            self._takeover.request(request, now_ns)
        except RequestRefused as refusal:
            return str(refusal)
        return ""

    def _may_guard(self, request: Request) -> bool:
        """Whether motion may rely on a device of this launch to stop it; once enabled, only on one that was tried."""
        tried = self._takeover.emergency_stop.was_tried(request.sender)
        return request.is_sign_of_life and (tried or not self._armed)

    def set_human(self, command: HumanCommand, now_ns: int) -> str:
        """Take a human's command for one arm; returns "" or why it moves nothing."""
        refusal = self._takeover.command(command, now_ns)
        if not refusal:
            self._sensing.heard(command_stream(command.arm), command.stamp_ns, now_ns)
        return refusal

    def set_chunk(self, chunk: Chunk, sender: str = "", now_ns: int | None = None) -> str:
        """Offer a chunk; returns "" if it is followed from the next tick on, else why not.

        Args:
            chunk: Proposal of the policy.
            sender: Policy node that sealed it.
            now_ns: Time of its arrival; None: that of the last tick.
        """
        if not self._armed or self._stopping:
            return f"chunk {chunk.chunk_id} is not followed: motion is not enabled"
        return self.policy.offer(chunk, self._motion.action, sender, now_ns)

    def refuse_chunk(self, chunk_id: int, policy_version: str, text: str) -> str:
        """Count a chunk whose message cannot be read, see `PolicyInput.refuse`."""
        return self.policy.refuse(chunk_id, policy_version, RefusalReason.MALFORMED, text)

    def arm(self, now_ns: int) -> tuple[bool, str]:
        """Enable motion, starting from where the arms are; refused with the reasons unless all is healthy."""
        if self._armed:
            if self._stopping:
                return False, "the arms are still coming to rest; try again in a moment"
            return True, "already armed"
        problems = self._arming.problems(now_ns)
        if problems:
            return False, "not armed: " + " | ".join(problems)
        self._motion.start(self._sensing.measured)
        self.policy.start(now_ns)
        self._armed = True
        self._stopping = False
        self._fault = ""
        self._takeover.arm(now_ns)
        return True, "armed"

    def disarm(self, reason: str) -> None:
        """Bring the arms to rest and end motion; not a fault. A READY of before it is void."""
        self._takeover.operators.ready = ""
        if self._armed and not self._stopping:
            self._stop(reason)

    def fail(self, reason: str) -> None:
        """Bring the arms to rest because of a fault that somebody else has found."""
        if self._armed and not self._stopping:
            self._fault = f"{reason}; {REARM}"
            self._stop(self._fault)

    def tick(self, now_ns: int, steady_ns: int | None = None) -> TickResult:
        """Run one tick.

        Args:
            now_ns: Time by the clock of all stamps.
            steady_ns: Time by a clock that nobody sets; None where time is simulated: then `now_ns` is all there is.
        """
        beat = self._clock.advance(now_ns, steady_ns)
        self._tick += 1
        self._now_ns = now_ns
        if beat.jumped:
            self._sensing.forget()
            self._takeover.forget()
        return self._armed_tick(beat) if self._armed else self._idle_tick()

    def _moving(self, now_ns: int) -> Sequence[str]:
        """One sentence per reason to think that an arm is not at rest."""
        return ["the arms are still coming to rest; wait a moment"] if self._armed else self._at_rest(now_ns)

    def _stop(self, reason: str) -> None:
        self._stopping = True
        self._takeover.stop(self._now_ns, reason)

    def _armed_tick(self, beat: Beat) -> TickResult:
        planned, requested, reasons = self._wanted(beat)
        commanded = self._motion.advance(self._now_ns, requested, reasons, beat)
        result = self._result(planned, commanded)
        if self._stopping and self._motion.at_rest:
            self._armed = False
            self._stopping = False
        return result

    def _idle_tick(self) -> TickResult:
        measured = self._sensing.measured.copy()
        return self._result(None, Commanded(measured, measured, ("",) * len(self._rig.arms)))

    def _wanted(self, beat: Beat) -> tuple[Planned | None, Array, tuple[str, ...]]:
        """Row of a chunk, all joints [S] (NaN: hold), and per arm why that is not what was asked for."""
        try:
            if not self._stopping:
                self._fault = self._faults.find(self._now_ns, beat.fault)
                if self._fault:
                    self._stop(self._fault)
            if self._stopping:
                sensing = self._sensing
                self._motion.hold_lost_arms(sensing.measured, sensing.newest, sensing.readings, beat)
            planned = self._turns.ask(self._now_ns, self._stopping)
            return planned, *self._motion.solve()
        except Exception as error:  # whatever it is: arms in motion are brought to rest, not left without commands
            self.fail(f"control failed, please report it: {type(error).__name__}: {error}")
            return None, np.full(self._rig.state_dim, np.nan), ("",) * len(self._rig.arms)

    def _result(self, planned: Planned | None, commanded: Commanded) -> TickResult:
        planned = planned or NOTHING_PLANNED
        arms = self._turns.told(commanded)
        commands = {arm.arm: arm.executed for arm in arms} if self._armed else {}
        origin = (planned.chunk_id, planned.step, planned.policy_version)
        return TickResult(self._tick, self._now_ns, self._armed, self._fault, *origin, arms, commands)
