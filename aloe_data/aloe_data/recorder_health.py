"""Whether a recorder keeps up with what it records: what goes unrecorded must not go on. Pure; time is an argument."""

from typing import Final

from aloe_data.vocabulary import Verdict

STALL_S: Final = 1.0  # control_node has ended motion by then
STUCK_S: Final = 2.0  # of one write, or of one sync, which comes every 0.4 s and so has little to do
_AFTERMATH_S: Final = 2.0  # gaps show when the next messages come


class RecorderHealth:
    """Watches one recording after the other, in the thread that receives the messages.

    A message that the network lost is counted and told, and ends nothing. Motion ends for what the recorder itself
    does: it stood still and lost messages, its queue ran full, its disk takes nothing any more.
    """

    def __init__(self) -> None:
        self.problem = ""
        self._looked_s: float | None = None
        self._missing = 0
        self._stalled_s = 0.0  # length of the last stall
        self._stall_ended_s = -_AFTERMATH_S

    def begin(self) -> None:
        """A recording begins."""
        self.problem = ""
        self._missing = 0
        self._stall_ended_s = -_AFTERMATH_S

    def look(self, now_s: float, missing: int, dropped: int, written_s: float, failure: str) -> str:
        """ "" or why motion must end; what was said stays until the next recording.

        Args:
            now_s: Time on a steady clock; the calls come at least every `STALL_S` [s].
            missing: Messages of this recording that never arrived.
            dropped: Messages of this recording that found no room in the queue.
            written_s: When the writing thread last made progress [s].
            failure: "" or why the writing has ended.
        """
        pause_s = 0.0 if self._looked_s is None else now_s - self._looked_s
        self._looked_s = now_s
        if pause_s > STALL_S:
            self._stalled_s = pause_s
            self._stall_ended_s = now_s
        lost = missing - self._missing
        self._missing = missing
        self.problem = self.problem or failure or self._found(now_s, lost, dropped, now_s - written_s)
        return self.problem

    def idle(self, now_s: float) -> None:
        """Nothing is recorded."""
        self.problem = ""
        self._looked_s = now_s

    def _found(self, now_s: float, lost: int, dropped: int, silent_s: float) -> str:
        if dropped:
            return f"{dropped} messages found no room: the disk is slower than the messages; record fewer or faster"
        if lost > 0 and now_s - self._stall_ended_s < _AFTERMATH_S:
            return f"stood still for {self._stalled_s:.1f} s and lost {lost} messages; has it the processor?"
        if silent_s > STUCK_S:
            return f"the disk has finished no write for {STUCK_S:g} s; record to another one (record:=FOLDER)"
        return ""


def closing_verdict(asked: int, reason: str, problem: str) -> tuple[Verdict, str]:
    """The verdict that a bag is closed with, and its reason.

    Args:
        asked: Number of the verdict that is asked for.
        reason: Reason that is given for it.
        problem: "" or why the recording is not whole; then the episode counts for nothing.
    """
    if asked not in [verdict.value for verdict in Verdict]:
        return Verdict.ABORT, f"{reason} (asked for verdict {asked}, which is none)"
    verdict = Verdict(asked)
    if problem and verdict is not Verdict.ABORT:
        return Verdict.ABORT, f"recorder_node: {problem} (the verdict was {verdict.name})"
    return verdict, reason
