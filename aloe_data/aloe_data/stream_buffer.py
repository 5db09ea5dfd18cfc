"""The recent past of one stream, looked up by time and never from the future."""

from bisect import bisect_right
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Sample(NamedTuple, Generic[T]):
    """A value and the time it is valid for."""

    stamp_ns: int
    value: T


class StreamBuffer(Generic[T]):
    """Samples of one stream in the order of their stamps.

    Args:
        capacity: Number of samples that are kept at least; None keeps all (for reading bags).
    """

    def __init__(self, capacity: int | None = None) -> None:
        if capacity is not None and capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._capacity = capacity
        self._stamps: list[int] = []
        self._values: list[T] = []
        self.refused = 0  # samples that came with a stamp not newer than the newest

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def newest_stamp_ns(self) -> int | None:
        """Stamp of the newest sample; None if there is none."""
        return self._stamps[-1] if self._stamps else None

    def push(self, stamp_ns: int, value: T) -> bool:
        """Append a sample; one that is not newer than the newest is refused (False) and counted."""
        if self._stamps and stamp_ns <= self._stamps[-1]:
            self.refused += 1
            return False
        self._stamps.append(stamp_ns)
        self._values.append(value)
        if self._capacity is not None and len(self._stamps) >= 2 * self._capacity:
            del self._stamps[: -self._capacity]
            del self._values[: -self._capacity]
        return True

    def latest_at(self, stamp_ns: int) -> Sample[T] | None:
        """The newest sample that is not newer than `stamp_ns`; None if all are, or it has been forgotten."""
        index = bisect_right(self._stamps, stamp_ns) - 1
        return None if index < 0 else Sample(self._stamps[index], self._values[index])

    def clear(self) -> None:
        """Forget all samples, as after a jump of the clock."""
        self._stamps.clear()
        self._values.clear()
