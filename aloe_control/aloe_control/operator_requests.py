"""What people ask of control, and which of it is in time and in order."""

from dataclasses import dataclass

from aloe_control.tick_clock import LATE_PERIODS
from aloe_control.watchdog import future_stamp
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, RequestKind


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

    @property
    def asker(self) -> str:
        """Who asks, for people to read."""
        return self.operator or self.device or "somebody"

    @property
    def is_sign_of_life(self) -> bool:
        """Whether it tells that a person's device is there: a critic asks for HOLD, too, and strangers seal nothing."""
        return bool(self.sender) and self.kind is not RequestKind.HOLD


class RequestRefused(ValueError):
    """What was asked for is not done; the message says why, and what holds instead."""


class RequestOrder:
    """Refuses requests that are old, from the future, repeated, out of order or from before arming.

    Order is kept per sender (where nothing is sealed, per device): another name does not make an old request count.

    Args:
        rig: Rig whose period says how far in the future a stamp may lie.
        max_age_s: Age from which on a request is refused.
    """

    def __init__(self, rig: Rig, max_age_s: float) -> None:
        self._max_age_ns = max_age_s * NS
        self._ahead_ns = LATE_PERIODS * NS / rig.rate_hz
        self._newest_ns: dict[tuple[str, str], int] = {}
        self._since_ns = 0

    def begin(self, now_ns: int) -> None:
        """Requests from before now are void."""
        self._since_ns = now_ns

    def forget(self) -> None:
        """Stamps from before a jump of the clock mean nothing."""
        self._newest_ns.clear()
        self._since_ns = 0

    def note(self, request: Request, now_ns: int) -> None:
        """A request that is obeyed whenever it was made; those of its sender from before it are out of order."""
        made_ns = min(request.stamp_ns, now_ns)  # a stamp in the far future must not shut the sender out
        source = _source(request)
        self._newest_ns[source] = max(made_ns, self._newest_ns.get(source, -1))

    def check(self, request: Request, now_ns: int) -> None:
        """Pass a request once.

        Raises:
            RequestRefused: it is late, early, repeated, out of order or from before arming.
        """
        name = f"{request.kind.name} of '{request.device}'"
        age_ns = now_ns - request.stamp_ns
        if age_ns > self._max_age_ns:
            raise RequestRefused(f"{name} is {age_ns / NS:.3f} s old (limit {self._max_age_ns / NS:g} s)")
        if age_ns < -self._ahead_ns:
            raise RequestRefused(f"{name}: {future_stamp(request.stamp_ns, now_ns)}")
        if request.stamp_ns < self._since_ns:
            raise RequestRefused(f"{name} is from before arming")
        source = _source(request)
        if request.stamp_ns <= self._newest_ns.get(source, -1):
            raise RequestRefused(f"{name} is repeated or out of order")
        self._newest_ns[source] = request.stamp_ns


def _source(request: Request) -> tuple[str, str]:
    """Whose order a request belongs to: a stranger's device may call itself as a sender does."""
    return ("sender", request.sender) if request.sender else ("device", request.device)


def operator_text(operator: str, sender: str) -> str:
    """Who that is, for messages: a name, and the node that tells two people of one name apart."""
    return f"'{operator}' ({sender})" if sender else f"'{operator}'"
