"""Operator devices that are there, and which of them said that the scene is ready."""

from aloe_control.operator_requests import Request, operator_text
from aloe_data.vocabulary import NS


class Operators:
    """Presence of sealed operator devices: every request of one but HOLD, heartbeats too, is a sign of life.

    Args:
        max_age_s: Silence from which on a device counts as absent.

    Attributes:
        ready: Sender that said ready since motion last ended, until arming uses it up; "": none.
    """

    def __init__(self, max_age_s: float) -> None:
        self._max_age_ns = max_age_s * NS
        self._heard_ns: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self.ready = ""

    def heard(self, request: Request, now_ns: int) -> None:
        """A request came; most are signs of life."""
        if not request.is_sign_of_life:
            return
        sender = request.sender
        made_ns = min(request.stamp_ns, now_ns)
        before_ns = self._heard_ns.get(sender, made_ns)
        if sender == self.ready and made_ns - before_ns > self._max_age_ns:
            self.ready = ""  # it was away in between: whether the person still means it is unknown
        self._heard_ns[sender] = max(made_ns, before_ns)
        self._names[sender] = request.operator

    def is_present(self, sender: str, now_ns: int) -> bool:
        """Whether a device gave a sign of life lately."""
        heard_ns = self._heard_ns.get(sender)
        return heard_ns is not None and now_ns - heard_ns <= self._max_age_ns

    def present(self, now_ns: int) -> list[str]:
        """Senders of all devices that are there."""
        return [sender for sender in self._heard_ns if self.is_present(sender, now_ns)]

    def describe(self, sender: str) -> str:
        """Who that is, for messages, by the name that the device last said."""
        return operator_text(self._names.get(sender, ""), sender)

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._heard_ns.clear()
        self.ready = ""
