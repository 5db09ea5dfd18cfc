"""What an audit finds, and by which rules it looks."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What makes a tick unsafe."""

    STALE = "stale data"
    LIMIT = "limit exceeded"
    SOURCE = "wrong source"
    MOTION = "motion where there should be none"
    PLACE = "a place where no arm may be"


@dataclass(frozen=True)
class Unsafe:
    """One reason why a tick was unsafe."""

    tick: int
    stamp_ns: int
    kind: Kind
    words: str

    def __str__(self) -> str:
        return f"tick {self.tick}: {self.kind.value}: {self.words}"


@dataclass(frozen=True)
class AuditRules:
    """What holds for the run that is judged.

    Attributes:
        request_max_age_s: Age from which on requests to take or hand back an arm are void, s.
        takeovers: Whether people may take arms over.
        asks_ready: Whether each arming needs somebody who said that all is ready, and who tried the emergency stop.
        bonds: Nodes without whose heartbeats nothing moves.
        world: Whether boxes, distances and tool speeds of the rig file were in force.
        slack_s: How far the order in which all is told may be from that in which it happened, as in a bag, s.
    """

    request_max_age_s: float = 0.5
    takeovers: bool = True
    asks_ready: bool = False
    bonds: tuple[str, ...] = ()
    world: bool = True
    slack_s: float = 0.0
