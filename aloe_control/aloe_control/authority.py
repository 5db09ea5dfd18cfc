"""Who commands an arm: a small transition table, kept per arm.

    IDLE --arm--> WAITING <--ready/silent--> POLICY        motion enabled, the policy's turn
                     |  ^                      |
                   take  release             take          a person's turn
                     v  |                      v
                    HUMAN ----let go------> HELD           nobody's turn, until a person takes or hands back

From every state STOP leads to IDLE, and nothing but arming leads out of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from aloe_data.vocabulary import Authority


class State(Enum):
    """Where an arm stands in the table above."""

    IDLE = "motion is not enabled"
    WAITING = "waits for the policy"
    POLICY = "follows the policy"
    HUMAN = "in human hands"
    HELD = "holds until a person takes it or hands it back"


class Event(Enum):
    """What changes the state."""

    ARM = "armed"
    POLICY_READY = "the policy has an action for this tick"
    POLICY_SILENT = "no action for this tick"
    TAKE = "taken over"
    RELEASE = "handed back to the policy"
    LET_GO = "let go"
    STOP = "disarmed or faulted"


AUTHORITY: Final[Mapping[State, Authority]] = {
    State.IDLE: Authority.HOLD,
    State.WAITING: Authority.HOLD,
    State.POLICY: Authority.POLICY,
    State.HUMAN: Authority.HUMAN,
    State.HELD: Authority.HOLD,
}

TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.IDLE, Event.ARM): State.WAITING,
    (State.WAITING, Event.POLICY_READY): State.POLICY,
    (State.WAITING, Event.TAKE): State.HUMAN,
    (State.WAITING, Event.LET_GO): State.HELD,
    (State.WAITING, Event.STOP): State.IDLE,
    (State.POLICY, Event.POLICY_SILENT): State.WAITING,
    (State.POLICY, Event.TAKE): State.HUMAN,
    (State.POLICY, Event.LET_GO): State.HELD,
    (State.POLICY, Event.STOP): State.IDLE,
    (State.HUMAN, Event.RELEASE): State.WAITING,
    (State.HUMAN, Event.LET_GO): State.HELD,
    (State.HUMAN, Event.STOP): State.IDLE,
    (State.HELD, Event.TAKE): State.HUMAN,
    (State.HELD, Event.RELEASE): State.WAITING,
    (State.HELD, Event.STOP): State.IDLE,
}
"""Any pair that is not listed changes nothing."""


@dataclass(frozen=True)
class ArmStatus:
    """Who holds an arm since when and why.

    `operator` is "" unless a human does; `sender` is the human's node and its incarnation: two devices of one name are
    two holders.
    """

    authority: Authority
    since_ns: int
    reason: str
    operator: str = ""
    sender: str = ""


class ArmAuthority:
    """Authority over one arm; starts idle."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self.status = ArmStatus(Authority.HOLD, 0, "not armed")

    def apply(self, event: Event, now_ns: int, reason: str = "", operator: str = "", sender: str = "") -> State:
        """Apply an event; a change keeps its `reason` (default: the event's own words), `operator` and `sender`."""
        after = TRANSITIONS.get((self.state, event), self.state)
        if after is not self.state:
            self.state = after
            self.status = ArmStatus(AUTHORITY[after], now_ns, reason or event.value, operator, sender)
        return after
