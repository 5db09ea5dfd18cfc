"""What became of the messages of every topic of a recording: received, written, lost, how fast, with which gaps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aloe_data.vocabulary import NS

_SLOW = 0.8  # of the expected rate
_LATE = 1.8  # periods between two messages
_PATIENCE = 100  # messages of others after which a sequence has ended


@dataclass
class TopicCount:
    """Messages of one topic in one recording: arrived, in the bag, dropped by the recorder, and never arrived.

    Rate and gaps are those of the messages' stamps. `late` counts messages that came after a pause in which another one
    was due, `backwards` those whose stamp is not newer than the one before.
    """

    expected_hz: float = 0.0
    received: int = 0
    written: int = 0
    dropped: int = 0
    missing: int = 0
    first_ns: int = 0
    last_ns: int = 0
    largest_gap_ns: int = 0
    gap_start_ns: int = 0
    late: int = 0
    backwards: int = 0

    @property
    def lost(self) -> int:
        """Messages that the bag should hold and does not."""
        return self.dropped + self.missing

    @property
    def rate_hz(self) -> float:
        """Mean rate from the first message to the last; 0 for fewer than two."""
        span_s = (self.last_ns - self.first_ns) / NS
        return (self.received - 1) / span_s if self.received > 1 and span_s > 0 else 0.0

    @property
    def slow(self) -> bool:
        """It came clearly slower than expected."""
        return self.rate_hz < _SLOW * self.expected_hz

    def arrived(self, stamp_ns: int) -> None:
        """One more message."""
        gap_ns = stamp_ns - self.last_ns if self.received else 0
        if gap_ns > self.largest_gap_ns:
            self.largest_gap_ns = gap_ns
            self.gap_start_ns = self.last_ns
        if gap_ns * self.expected_hz > _LATE * NS:
            self.late += 1
        if self.received == 0:
            self.first_ns = stamp_ns
        elif gap_ns <= 0:
            self.backwards += 1
        self.received += 1
        self.last_ns = stamp_ns

    def figures(self) -> dict[str, float]:
        """For a bag's metadata."""
        return {
            "received": self.received,
            "written": self.written,
            "lost": self.lost,
            "rate_hz": round(self.rate_hz, 3),
            "expected_hz": self.expected_hz,
            "largest_gap_s": round(self.largest_gap_ns / NS, 4),
            "late": self.late,
            "backwards": self.backwards,
        }

    def __str__(self) -> str:
        of = f" of {self.expected_hz:g}" if self.expected_hz else ""
        gap = f"largest gap {self.largest_gap_ns / NS:.3f} s"
        return f"{self.received} received, {self.lost} lost, {self.rate_hz:.1f}{of} Hz, {gap}"


@dataclass(eq=False)
class _Head:
    """The end of a sequence: its last number, when it came, and the gap to the sequence that it seems to go on from."""

    last: int
    heard: int
    before: "_Head | None" = None
    gap: int = 0


@dataclass
class Sequences:
    """Numbers that rise by one, from one publisher or, by mistake, from several whose messages come in turns.

    A jump counts as a gap, until what it seemed to go on from goes on itself: then another publisher has begun. A lower
    number is another publisher's beginning as well, or a restart.
    """

    _heads: list[_Head] = field(default_factory=list)
    _count: int = 0

    def take(self, number: int) -> int:
        """How many more are missing than before this number; negative where a gap turns out to be none."""
        self._count += 1
        self._heads = [head for head in self._heads if self._count - head.heard <= _PATIENCE]
        head = max((head for head in self._heads if head.last < number), key=lambda head: head.last, default=None)
        if head is None:
            self._heads.append(_Head(number, self._count))
            return 0
        gap = number - head.last - 1
        jumped = [other for other in self._heads if other.before is head]
        if gap and not jumped:
            self._heads.append(_Head(number, self._count, head, gap))
            return gap
        head.last = number
        head.heard = self._count
        taken_back = sum(other.gap for other in jumped)
        for other in jumped:
            other.before = None
        return gap - taken_back


@dataclass
class StreamCounts:
    """Counts messages per topic, and gaps in their sequences."""

    counts: dict[str, TopicCount] = field(default_factory=dict)
    _sequences: dict[str, Sequences] = field(default_factory=dict)

    def reset(self, topics: Mapping[str, float] | Iterable[str]) -> None:
        """Begin a recording of these topics, with their expected rates [Hz] where given."""
        rates = topics if isinstance(topics, Mapping) else dict.fromkeys(topics, 0.0)
        self.counts = {topic: TopicCount(rate_hz) for topic, rate_hz in rates.items()}
        self._sequences.clear()

    def add(self, topic: str) -> None:
        """Count one more topic, of which nothing is expected."""
        self.counts[topic] = TopicCount()

    def received(self, topic: str, stamp_ns: int, sequence: int | None = None) -> None:
        """A message has arrived; a jump in its sequence counts what is missing, see `Sequences`."""
        count = self.counts[topic]
        count.arrived(stamp_ns)
        if sequence is not None:
            count.missing += self._sequences.setdefault(topic, Sequences()).take(sequence)

    def written(self, topic: str) -> None:
        """A message is in the bag."""
        self.counts[topic].written += 1

    def dropped(self, topic: str) -> None:
        """A message has arrived but found no room."""
        self.counts[topic].dropped += 1

    def missing(self, topic: str, number: int) -> None:
        """Messages have not arrived."""
        self.counts[topic].missing += number

    def settle(self) -> None:
        """The bag is closed: what has arrived and is not in it is lost."""
        for count in self.counts.values():
            count.dropped = count.received - count.written

    @property
    def total_written(self) -> int:
        """Messages in the bag."""
        return sum(count.written for count in self.counts.values())

    def losses(self) -> dict[str, int]:
        """Number of lost messages of the topics that lost any."""
        return {topic: count.lost for topic, count in self.counts.items() if count.lost}

    @property
    def total_lost(self) -> int:
        """Messages that are missing in the bag."""
        return sum(self.losses().values())

    @property
    def total_missing(self) -> int:
        """Messages that have never arrived."""
        return sum(count.missing for count in self.counts.values())

    @property
    def total_dropped(self) -> int:
        """Messages that have arrived and found no room."""
        return sum(count.dropped for count in self.counts.values())

    def heard(self) -> dict[str, TopicCount]:
        """The topics that said something, or should have."""
        return {
            topic: count for topic, count in self.counts.items() if count.received or count.lost or count.expected_hz
        }
