"""Who holds which arm: the transition table of every arm, and what the taking of one means for the others."""

from collections.abc import Callable, Iterable
from typing import Final

from aloe_control.authority import ArmAuthority, ArmStatus, Event, State
from aloe_control.operator_requests import Request, operator_text
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority

POLICYS: Final = (State.WAITING, State.POLICY)


class ArmAuthorities:
    """Authority over all arms of a rig.

    An arm belongs to the device that took it (`sender`) and to the person it named (`operator`), not to a name alone.

    Args:
        rig: Rig whose arms are held.
        changed: Called with arm, old state, new state and time after every change.
    """

    def __init__(self, rig: Rig, changed: Callable[[str, State, State, int], None]) -> None:
        self._others_hold = rig.takeover.other_arms == "hold"
        self._changed = changed
        self._arms = {arm.name: ArmAuthority() for arm in rig.arms}
        self._held_along: set[str] = set()  # arms that hold only because another one was taken
        self.names = tuple(self._arms)

    def status(self, arm: str) -> ArmStatus:
        """Who holds an arm, since when and why."""
        return self._arms[arm].status

    def state(self, arm: str) -> State:
        """Where an arm stands."""
        return self._arms[arm].state

    @property
    def are_idle(self) -> bool:
        """Whether motion is enabled for no arm."""
        return all(arm.state is State.IDLE for arm in self._arms.values())

    def begin(self, now_ns: int) -> None:
        """Motion is enabled."""
        for name in self.names:
            self._apply(name, Event.ARM, now_ns)

    def end(self, now_ns: int, reason: str) -> None:
        """Motion ends, whoever held the arms."""
        self._held_along.clear()
        for name in self.names:
            self._apply(name, Event.STOP, now_ns, reason)

    def policy(self, arm: str, ready: bool, now_ns: int) -> None:
        """Whether the policy has an action for an arm in this tick."""
        self._apply(arm, Event.POLICY_READY if ready else Event.POLICY_SILENT, now_ns)

    def let_go(self, arms: Iterable[str], now_ns: int, reason: str) -> None:
        """Nobody commands the arms until a person takes them or hands them back."""
        for name in arms:
            self._held_along.discard(name)  # it holds for its own sake now
            self._apply(name, Event.LET_GO, now_ns, reason)

    def take(self, arms: Iterable[str], request: Request, now_ns: int) -> None:
        """The arms are in the hands of whoever sent the request."""
        for name in arms:
            self._held_along.discard(name)
            self._apply(name, Event.TAKE, now_ns, request.reason, request.operator, request.sender)
        self._move_others_along(now_ns)

    def release(self, arms: Iterable[str], request: Request, now_ns: int) -> None:
        """The arms wait for the policy."""
        for name in arms:
            self._held_along.discard(name)
            self._apply(name, Event.RELEASE, now_ns, request.reason)
        self._move_others_along(now_ns)

    def refusal(self, arm: str, operator: str, sender: str) -> str:
        """ "" or in whose hands an arm is, if these are not those of the operator and the device that are named."""
        status = self._arms[arm].status
        if status.authority is not Authority.HUMAN or (status.operator, status.sender) == (operator, sender):
            return ""
        holder = operator_text(status.operator, status.sender)
        return f"'{arm}' is in the hands of {holder}, not of {operator_text(operator, sender)}"

    def let_go_of_renamed(self, operator: str, sender: str, now_ns: int) -> str:
        """Let go of arms whose device calls itself by another name than when it took them; returns "" or the reason."""
        problem = ""
        for name in self.names:
            status = self.status(name)
            is_its = bool(sender) and status.authority is Authority.HUMAN and status.sender == sender
            if is_its and status.operator != operator:
                problem = (
                    f"{sender} took '{name}' as '{status.operator}' and now calls itself '{operator}'; take it again"
                )
                self.let_go((name,), now_ns, problem)
        return problem

    def _move_others_along(self, now_ns: int) -> None:
        """Where the rig says so, the other arms hold for as long as one is in human hands."""
        if not self._others_hold:
            return
        if any(arm.state is State.HUMAN for arm in self._arms.values()):
            along = {name for name, arm in self._arms.items() if arm.state in POLICYS}
            self._held_along |= along
            event = Event.LET_GO
            reason = "holds while another arm is in human hands"
        else:
            along = set(self._held_along)
            self._held_along.clear()
            event = Event.RELEASE
            reason = ""
        for name in along:
            self._apply(name, event, now_ns, reason)

    def _apply(
        self, name: str, event: Event, now_ns: int, reason: str = "", operator: str = "", sender: str = ""
    ) -> None:
        arm = self._arms[name]
        before = arm.state
        after = arm.apply(event, now_ns, reason, operator, sender)
        if after is not before:
            self._changed(name, before, after, now_ns)
