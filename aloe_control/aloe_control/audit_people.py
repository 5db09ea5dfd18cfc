"""What people asked for: whose turn it is on each arm because of that, and whether motion may be enabled at all."""

from dataclasses import dataclass

from aloe_control.audit_findings import AuditRules
from aloe_control.audit_turns import ArmTurn, Turn
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, RequestKind


@dataclass
class _Device:
    """What is known of one sender of requests.

    Attributes:
        known: Whether its requests are sealed.
        newest_ns: Stamp of its newest request that counted.
        heard_ns: When it was last heard of.
        ready: Whether it said, since the last motion, that all is ready.
        stops: Whether the emergency stop is pressed by it, and not reset.
        tried: Whether it pressed the emergency stop and reset it.
    """

    known: bool
    newest_ns: int = -1
    heard_ns: int = -1
    ready: bool = False
    stops: bool = False
    tried: bool = False


class PeopleAudit:
    """Hears all requests and commands of people.

    Args:
        rig: Rig whose arms they are about.
        rules: What holds for the run.
        ahead_ns: How far in the future a stamp may lie before it is void, ns.
        grace_ns: Time in which a change must have had its effect, ns.
    """

    def __init__(self, rig: Rig, rules: AuditRules, ahead_ns: float, grace_ns: float) -> None:
        self._rules = rules
        self._ahead_ns = ahead_ns
        self._max_age_ns = rules.request_max_age_s * NS
        self._absent_ns = rig.takeover.device_max_age_s * NS
        self._grace_ns = grace_ns
        self._waits = rig.takeover.other_arms == "hold"
        self.turns = {arm.name: ArmTurn(rig, arm, ahead_ns, round(rules.slack_s * NS)) for arm in rig.arms}
        self._devices: dict[str, _Device] = {}
        self._armed_ns = 0

    @property
    def estop(self) -> bool:
        """Whether an emergency stop is latched."""
        return any(device.stops for device in self._devices.values())

    @property
    def others_wait(self) -> bool:
        """Whether the policy may move no arm, because somebody has one in hand and the rig says so."""
        return self._waits and any(turn.turn is Turn.HUMAN for turn in self.turns.values())

    def arm(self, now_ns: int) -> str:
        """Motion was enabled; returns "" or why it should not have been."""
        problem = "the emergency stop is latched" if self.estop else ""
        if self._rules.asks_ready and not problem:
            problem = self._not_ready(now_ns)
        self._armed_ns = now_ns
        for device in self._devices.values():
            device.ready = False
        for turn in self.turns.values():
            turn.begin(Turn.STOPPED if problem else Turn.POLICY, now_ns)
        return problem

    def stop(self, now_ns: int) -> None:
        """Motion was ended."""
        for turn in self.turns.values():
            turn.begin(Turn.STOPPED, now_ns)

    def forget(self) -> None:
        """The clock was set: earlier stamps mean nothing."""
        self._armed_ns = 0
        for device in self._devices.values():
            device.newest_ns = -1
            device.heard_ns = -1
            device.ready = False
        for turn in self.turns.values():
            turn.forget()

    def command(self, command: HumanCommand, now_ns: int) -> None:
        """A human's command was offered."""
        if command.arm in self.turns:
            self.turns[command.arm].command(command, now_ns)

    def request(self, request: Request, now_ns: int, moves: bool) -> None:
        """A person asked for something, while the arms move or stand still."""
        device = self._heard(request, now_ns)
        known = set(request.arms) <= set(self.turns)
        turns = [self.turns[name] for name in (request.arms if known else ()) or self.turns]
        if request.kind in (RequestKind.ESTOP, RequestKind.HOLD):
            device.newest_ns = max(device.newest_ns, min(request.stamp_ns, now_ns))
            self._stop_or_hold(request, device, turns, now_ns)
        elif request.kind is not RequestKind.ALIVE:
            in_order = self._is_in_order(request, device, now_ns)
            if request.kind is RequestKind.TAKE:
                self._take(request, turns, now_ns, in_order and known and self._rules.takeovers)
            elif in_order and known:
                self._do(request, device, turns, now_ns, moves)

    def _heard(self, request: Request, now_ns: int) -> _Device:
        """The device, which was there when it made the request, unless it is a HOLD: any node may send that, too."""
        device = self._devices.setdefault(request.sender or request.device, _Device(known=bool(request.sender)))
        if request.kind is RequestKind.HOLD:
            return device
        made_ns = min(request.stamp_ns, now_ns)
        if made_ns - device.heard_ns > self._absent_ns + self._grace_ns:
            device.ready = False  # it was away in between
        device.heard_ns = max(device.heard_ns, made_ns)
        return device

    def _is_in_order(self, request: Request, device: _Device, now_ns: int) -> bool:
        """Whether a request is of this time, and newer than the device's last one and than arming."""
        age_ns = now_ns - request.stamp_ns
        if age_ns > self._max_age_ns or age_ns < -self._ahead_ns:
            return False
        if request.stamp_ns <= max(device.newest_ns, self._armed_ns - 1):
            return False
        device.newest_ns = request.stamp_ns
        return True

    def _stop_or_hold(self, request: Request, device: _Device, turns: list[ArmTurn], now_ns: int) -> None:
        """What counts of anybody, at any time."""
        if request.kind is RequestKind.HOLD:
            self._begin([turn for turn in turns if turn.turn is not Turn.STOPPED], Turn.NOBODY, now_ns)
            return
        device.stops = True
        self.stop(now_ns)
        for other in self._devices.values():
            other.ready = False

    def _take(self, request: Request, turns: list[ArmTurn], now_ns: int, counts: bool) -> None:
        """All arms that are meant are taken, or those that nobody has in hand hold."""
        moving = [turn for turn in turns if turn.turn is not Turn.STOPPED]
        if counts and all(turn.holder in ("", who(request)) for turn in moving):
            self._begin(moving, Turn.HUMAN, now_ns, request)
        else:
            self._begin([turn for turn in moving if turn.turn is not Turn.HUMAN], Turn.NOBODY, now_ns)

    def _do(self, request: Request, device: _Device, turns: list[ArmTurn], now_ns: int, moves: bool) -> None:
        """What else a request that is in order asks for."""
        if request.kind is RequestKind.READY:
            device.ready = not moves and not self.estop
        elif request.kind is RequestKind.RESET and not moves:
            self._reset(device, now_ns)
        elif request.kind is RequestKind.RELEASE:
            moving = [turn for turn in turns if turn.turn is not Turn.STOPPED]
            if all(turn.holder in ("", who(request)) for turn in moving):
                self._begin(moving, Turn.POLICY, now_ns)

    def _reset(self, device: _Device, now_ns: int) -> None:
        """A device resets its own stop, and those of devices that are unknown or gone."""
        device.tried |= device.stops
        device.stops = False
        for other in self._devices.values():
            if not other.known or now_ns - other.heard_ns > self._absent_ns - self._grace_ns:
                other.stops = False

    def _not_ready(self, now_ns: int) -> str:
        present = [
            device for device in self._devices.values() if now_ns - device.heard_ns <= self._absent_ns + self._grace_ns
        ]
        if not any(device.ready for device in present):
            return "nobody who is there said that all is ready since the last motion"
        if not any(device.ready and device.tried for device in present):
            return "who said that all is ready has not tried the emergency stop"
        return ""

    def _begin(self, turns: list[ArmTurn], turn: Turn, now_ns: int, request: Request | None = None) -> None:
        holder = "" if request is None else who(request)
        operator = "" if request is None else request.operator
        for item in turns:
            if (item.turn, item.holder) != (turn, holder):
                item.begin(turn, now_ns, holder, operator)


def who(asks: Request | HumanCommand) -> str:
    """Whose request or command it is: what sealed it; in a record without seals, the operator's name."""
    return asks.sender or asks.operator
