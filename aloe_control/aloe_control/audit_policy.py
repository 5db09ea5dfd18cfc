"""Whether the rows of chunks that were followed are those of their time, of one policy, and for the arms they moved."""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass

from aloe_control.audit_findings import Kind
from aloe_control.audit_turns import ArmTurn
from aloe_control.tick import TickResult
from aloe_data.chunk import Chunk

_KEPT_CHUNKS = 200


@dataclass(frozen=True)
class _Offered:
    """A chunk, who sent it, and how many ticks had run when it came."""

    chunk: Chunk
    sender: str
    ticks: int


class PolicyAudit:
    """The chunks that were offered, and which of them may be followed.

    Args:
        ahead_ns: How far in the future a stamp may lie before the chunk is void, ns.
    """

    def __init__(self, ahead_ns: float) -> None:
        self._ahead_ns = ahead_ns
        self._offered: deque[_Offered] = deque(maxlen=_KEPT_CHUNKS)
        self._stamps: list[int] = []  # of the ticks since motion was enabled
        self._followed = (-1, -1)  # stamp and step of the chunk that was last followed
        # Whose chunks are followed since motion was enabled: several where one chunk came from several; empty: unknown.
        self._senders: set[str] = set()

    def arm(self) -> None:
        """Motion was enabled."""
        self._stamps.clear()
        self._followed = (-1, -1)
        self._senders.clear()

    def forget(self) -> None:
        """The clock was set: earlier stamps mean nothing."""
        self._stamps.clear()

    def chunk(self, chunk: Chunk, sender: str, now_ns: int) -> None:
        """A chunk was offered."""
        if chunk.stamp_ns <= now_ns + self._ahead_ns:
            self._offered.append(_Offered(chunk, sender, len(self._stamps)))

    def tick(self, stamp_ns: int) -> None:
        """A tick ran."""
        self._stamps.append(stamp_ns)

    def problem(self, turn: ArmTurn, result: TickResult) -> tuple[Kind, str] | None:
        """None or why the policy's action of this tick may not be followed by an arm."""
        offered = [item for item in self._offered if item.chunk.chunk_id == result.chunk_id]
        ours = [item for item in offered if not self._senders or item.sender in self._senders]
        if not offered:
            return Kind.STALE, f"chunk {result.chunk_id} was never offered"
        if not ours:
            followed = "' or '".join(sorted(self._senders))
            return Kind.SOURCE, f"chunk {result.chunk_id} is of '{offered[-1].sender}', but '{followed}' is followed"
        judged = [
            (item.sender, turn.stale_chunk(item.chunk, result.stamp_ns) or self._wrong_step(item, result))
            for item in ours
        ]
        senders = {sender for sender, words in judged if not words}
        if not senders:
            return Kind.STALE, judged[-1][1]
        self._senders = senders
        return None

    def _wrong_step(self, item: _Offered, result: TickResult) -> str:
        """Row 0 is for the first tick at or after the observation; it may come a little before that, see `ahead_ns`."""
        chunk = item.chunk
        ticks = len(self._stamps)
        first = bisect_left(self._stamps, chunk.stamp_ns)
        due = {ticks - first - 1, ticks - min(first, item.ticks) - 1}
        if result.step not in due or result.step >= chunk.horizon:
            return f"step {result.step} of chunk {chunk.chunk_id}, of {chunk.horizon} steps, is not for this tick"
        if (chunk.stamp_ns, result.step) < self._followed:
            return f"chunk {chunk.chunk_id} is older than one that was already followed"
        self._followed = chunk.stamp_ns, result.step
        return ""
