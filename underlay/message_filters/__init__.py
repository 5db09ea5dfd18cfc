"""Stand-in for message_filters: subscriptions as filters, and synchronisation by time stamps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.clock import ROSClock
from rclpy.duration import Duration
from rclpy.logging import get_logger
from rclpy.time import Time

__all__ = ["ApproximateTimeSynchronizer", "SimpleFilter", "Subscriber", "TimeSynchronizer"]
_OFFICIAL_ONLY = {"Cache", "Chain", "DeltaFilter", "InputAligner", "LatestTimeSync", "TimeSequencer"}


def __getattr__(name: str) -> object:
    if name in _OFFICIAL_ONLY:
        raise ImportError(
            f"message_filters.{name} is not in this stand-in; it needs the official package"
            " (apt install ros-jazzy-message-filters)"
        )
    raise AttributeError(f"module 'message_filters' has no attribute '{name}'")


def _stamp(msg: Any, allow_headerless: bool, who: str) -> Time | None:
    """The header's stamp; without a header the time now, or None where that is not allowed."""
    if hasattr(msg, "header") and hasattr(msg.header, "stamp"):
        stamp = msg.header.stamp
        return stamp if hasattr(stamp, "nanoseconds") else Time.from_msg(stamp)
    if allow_headerless:
        return ROSClock().now()
    get_logger(who).warning("message without header dropped: pass allow_headerless=True to use its time of arrival")
    return None


class SimpleFilter:
    """Something with output: calls every registered callback with its messages."""

    def __init__(self) -> None:
        self.callbacks: dict[int, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def registerCallback(self, cb: Callable[..., Any], *args: Any) -> int:
        """Call `cb(*messages, *args)` for each output; returns the number of the connection."""
        connection = len(self.callbacks)
        self.callbacks[connection] = (cb, args)
        return connection

    def signalMessage(self, *msg: Any) -> None:
        """Hand messages to the callbacks."""
        for callback, args in self.callbacks.values():
            callback(*msg, *args)


class Subscriber(SimpleFilter):
    """A subscription as a filter: Subscriber(node, msg_type, topic, **arguments of create_subscription)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.node, msg_type, self.topic, *rest = args
        if not rest:
            kwargs.setdefault("qos_profile", 10)
        self.sub = self.node.create_subscription(msg_type, self.topic, self.callback, *rest, **kwargs)

    def callback(self, msg: Any) -> None:
        """Pass a received message on."""
        self.signalMessage(msg)

    def getTopic(self) -> str:
        """Name of the topic as given."""
        return str(self.topic)

    def __getattr__(self, key: str) -> Any:
        if key == "sub":  # not made yet
            raise AttributeError(key)
        return getattr(self.sub, key)


class TimeSynchronizer(SimpleFilter):
    """Calls back with one message per filter as soon as all have one with the same stamp."""

    def __init__(self, fs: Sequence[SimpleFilter], queue_size: int) -> None:
        super().__init__()
        self.queue_size = queue_size
        self.lock = threading.Lock()
        self.connectInput(fs)

    def connectInput(self, fs: Sequence[SimpleFilter]) -> None:
        """Take the output of filters."""
        self.queues: list[dict[int, Any]] = [{} for _ in fs]
        pairs = enumerate(zip(fs, self.queues, strict=True))
        self.input_connections = [f.registerCallback(self.add, queue, index) for index, (f, queue) in pairs]

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message; a full queue loses its oldest."""
        with self.lock:
            self._keep(Time.from_msg(msg.header.stamp).nanoseconds, msg, my_queue)
            for stamp in sorted(set.intersection(*map(set, self.queues))):
                self._emit([stamp] * len(self.queues))

    def _keep(self, stamp_ns: int, msg: Any, queue: dict[int, Any]) -> None:
        queue[stamp_ns] = msg
        while len(queue) > self.queue_size:
            del queue[min(queue)]

    def _emit(self, stamps: Sequence[int]) -> None:
        chosen = list(zip(self.queues, stamps, strict=True))
        self.signalMessage(*(queue[stamp] for queue, stamp in chosen))
        for queue, stamp in chosen:
            del queue[stamp]


class ApproximateTimeSynchronizer(TimeSynchronizer):
    """Calls back with one message per filter whose stamps lie less than `slop` [s] apart."""

    def __init__(
        self, fs: Sequence[SimpleFilter], queue_size: int, slop: float, allow_headerless: bool = False
    ) -> None:
        super().__init__(fs, queue_size)
        self.slop = Duration(seconds=slop)
        self.allow_headerless = allow_headerless

    def add(self, msg: Any, my_queue: dict[int, Any], my_queue_index: int | None = None) -> None:
        """Take a message and look for partners around it, the nearest first."""
        time = _stamp(msg, self.allow_headerless, "message_filters_approx")
        if time is None:
            return
        stamp, slop = time.nanoseconds, self.slop.nanoseconds
        with self.lock:
            self._keep(stamp, msg, my_queue)
            near = [
                [stamp]
                if queue is my_queue
                else sorted((s for s in queue if abs(s - stamp) <= slop), key=lambda s: abs(s - stamp))
                for queue in self.queues
            ]
            for stamps in itertools.product(*near):
                if max(stamps) - min(stamps) < slop and stamp in my_queue:
                    self._emit(stamps)
                    return
