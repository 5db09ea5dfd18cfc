"""Who commands an arm: a small transition table, kept per arm."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final


class Authority(IntEnum):
    """Who commands an arm in a tick; the values are those of the interfaces."""

    HOLD = 0
    POLICY = 1
    HUMAN = 2


class Event(Enum):
    """What changes authority."""

    POLICY_READY = "the policy has an action for this tick"
    POLICY_SILENT = "no action for this tick"
    STOP = "disarmed or faulted"


TRANSITIONS: Final[Mapping[tuple[Authority, Event], Authority]] = {
    (Authority.HOLD, Event.POLICY_READY): Authority.POLICY,
    (Authority.POLICY, Event.POLICY_SILENT): Authority.HOLD,
    (Authority.POLICY, Event.STOP): Authority.HOLD,
    (Authority.HUMAN, Event.STOP): Authority.HOLD,
}
"""Any pair that is not listed leaves authority as it is."""


@dataclass(frozen=True)
class Hold:
    """Who holds an arm since when and why."""

    authority: Authority
    since_ns: int
    reason: str


class ArmAuthority:
    """Authority over one arm; starts with HOLD."""

    def __init__(self) -> None:
        self.state = Hold(Authority.HOLD, 0, "not armed")

    def apply(self, event: Event, now_ns: int, reason: str = "") -> Authority:
        """Apply an event at a tick; `reason` (default: the event's own words) is kept if authority changes."""
        after = TRANSITIONS.get((self.state.authority, event), self.state.authority)
        if after is not self.state.authority:
            self.state = Hold(after, now_ns, reason or event.value)
        return after
