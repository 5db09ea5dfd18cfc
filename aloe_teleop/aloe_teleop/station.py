"""One operator's devices as a whole: who asks with what, for which arms, and which commands may move them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, Authority, RequestKind, Verdict
from aloe_teleop.device import ArmView, Command, Device, Request, Sample, View

GRANT_S: Final = 0.5  # a request that control has not followed by then was refused
_REPEAT_NS: Final = 100_000_000
_UNCONFIRMED_NS: Final = 300_000_000  # control_node answers within a tick


@dataclass(frozen=True)
class Asked:
    """A request and the name of the device that it came by."""

    request: Request
    device: str


@dataclass(frozen=True)
class PollResult:
    """What one poll of all devices gives.

    Attributes:
        commands: Commands by arm; `deadman` is true only where the operator has the arm. Arms of dead devices are
            missing.
        asked: Requests in order.
        verdict: Verdict on the running episode, with the device and the reason.
        problems: "" or what is wrong with each device, by its name.
        notes: Sentences that the operator should hear now.
        stop: "" or what is outstanding of an emergency stop, for as long as it is.
        unguarded: "" or which device with an emergency stop of a real rig does not work: nobody guards the arms.
    """

    commands: Mapping[str, Command]
    asked: tuple[Asked, ...]
    verdict: tuple[Verdict, str, str]
    problems: Mapping[str, str]
    notes: tuple[str, ...]
    stop: str = ""
    unguarded: str = ""


@dataclass
class _Taken:
    """An arm that the operator has asked for: by which device, when, whether control gave it."""

    device: str
    asked_ns: int
    granted: bool = False


class Station:
    """Polls devices and keeps what was taken with them.

    A take is not sent on while the device that would command the arm is dead or refuses: the arm is asked to hold
    instead, as it is when control does not answer, lest the policy go on against a person. A device that dies lets its
    arms go (HOLD); the emergency stop is asked for until control has it or the operator resets it, and nothing is taken
    before. Nobody guards a real rig's arms while a device with its emergency stop is dead, whatever others there are.

    Args:
        devices: Devices by name; no two command the same arm.
        rig: Rig that names the arms.
    """

    def __init__(self, devices: Mapping[str, Device], rig: Rig) -> None:
        self._devices = dict(devices)
        self._rig = rig
        self._commander = {arm: name for name, device in devices.items() for arm in device.arms}
        self._taken: dict[str, _Taken] = {}
        self._problems = dict.fromkeys(devices, "")
        self._stoppers = [] if rig.simulated else [name for name, device in devices.items() if device.stops]
        self._estop: Asked | None = None  # that control has not confirmed yet
        self._estop_ns = 0  # when it was asked for last
        self._pressed_ns = 0  # when it was asked for first
        self._notes: list[str] = []

    def poll(self, now_ns: int, view: View) -> PollResult:
        """Poll all devices."""
        self._notes = []
        samples = {name: device.poll(now_ns, view) for name, device in self._devices.items()}
        self._problems = {name: sample.problem for name, sample in samples.items()}
        asked = [*self._compare(now_ns, view), *self._let_go_of_dead_devices()]
        for name, sample in samples.items():
            asked += [
                Asked(r, name) for request in sample.requests if (r := self._followed(request, name, now_ns, view))
            ]
        asked += self._repeated_estop(now_ns, view)
        return PollResult(
            commands=self._commands(samples, view),
            asked=tuple(asked),
            verdict=_verdict(samples),
            problems=self._problems,
            notes=tuple(self._notes),
            stop=self._outstanding(now_ns, view),
            unguarded=self._unguarded(),
        )

    def let_go(self, reason: str) -> tuple[Asked, ...]:
        """What is to be asked for when all devices go: HOLD for every arm that was taken."""
        taken = self._taken
        self._taken = {}
        return tuple(Asked(Request(RequestKind.HOLD, (arm,), reason), item.device) for arm, item in taken.items())

    def _followed(self, request: Request, name: str, now_ns: int, view: View) -> Request | None:
        """The request as it is to be sent on, if it is."""
        arms = request.arms or tuple(arm.name for arm in self._rig.arms)
        if request.kind is RequestKind.TAKE:
            if refusals := self._refusals(arms, name, now_ns, view):
                self._notes.append(f"{', '.join(arms)} not taken: {'; '.join(refusals)}")
                return _hold_instead(arms, "; ".join(refusals), view)
            self._taken |= {arm: _Taken(name, now_ns, view.holds(arm)) for arm in arms}
        elif request.kind is RequestKind.READY and (dead := self._unguarded()):
            self._notes.append(f"READY not said: {dead}")
            return None
        elif request.kind is RequestKind.ESTOP:
            self._estop = Asked(request, name)
            self._estop_ns = now_ns
            self._pressed_ns = now_ns
            self._taken.clear()
        elif request.kind is RequestKind.RESET:
            # Asked for again it would undo the reset: the next run would end with a stop that nobody pressed.
            self._estop = None
        elif request.kind in (RequestKind.RELEASE, RequestKind.HOLD):
            held = tuple(arm for arm in arms if arm in self._taken)
            if request.if_held and not held:
                return None
            for arm in held:
                del self._taken[arm]
            return replace(request, arms=held) if request.if_held else request
        return request

    def _unguarded(self) -> str:
        """See `PollResult.unguarded`."""
        dead = [self._problems[name] for name in self._stoppers if self._problems[name]]
        return f"the emergency stop does not work: {'; '.join(dead)}" if dead else ""

    def _refusals(self, arms: tuple[str, ...], name: str, now_ns: int, view: View) -> list[str]:
        """Why arms cannot be taken with a device; the reasons of one that commands two arms stand once."""
        reasons = [self._problems[name], "" if self._estop is None else "the emergency stop was asked for"]
        for arm in arms:
            if commander := self._commander.get(arm):
                reasons.append(
                    self._problems[commander] or self._devices[commander].refusal(self._rig.arm(arm), now_ns, view)
                )
        return [reason for reason in dict.fromkeys(reasons) if reason]

    def _compare(self, now_ns: int, view: View) -> list[Asked]:
        """Forget what control did not give, or has taken away; what it did not give is asked to hold."""
        asked = []
        for arm, taken in list(self._taken.items()):
            if view.holds(arm):
                taken.granted = True
            elif taken.granted or abs(now_ns - taken.asked_ns) > GRANT_S * NS:
                del self._taken[arm]
                reason = view.arms[arm].reason if arm in view.arms else "no word from control_node; is it running?"
                self._notes.append(f"{arm} {'lost' if taken.granted else 'not given'}: {reason or 'no reason stated'}")
                hold = None if taken.granted else _hold_instead((arm,), "asked for and not given", view)
                if hold is not None:
                    asked.append(Asked(hold, taken.device))
        return asked

    def _let_go_of_dead_devices(self) -> list[Asked]:
        asked = []
        for name, problem in self._problems.items():
            arms = tuple(a for a, taken in self._taken.items() if name in (taken.device, self._commander.get(a)))
            if problem and arms:
                asked.append(Asked(Request(RequestKind.HOLD, arms, problem), name))
                for arm in arms:
                    del self._taken[arm]
        return asked

    def _repeated_estop(self, now_ns: int, view: View) -> list[Asked]:
        if view.estop:
            self._estop = None
        if self._estop is None or abs(now_ns - self._estop_ns) < _REPEAT_NS:
            return []
        self._estop_ns = now_ns
        return [self._estop]

    def _outstanding(self, now_ns: int, view: View) -> str:
        """What the operator must know about an emergency stop that is not over; "" where there is none."""
        if self._estop is not None and abs(now_ns - self._pressed_ns) > _UNCONFIRMED_NS:
            return (
                f"EMERGENCY STOP of {self._estop.device} NOT CONFIRMED: control_node does not answer;"
                " press the hardware stop, which cuts the drives"
            )
        if view.estop:
            return "the emergency stop is latched: look at the robot, then reset it (key `reset`)"
        return ""

    def _commands(self, samples: Mapping[str, Sample], view: View) -> dict[str, Command]:
        commands = {}
        for arm, name in self._commander.items():
            command = samples[name].commands.get(arm)
            if command is not None and not samples[name].problem:
                has_arm = arm in self._taken or view.holds(arm)
                commands[arm] = replace(command, deadman=command.deadman and has_arm)
        return commands


def _hold_instead(arms: tuple[str, ...], reason: str, view: View) -> Request | None:
    """A request to hold for those of the arms that are in nobody's hands; None where there are none."""
    free = tuple(arm for arm in arms if view.arms.get(arm, ArmView()).authority is not Authority.HUMAN)
    return Request(RequestKind.HOLD, free, f"could not be taken: {reason}") if free else None


def _verdict(samples: Mapping[str, Sample]) -> tuple[Verdict, str, str]:
    """The first verdict, with device and reason."""
    for name, sample in samples.items():
        if sample.verdict is not Verdict.NONE:
            return sample.verdict, name, sample.reason
    return Verdict.NONE, "", ""
