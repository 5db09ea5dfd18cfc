"""Numbers that messages carry, each declared once; a test holds them against the constants of aloe_msgs."""

from enum import IntEnum
from typing import Final

NS: Final = 1_000_000_000  # nanoseconds of a second


class Authority(IntEnum):
    """Who commands an arm in a tick: ArmAuthority.authority and ArmAction.source."""

    HOLD = 0
    POLICY = 1
    HUMAN = 2


class CommandMode(IntEnum):
    """What the values of a human's command are: TeleopCommand.mode."""

    JOINT_POSITION = 0
    EE_TWIST = 1
    EE_POSE = 2


class RequestKind(IntEnum):
    """What an operator asks of control: InterventionRequest.request."""

    TAKE = 0
    RELEASE = 1
    HOLD = 2
    ESTOP = 3
    RESET = 4
    ALIVE = 5
    READY = 6


class Verdict(IntEnum):
    """How an episode ended: EpisodeEvent.verdict."""

    NONE = 0
    SUCCESS = 1
    FAILURE = 2
    ABORT = 3
    TIMEOUT = 4


class RefusalReason(IntEnum):
    """Why control_node does not follow a chunk: ChunkRefused.reason."""

    MALFORMED = 1
    OUTDATED = 2
    INFEASIBLE = 3
    OTHER_POLICY = 4


AUTHORITY_WORDS: Final = tuple(authority.name.lower() for authority in Authority)  # by number, for people
VERDICT_WORDS: Final = tuple(verdict.name.lower() for verdict in Verdict)  # by number, as records and stores have them
