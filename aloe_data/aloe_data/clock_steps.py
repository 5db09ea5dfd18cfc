"""Clocks that were set while an episode was recorded: header stamps against the times at which messages were received.

Stamps choose which message belongs to a tick. Where a clock stepped, that choice is wrong by the step, and shows as a
message that was received long before or after the tick although their stamps are close.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from operator import itemgetter

from aloe_data.rig import Rig
from aloe_data.vocabulary import NS

SMALLEST_NS = 50_000_000  # below, a step is told from jitter by nothing, and is of little harm
_JITTER_PERIODS = 2
_STEADY = 10  # messages before a step that tell what is usual


class RisingTime:
    """Times of reception in the order of a bag's messages, going on where the recorder's clock was set back.

    A recorder that was behind writes topic after topic, so only a topic's own messages tell of a clock.
    """

    def __init__(self) -> None:
        self._last_ns: dict[str, int] = {}
        self._back_ns: Counter[str] = Counter()

    @property
    def set_back_ns(self) -> int:
        """By how much the clock was set back so far [ns]."""
        return max(self._back_ns.values(), default=0)

    def of(self, topic: str, received_ns: int) -> int:
        """The time of reception of the next message of a topic [ns]."""
        back_ns = self._last_ns.get(topic, received_ns) - received_ns
        if back_ns > SMALLEST_NS:
            self._back_ns[topic] += back_ns
        self._last_ns[topic] = received_ns
        return received_ns + self._back_ns[topic]


class StreamClock:
    """Stamps and times of reception of one topic, in the order of reception.

    Args:
        topic: Name of the topic.
        rate_hz: Rate at which its messages are expected [Hz].

    Attributes:
        step_ns: The largest step of the stamps against the times of reception, with its sign; 0: none.
        smallest_ns: Size of the smallest step; 0: none.
        usual_delay_ns: Least time from stamp to reception before the first step; clocks of two machines differ always.
        late_ns: Least time from stamp to reception, beyond the usual, since messages began to come late and to the end.
    """

    def __init__(self, topic: str, rate_hz: float) -> None:
        self.topic = topic
        self.step_ns = 0
        self.smallest_ns = 0
        self.usual_delay_ns = 0
        self.late_ns = 0
        self._tolerance_ns = SMALLEST_NS + round(_JITTER_PERIODS * NS / rate_hz)
        self._stamps: list[int] = []  # rising: a message that is not newer is never chosen
        self._received: list[int] = []
        self._all: list[tuple[int, int]] = []  # when received, stamp
        self._last_ns: tuple[int, int] | None = None
        self._least_delay_ns = 0
        self._delays_ns: deque[int] = deque(maxlen=_STEADY)

    def add(self, stamp_ns: int, received_ns: int) -> None:
        """One more message."""
        delay_ns = received_ns - stamp_ns
        if self._last_ns is None:
            self._least_delay_ns = delay_ns
            self.usual_delay_ns = delay_ns
        else:
            ahead_ns = stamp_ns - self._last_ns[0]
            slip_ns = ahead_ns - (received_ns - self._last_ns[1])
            went_back = ahead_ns < -SMALLEST_NS
            leapt_ahead = slip_ns > self._tolerance_ns and self._is_earlier_than_ever(delay_ns, slip_ns)
            if went_back or leapt_ahead:
                self._note(slip_ns)
            elif slip_ns < -self._tolerance_ns and not self.late_ns:
                self.late_ns = delay_ns - self.usual_delay_ns
        if self.late_ns:
            self.late_ns = max(min(self.late_ns, delay_ns - self.usual_delay_ns), 0)
        self._last_ns = (stamp_ns, received_ns)
        self._all.append((received_ns, stamp_ns))
        self._least_delay_ns = min(self._least_delay_ns, delay_ns)
        self._delays_ns.append(delay_ns)
        if not self.smallest_ns:
            self.usual_delay_ns = self._least_delay_ns
        if not self._stamps or stamp_ns > self._stamps[-1]:
            self._stamps.append(stamp_ns)
            self._received.append(received_ns)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Oldest and newest stamp of the messages that can be chosen [ns]; None where there is no message."""
        return (self._stamps[0], self._stamps[-1]) if self._stamps else None

    def received_ns(self, stamp_ns: int) -> int:
        """When the newest message that is not newer than a stamp was received."""
        return self._received[max(bisect_right(self._stamps, stamp_ns) - 1, 0)]

    def stamp_ns(self, received_ns: int) -> int:
        """Stamp of the last message that had been received by a time, also of one that was never chosen."""
        return self._all[max(bisect_right(self._all, received_ns, key=itemgetter(0)) - 1, 0)][1]

    def _is_earlier_than_ever(self, delay_ns: int, slip_ns: int) -> bool:
        """Whether a message that slipped came sooner behind its stamp than any before it, which came steadily.

        A stream that was late and has caught up slips as well, but to a delay that it had before; the first messages of
        a recording may be late, and are not steady.
        """
        if len(self._delays_ns) < _STEADY or 2 * (max(self._delays_ns) - min(self._delays_ns)) > slip_ns:
            return False
        return delay_ns < self._least_delay_ns - SMALLEST_NS

    def _note(self, slip_ns: int) -> None:
        self.smallest_ns = min(self.smallest_ns or abs(slip_ns), abs(slip_ns))
        if abs(slip_ns) > abs(self.step_ns):
            self.step_ns = slip_ns


def stream_clocks(rig: Rig) -> dict[str, StreamClock]:
    """A clock for every camera and arm of a rig, by its name."""
    cameras = {camera.name: StreamClock(camera.topic, camera.rate_hz) for camera in rig.cameras}
    return cameras | {arm.name: StreamClock(arm.joint_state_topic, arm.rate_hz) for arm in rig.arms}


def belongs(tick: StreamClock, stream: StreamClock, stamp_ns: int, received_ns: int, sample_ns: int) -> bool:
    """Whether the sample that a tick's stamp chooses is the one that had come when the tick did.

    Args:
        tick: Clock of the ticks' topic.
        stream: Clock of the sample's topic.
        stamp_ns: Stamp of the tick [ns].
        received_ns: When the tick was received [ns].
        sample_ns: Stamp of the sample [ns].
    """
    steps_ns = [clock.smallest_ns for clock in (stream, tick) if clock.smallest_ns]
    if not steps_ns:
        return True
    tick_delay_ns = received_ns - stamp_ns - tick.usual_delay_ns
    sample_delay_ns = stream.received_ns(sample_ns) - sample_ns - stream.usual_delay_ns
    last_ns = stream.stamp_ns(received_ns - tick.usual_delay_ns + stream.usual_delay_ns)
    return max(abs(tick_delay_ns - sample_delay_ns), abs(last_ns - sample_ns)) <= min(steps_ns) / 2


def describe_other_time(tick: StreamClock, stream: StreamClock) -> str:
    """Why no tick can have a sample of a stream, in words: its stamps are of another time. "" where they are not.

    Args:
        tick: Clock of the ticks' topic.
        stream: Clock of the stream's topic.
    """
    if tick.span_ns is None or stream.span_ns is None:
        return ""
    ahead_ns = stream.span_ns[0] - tick.span_ns[1]
    behind_ns = tick.span_ns[0] - stream.span_ns[1]
    if max(ahead_ns, behind_ns) <= NS:
        return ""
    where = "ahead of" if ahead_ns > 0 else "behind"
    seconds = max(ahead_ns, behind_ns) / NS
    return (
        f"{stream.topic}: its stamps are {seconds:.1f} s {where} all of {tick.topic}, so that no tick has a sample of"
        " it; synchronise the machines' clocks, or give its driver the same use_sim_time"
    )


def describe_steps(stepped: Sequence[StreamClock]) -> str:
    """What clocks that stepped did, in words.

    Args:
        stepped: Clocks with a step, at least one.
    """
    step_ns = max((clock.step_ns for clock in stepped), key=abs)
    where = "ahead" if step_ns > 0 else "back"
    others = f" and of {len(stepped) - 1} other topics" if len(stepped) > 1 else ""
    return f"stamps of {stepped[0].topic}{others} step {abs(step_ns) / NS:.2f} s {where}: a clock was set meanwhile"
