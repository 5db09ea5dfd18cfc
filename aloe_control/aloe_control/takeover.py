"""People's part in the control loop: their requests, their commands, and who holds which arm because of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.arm_authorities import POLICYS, ArmAuthorities
from aloe_control.authority import ArmStatus, State
from aloe_control.emergency_stop import EmergencyStop
from aloe_control.human_commands import CommandGuard, CommandRefused, CommandUnsafe, HumanCommand
from aloe_control.human_motion import HumanMotion
from aloe_control.operator_requests import Request, RequestOrder, RequestRefused
from aloe_control.operators import Operators
from aloe_control.tick import ControlConfig
from aloe_data.rig import Rig
from aloe_data.section import nearest
from aloe_data.vocabulary import Authority, CommandMode, RequestKind

Array = npt.NDArray[np.float64]
_OFF: Final = "takeovers are off (human:=false, or parameter takeovers); start with human:=DEVICE to have them"


class Takeover:
    """Authority over every arm, as people's requests, their devices and the policy change it.

    A wish to take an arm that cannot be granted makes the arm hold: the policy does not go on against a person.

    Args:
        rig: Rig whose arms are taken over.
        config: Age limits, hand-over speeds, and whether people may take over.
        changed: Called with arm, old state, new state and time after every change.
        moving: From the present time to one sentence per arm that is not at rest.

    Attributes:
        emergency_stop: Stops that are outstanding, and who may reset them.
        operators: Devices that are there, and which of them said ready.
    """

    def __init__(
        self,
        rig: Rig,
        config: ControlConfig,
        changed: Callable[[str, State, State, int], None] = lambda *_: None,
        moving: Callable[[int], Sequence[str]] = lambda _: (),
    ) -> None:
        self._rig = rig
        self._config = config
        self._changed = changed
        self._moving = moving
        self._authorities = ArmAuthorities(rig, self._authority_changed)
        self._motions = {arm.name: HumanMotion(rig, arm, config) for arm in rig.arms}
        self._guards: dict[tuple[str, str], CommandGuard] = {}  # by arm and sender: nobody spoils another's commands
        self._unsafe: dict[str, str] = {}
        self._order = RequestOrder(rig, config.request_max_age_s)
        self.emergency_stop = EmergencyStop()
        self.operators = Operators(rig.takeover.device_max_age_s)

    @property
    def estop(self) -> str:
        """ "" or who pressed the emergency stop, and why; stays until it is reset."""
        return self.emergency_stop.text

    def status(self, arm: str) -> ArmStatus:
        """Who holds an arm, since when and why."""
        return self._authorities.status(arm)

    def state(self, arm: str) -> State:
        """Where an arm stands."""
        return self._authorities.state(arm)

    def arm(self, now_ns: int) -> None:
        """Motion is enabled; requests from before are void, and whoever said ready has to say it again next time."""
        self._order.begin(now_ns)
        self.operators.ready = ""
        self._authorities.begin(now_ns)

    def stop(self, now_ns: int, reason: str) -> None:
        """Motion ends, whoever held the arms."""
        self._authorities.end(now_ns, reason)

    def forget(self) -> None:
        """Stamps from before a jump of the clock mean nothing."""
        self._order.forget()
        self.operators.forget()
        self._guards.clear()

    def request(self, request: Request, now_ns: int) -> None:
        """Do what a person asks for.

        Raises:
            RequestRefused: Unknown arm, too old or repeated, not armed, or somebody else holds the arm. What stops is
                done all the same, and where a TAKE fails, the policy's arms among those it meant hold.
        """
        self.operators.heard(request, now_ns)
        renamed = self._authorities.let_go_of_renamed(request.operator, request.sender, now_ns)
        match request.kind:
            case RequestKind.ESTOP:
                self._stop_all(request, now_ns)
            case RequestKind.HOLD:
                self._hold(request, now_ns)
            case RequestKind.TAKE:
                self._take_or_hold(request, renamed, now_ns)
            case _ if renamed:
                raise RequestRefused(renamed)
            case RequestKind.RELEASE:
                self._release(request, now_ns)
            case RequestKind.RESET:
                self._reset(request, now_ns)
            case RequestKind.READY:
                self._ready(request, now_ns)

    def command(self, command: HumanCommand, now_ns: int) -> str:
        """Take a human's command for one arm; returns "" or why it moves nothing."""
        if command.arm not in self._authorities.names:
            return f"command for {self._unknown((command.arm,))}"
        if not self._config.takeovers:
            return f"command for '{command.arm}' refused: {_OFF}"
        renamed = self._authorities.let_go_of_renamed(command.operator, command.sender, now_ns)
        refusal = renamed or self._authorities.refusal(command.arm, command.operator, command.sender)
        if refusal:
            return f"command refused: {refusal}"
        try:
            self._guard(command).check(command, now_ns)
        except CommandUnsafe as error:
            if self.status(command.arm).authority is Authority.HUMAN:  # pressed or let go: it cannot be trusted
                self._unsafe[command.arm] = str(error)
            return str(error)
        except CommandRefused as error:
            return str(error)
        self._motions[command.arm].offer(command, now_ns)
        return ""

    def check(self, now_ns: int) -> None:
        """Let go of arms whose device went silent, was let go, or cannot be trusted."""
        for name in self._authorities.names:
            if self.state(name) is State.HUMAN:
                problem = self._unsafe.get(name) or self._motions[name].problem(now_ns)
                if problem:
                    who = self.status(name).operator or "the operator"
                    self._authorities.let_go((name,), now_ns, f"{who}: {problem}")
        self._unsafe.clear()

    def policy(self, arm: str, ready: bool, now_ns: int) -> None:
        """Whether the policy has an action for an arm in this tick."""
        self._authorities.policy(arm, ready, now_ns)

    def target(self, arm: str, joints: Array, pose: Array) -> tuple[CommandMode, Array] | None:
        """What the human in control asks of an arm, see `HumanMotion.target`."""
        return self._motions[arm].target(joints, pose)

    def _stop_all(self, request: Request, now_ns: int) -> None:
        self._order.note(request, now_ns)
        self.operators.ready = ""
        self.emergency_stop.press(request)

    def _hold(self, request: Request, now_ns: int) -> None:
        """HOLD counts at any time and from anybody."""
        self._order.note(request, now_ns)
        self._authorities.let_go(self._meant(request), now_ns, request.reason or f"hold asked for by {request.asker}")
        unknown = self._unknown(request.arms)
        if unknown:
            raise RequestRefused(f"{unknown}; all arms hold")

    def _take_or_hold(self, request: Request, renamed: str, now_ns: int) -> None:
        try:
            self._check_take(request, renamed, now_ns)
        except RequestRefused as refusal:
            held = self._hold_instead(request, str(refusal), now_ns)
            instead = f"; {', '.join(held)} held instead" if held else ""
            raise RequestRefused(f"{refusal}{instead}") from refusal
        self._authorities.take(self._meant(request), request, now_ns)

    def _check_take(self, request: Request, renamed: str, now_ns: int) -> None:
        self._order.check(request, now_ns)
        problem = renamed or self._unknown(request.arms) or ("" if self._config.takeovers else _OFF)
        if problem:
            raise RequestRefused(problem)
        self._refuse_others(request)

    def _hold_instead(self, request: Request, problem: str, now_ns: int) -> list[str]:
        """Names of the arms that hold because they could not be taken; those in human hands stay there."""
        held = [name for name in self._meant(request) if self.state(name) in (*POLICYS, State.HELD)]
        self._authorities.let_go(held, now_ns, f"{request.asker} could not take it: {problem}")
        return held

    def _release(self, request: Request, now_ns: int) -> None:
        unknown = self._unknown(request.arms)
        if unknown:
            raise RequestRefused(unknown)
        self._order.check(request, now_ns)
        self._refuse_others(request)
        self._authorities.release(self._meant(request), request, now_ns)

    def _reset(self, request: Request, now_ns: int) -> None:
        self._order.check(request, now_ns)
        problems = self._in_motion(now_ns)
        if problems:
            raise RequestRefused(f"the emergency stop is reset at rest alone: {' | '.join(problems)}")
        self.emergency_stop.reset(request, lambda sender: self.operators.is_present(sender, now_ns))

    def _ready(self, request: Request, now_ns: int) -> None:
        self._order.check(request, now_ns)
        problems = self._in_motion(now_ns)
        if self.estop:
            problems.append(f"{self.estop}; reset it first")
        if problems:
            raise RequestRefused(f"READY does not count: {' | '.join(problems)}; then say ready again")
        self.operators.ready = request.sender

    def _in_motion(self, now_ns: int) -> list[str]:
        moving = list(self._moving(now_ns))
        return moving if self._authorities.are_idle else ["motion is enabled; let it end, or disarm", *moving]

    def _refuse_others(self, request: Request) -> None:
        if self._authorities.are_idle:
            raise RequestRefused("motion is not enabled; arm first")
        for name in self._meant(request):
            refusal = self._authorities.refusal(name, request.operator, request.sender)
            if refusal:
                raise RequestRefused(refusal)

    def _guard(self, command: HumanCommand) -> CommandGuard:
        key = (command.arm, command.sender)
        if key not in self._guards:
            self._guards[key] = CommandGuard(self._rig, self._rig.arm(command.arm), self._config)
        return self._guards[key]

    def _unknown(self, arms: Iterable[str]) -> str:
        """ "" or which of the arms does not exist."""
        for name in arms:
            if name not in self._authorities.names:
                return f"unknown arm '{name}'; {nearest(name, self._authorities.names)}"
        return ""

    def _meant(self, request: Request) -> tuple[str, ...]:
        """Arms that a request names; all of them where it names none, or one that does not exist."""
        if not request.arms or self._unknown(request.arms):
            return self._authorities.names
        return request.arms

    def _authority_changed(self, arm: str, before: State, after: State, now_ns: int) -> None:
        if after is State.HUMAN:
            self._motions[arm].engage(now_ns)
            self._unsafe.pop(arm, None)
        self._changed(arm, before, after, now_ns)
