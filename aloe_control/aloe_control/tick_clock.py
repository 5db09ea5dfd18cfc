"""What the time since the last tick means: nothing, a new start from rest, or a fault."""

from dataclasses import dataclass
from typing import Final

from aloe_data.vocabulary import NS

LATE_PERIODS: Final = 2  # beyond, an arm has stood still at its last set point; stamps may be as far in the future
STALL_S: Final = 0.1  # beyond, driver relays have let go: they hold the arms where they are measured


@dataclass(frozen=True)
class Beat:
    """What a tick may do.

    Attributes:
        fault: "" or what must end motion, with its remedy.
        jumped: Whether stamps from before mean nothing any more.
        stalled: Whether the tick came so late that driver relays have let go of the arms.
        restarts: Whether the commands begin anew, at rest: the tick came too late or too early, or nobody knows when.
        early: Whether the tick came so early that a step would make the arms faster than their limits in wall time.
    """

    fault: str = ""
    jumped: bool = False
    stalled: bool = False
    restarts: bool = False
    early: bool = False


_REGULAR: Final = Beat()


class TickClock:
    """Judges the time between ticks.

    Every tick may move an arm by one period's worth of its speed. Ticks are late and then come early again, so a tick
    may come up to one period before its due time, and none earlier: over the time T between any two ticks an arm
    then moves by at most `max_velocity * (T + period)`. Source: generic cell rate algorithm, ITU-T I.371.

    Args:
        rate_hz: Rate of the ticks.
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(NS / rate_hz)
        self.ahead_ns = LATE_PERIODS * self._period_ns  # how far in the future stamps may lie
        self._stall_ns = max(round(STALL_S * NS), self.ahead_ns)
        self._last_ns: int | None = None
        self._last_steady_ns = 0
        self._due_ns = 0  # steady: when the next tick is due, counted from the latest of those before

    def advance(self, now_ns: int, steady_ns: int | None = None) -> Beat:
        """A tick begins.

        Args:
            now_ns: Time by the clock that stamps are made with.
            steady_ns: Time by a clock that nobody sets; None where time is simulated, and `now_ns` is all there is.
        """
        steady = now_ns if steady_ns is None else steady_ns
        last_ns = self._last_ns
        elapsed_ns = steady - self._last_steady_ns
        went_back = elapsed_ns < 0  # a simulated clock that begins anew
        is_early = last_ns is not None and not went_back and steady < self._due_ns - self._period_ns
        self._last_ns = now_ns
        self._last_steady_ns = steady
        if last_ns is None or went_back:
            self._due_ns = steady + self._period_ns
        elif not is_early:
            self._due_ns = max(self._due_ns, steady) + self._period_ns
        if last_ns is None:
            return _REGULAR
        jumped = self._jumped(now_ns - last_ns, elapsed_ns)
        if not (jumped or is_early or elapsed_ns > self.ahead_ns):
            return _REGULAR
        return Beat(
            fault=self._fault(now_ns - last_ns, elapsed_ns),
            jumped=jumped,
            stalled=elapsed_ns > self._stall_ns,
            restarts=True,
            early=is_early,
        )

    def _jumped(self, passed_ns: int, elapsed_ns: int) -> bool:
        """Whether the clock was set: it went back, or by another amount than the steady one."""
        return passed_ns <= 0 or abs(passed_ns - elapsed_ns) > self.ahead_ns

    def _fault(self, passed_ns: int, elapsed_ns: int) -> str:
        if self._jumped(passed_ns, elapsed_ns):
            # Where there is one clock, `elapsed_ns` is `passed_ns`: it went back by that.
            jump_s = (passed_ns if passed_ns == elapsed_ns else passed_ns - elapsed_ns) / NS
            way = f"time went back by {-jump_s:.3f} s" if jump_s <= 0.0 else f"time leapt forward by {jump_s:.3f} s"
            return f"{way}; restart what publishes the time, or keep this machine's clock from being set"
        return self._stall(elapsed_ns) if elapsed_ns > self._stall_ns else ""

    def _stall(self, elapsed_ns: int) -> str:
        return (
            f"control stood still for {elapsed_ns / NS:.3f} s (limit {self._stall_ns / NS:g} s): control_node was "
            "stopped, or its machine or clock was; give it a processor of its own"
        )
