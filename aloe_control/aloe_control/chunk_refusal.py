"""Why chunks are not followed."""

from dataclasses import dataclass

from aloe_data.vocabulary import RefusalReason


class ChunkRefused(ValueError):
    """A chunk that is not followed.

    Args:
        reason: Kind of the refusal.
        text: Reason in words, with what to do.
    """

    def __init__(self, reason: RefusalReason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class ChunkOutdated(ChunkRefused):
    """A chunk that is merely late: from before arming, or overtaken by a newer one. Nothing is wrong with it."""

    def __init__(self, text: str) -> None:
        super().__init__(RefusalReason.OUTDATED, text)


@dataclass(frozen=True)
class RefusedChunk:
    """What is told of a refused chunk; fields as in aloe_msgs/ChunkRefused."""

    chunk_id: int
    policy_version: str
    reason: RefusalReason
    text: str
    refused: int
