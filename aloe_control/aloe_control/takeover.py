"""People's part in the control loop: their requests, their commands, and who holds which arm because of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.authority import ArmAuthority, Authority, Event, Hold, State
from aloe_control.human_commands import CommandGuard, CommandRefused, CommandUnsafe, HumanCommand, Mode
from aloe_control.human_motion import HumanMotion
from aloe_control.tick import ControlConfig
from aloe_control.tick_clock import LATE_PERIODS
from aloe_control.watchdog import future_stamp
from aloe_data.rig import Rig
from aloe_data.section import nearest

Array = npt.NDArray[np.float64]
NS: Final = 1_000_000_000
_POLICYS: Final = (State.WAITING, State.POLICY)


class RequestKind(IntEnum):
    """What a person asks for; the numbers are those of aloe_msgs/InterventionRequest."""

    TAKE = 0
    RELEASE = 1
    HOLD = 2
    ESTOP = 3
    RESET = 4
    ALIVE = 5
    READY = 6


@dataclass(frozen=True)
class Request:
    """A person's request; no arms: all of them. Fields as in aloe_msgs/InterventionRequest.

    `sender` is the node that sealed it, and its incarnation; "": nobody that this launch knows.
    """

    kind: RequestKind
    arms: tuple[str, ...]
    stamp_ns: int
    operator: str = ""
    device: str = ""
    reason: str = ""
    sender: str = ""


class RequestRefused(ValueError):
    """A request that changes nothing; the message says why."""


class Takeover:
    """Authority over every arm, as people's requests, their devices and the policy change it.

    Args:
        rig: its arms and takeover section.
        config: age limits and hand-over speeds.
        changed: called with arm, old state, new state and time after every change.

    Attributes:
        estop: "" or who pressed the emergency stop, and why; stays until it is reset.
        stops: how many emergency stops there were so far; a device repeats its request until it is heard.
    """

    def __init__(
        self, rig: Rig, config: ControlConfig, changed: Callable[[str, State, State, int], None] = lambda *_: None
    ) -> None:
        self._rig, self._changed = rig, changed
        self._max_age_ns = config.request_max_age_s * NS
        self._ahead_ns = LATE_PERIODS * NS / rig.rate_hz
        self._arms = {arm.name: ArmAuthority() for arm in rig.arms}
        self._guards = {arm.name: CommandGuard(rig, arm, config) for arm in rig.arms}
        self._motions = {arm.name: HumanMotion(rig, arm, config) for arm in rig.arms}
        self._unsafe: dict[str, str] = {}
        self._held_along: set[str] = set()  # arms that hold only because another one was taken
        self._newest_ns: dict[str, int] = {}  # stamp of the last request of each device
        self._since_ns = 0
        self.estop = ""
        self.stops = 0

    def hold(self, arm: str) -> Hold:
        """Who holds an arm, since when and why."""
        return self._arms[arm].hold

    def state(self, arm: str) -> State:
        """Where an arm stands."""
        return self._arms[arm].state

    def arm(self, now_ns: int) -> None:
        """Motion is enabled; requests from before are void."""
        self._since_ns = now_ns
        for name in self._arms:
            self._apply(name, Event.ARM, now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """Motion ends, whoever held the arms."""
        self._held_along.clear()
        for name in self._arms:
            self._apply(name, Event.STOP, now_ns, reason)

    def forget(self) -> None:
        """Stamps from before a jump of the clock mean nothing."""
        self._newest_ns.clear()
        self._since_ns = 0
        for guard in self._guards.values():
            guard.forget()

    def request(self, request: Request, now_ns: int) -> None:
        """Do what a person asks for, as a whole or not at all.

        Raises:
            RequestRefused: unknown arm, too old or repeated, not armed, or somebody else holds the arm. An emergency
                stop is never refused.
        """
        who = request.operator or request.device or "somebody"
        if request.kind is RequestKind.ESTOP:
            if not self.estop:
                self.stops += 1
            self.estop = self.estop or f"emergency stop by {who}" + (f": {request.reason}" if request.reason else "")
            return
        arms = self._named(request.arms)
        if request.kind is RequestKind.HOLD:
            for name in arms:
                self._held_along.discard(name)  # it holds for its own sake now
                self._apply(name, Event.LET_GO, now_ns, request.reason or f"hold asked for by {who}")
        elif request.kind is RequestKind.RESET:
            self._check_time(request, now_ns)
            if not self._all_idle():
                raise RequestRefused("the emergency stop is not cleared while motion is enabled")
            self.estop = ""
        elif request.kind not in (RequestKind.ALIVE, RequestKind.READY):
            self._check_time(request, now_ns)
            self._take_or_release(request, arms, now_ns)

    def command(self, command: HumanCommand, now_ns: int) -> str:
        """Take a human's command; returns "" or why it moves nothing."""
        if command.arm not in self._arms:
            return f"command for unknown arm '{command.arm}'; {nearest(command.arm, self._arms)}"
        hold = self._arms[command.arm].hold
        if hold.authority is Authority.HUMAN and command.operator != hold.operator:
            return f"'{command.arm}' is in the hands of '{hold.operator}'; command of '{command.operator}' refused"
        try:
            self._guards[command.arm].check(command, now_ns)
        except CommandUnsafe as error:
            if command.deadman:
                self._unsafe[command.arm] = str(error)
            return str(error)
        except CommandRefused as error:
            return str(error)
        self._motions[command.arm].offer(command, now_ns)
        return ""

    def check(self, now_ns: int) -> None:
        """Let go of arms whose device went silent, was let go, or cannot be trusted."""
        for name, arm in self._arms.items():
            if arm.state is State.HUMAN:
                problem = self._unsafe.get(name) or self._motions[name].problem(now_ns)
                if problem:
                    self._apply(name, Event.LET_GO, now_ns, f"{hold_name(arm.hold)}: {problem}")
        self._unsafe.clear()

    def policy(self, arm: str, ready: bool, now_ns: int) -> None:
        """Whether the policy has an action for an arm in this tick."""
        self._apply(arm, Event.POLICY_READY if ready else Event.POLICY_SILENT, now_ns)

    def target(self, arm: str, joints: Array, pose: Array) -> tuple[Mode, Array] | None:
        """What the human in control asks of an arm, see `HumanMotion.target`."""
        return self._motions[arm].target(joints, pose)

    def _take_or_release(self, request: Request, arms: tuple[str, ...], now_ns: int) -> None:
        if self._all_idle():
            raise RequestRefused("motion is not enabled; arm first")
        for name in arms:
            hold = self._arms[name].hold
            if hold.authority is Authority.HUMAN and hold.operator != request.operator:
                raise RequestRefused(f"'{name}' is in the hands of '{hold.operator}', not of '{request.operator}'")
        event = Event.TAKE if request.kind is RequestKind.TAKE else Event.RELEASE
        for name in arms:
            operator = request.operator if event is Event.TAKE else ""
            self._held_along.discard(name)
            self._apply(name, event, now_ns, request.reason, operator)
        self._move_others_along(now_ns)

    def _move_others_along(self, now_ns: int) -> None:
        """Where the rig says so, the other arms hold for as long as one is in human hands."""
        if self._rig.takeover.other_arms != "hold":
            return
        if any(arm.state is State.HUMAN for arm in self._arms.values()):
            along = {name for name, arm in self._arms.items() if arm.state in _POLICYS}
            self._held_along |= along
            event, reason = Event.LET_GO, "holds while another arm is in human hands"
        else:
            along, event, reason = set(self._held_along), Event.RELEASE, ""
            self._held_along.clear()
        for name in along:
            self._apply(name, event, now_ns, reason)

    def _named(self, arms: Iterable[str]) -> tuple[str, ...]:
        for name in arms:
            if name not in self._arms:
                raise RequestRefused(f"unknown arm '{name}'; {nearest(name, self._arms)}")
        return tuple(arms) or tuple(self._arms)

    def _check_time(self, request: Request, now_ns: int) -> None:
        age_ns, name = now_ns - request.stamp_ns, request.kind.name
        if age_ns < -self._ahead_ns:
            raise RequestRefused(f"{name} of '{request.device}': {future_stamp(request.stamp_ns, now_ns)}")
        if age_ns > self._max_age_ns:
            raise RequestRefused(
                f"{name} of '{request.device}' is {age_ns / NS:.3f} s old (limit {self._max_age_ns / NS:g} s)"
            )
        if request.stamp_ns < self._since_ns:
            raise RequestRefused(f"{name} of '{request.device}' is from before arming")
        if request.stamp_ns <= self._newest_ns.get(request.device, -1):
            raise RequestRefused(f"{name} of '{request.device}' is repeated or out of order")
        self._newest_ns[request.device] = request.stamp_ns

    def _all_idle(self) -> bool:
        return all(arm.state is State.IDLE for arm in self._arms.values())

    def _apply(self, name: str, event: Event, now_ns: int, reason: str = "", operator: str = "") -> None:
        arm = self._arms[name]
        before = arm.state
        after = arm.apply(event, now_ns, reason, operator)
        if after is not before:
            if after is State.HUMAN:
                self._motions[name].engage(now_ns)
                self._unsafe.pop(name, None)
            self._changed(name, before, after, now_ns)


def hold_name(hold: Hold) -> str:
    """Who is in control, for messages."""
    return hold.operator or "the operator"
