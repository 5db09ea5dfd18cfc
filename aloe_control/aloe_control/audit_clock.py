"""How much time passed between two ticks, as far as their stamps and a clock that nobody sets can tell."""

from aloe_data.vocabulary import NS

_UNSURE = 0.1  # periods: so close to a limit, clocks may disagree


class AuditClock:
    """Compares the stamps of ticks with measured time.

    Args:
        rate_hz: Rate of the ticks.
        ahead_ns: Difference of the two from which on the clock of the stamps was set, ns.

    Attributes:
        now_ns: Stamp of the newest tick; below 0 before the first.
        early: Whether ticks have followed each other so fast that an arm may have to wait; about so.
    """

    def __init__(self, rate_hz: float, ahead_ns: float) -> None:
        self._rate_hz = rate_hz
        self._ahead_ns = ahead_ns
        self._steady_ns: int | None = None
        self._lead = 0.0  # periods by which ticks ran ahead of the time that has passed
        self.now_ns = -1
        self.early = False

    def skip(self) -> None:
        """Ticks are missing here."""
        self._steady_ns = None

    def advance(self, stamp_ns: int, steady_ns: int | None) -> int:
        """A tick begins.

        Args:
            stamp_ns: Its time by the clock of all stamps.
            steady_ns: Its time by a clock that nobody sets; None: the stamps are all there is.

        Returns:
            Measured time since the tick before, ns; 0 where a clock was set, so that stamps do not tell.
        """
        is_first = self.now_ns < 0
        by_stamps_ns = stamp_ns - self.now_ns
        if steady_ns is None or self._steady_ns is None:
            measured_ns = max(by_stamps_ns, 0)
        else:
            measured_ns = max(steady_ns - self._steady_ns, 1)
        self._steady_ns = steady_ns
        self.now_ns = stamp_ns
        if is_first:
            self._lead = 1.0
            return 1
        self.early = self._is_early(measured_ns)
        was_set = by_stamps_ns <= 0 or abs(by_stamps_ns - measured_ns) > self._ahead_ns
        return 0 if was_set else measured_ns

    def _is_early(self, measured_ns: int) -> bool:
        self._lead = max(self._lead - measured_ns * self._rate_hz / NS, 0.0)
        if self._lead > 1.0:
            return True
        self._lead += 1.0
        return self._lead > 2.0 - _UNSURE
