"""Stands between the simulated devices and their topics, and spoils what they send on demand."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from aloe_data.rig import Rig
from aloe_data.vocabulary import NS
from aloe_sim.faults.kinds import Fault, FaultError, Means, parse_fault

T = TypeVar("T")


class FaultInjector:
    """The faults of the simulated devices that are on at the moment. May be used from several threads.

    Args:
        rig: Description of the rig whose cameras and arms the faults name.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._active: dict[str, tuple[Fault, ...]] = {}  # by target; replaced, never changed

    def apply(self, order: str) -> str:
        """Begin or end a fault: "begin camera_freeze:head", "end camera_freeze:head"; returns "" or what is wrong."""
        verb, _, text = order.partition(" ")
        try:
            if verb not in ("begin", "end"):
                raise FaultError(f"'{order}': write 'begin FAULT' or 'end FAULT'")
            fault = parse_fault(text, self._rig)
            if fault.means is not Means.SIMULATOR:
                raise FaultError(f"{fault} is not for the simulator: {fault.means.value}")
        except FaultError as error:
            return str(error)
        others = tuple(f for f in self._active.get(fault.target, ()) if f.kind != fault.kind)
        self._active = {**self._active, fault.target: (*others, fault) if verb == "begin" else others}
        return ""

    def find(self, kind: str, target: str = "") -> Fault | None:
        """The fault of this kind that is on, if any."""
        return next((fault for fault in self._active.get(target, ()) if fault.kind == kind), None)

    def stamp(self, stamp_ns: int) -> int:
        """What the devices' clock says at this time."""
        jump = self.find("clock_jump")
        return stamp_ns if jump is None else max(0, stamp_ns + round(jump.value * NS))


class SpoiltStream(Generic[T]):
    """The messages of one camera or arm on their way to the topic.

    Args:
        injector: Injector that says which faults are on.
        name: Name of the camera or arm.
        spoil: Function that makes a value NaN, for `nan_joints`; None: there is no such fault on this stream.
    """

    def __init__(self, injector: FaultInjector, name: str, spoil: Callable[[T], T] | None = None) -> None:
        self._injector = injector
        self._name = name
        self._spoil = spoil
        self._waiting: deque[tuple[int, int, T]] = deque()  # when to send [ns], stamp, value
        self._frozen: tuple[int, T] | None = None
        self._rng = np.random.default_rng(0)

    def passed(self, now_ns: int, value: T) -> list[tuple[int, T]]:
        """What goes out now: (stamp, value) in order; without a fault that is the value with the stamp of now."""
        stamp_ns = self._injector.stamp(now_ns)
        stuck = self._fault("camera_stuck")
        freeze = self._fault("camera_freeze")
        if self._frozen is None or not (stuck or freeze):
            self._frozen = stamp_ns, value
        if stuck or freeze:
            frozen_ns, value = self._frozen
            # A stuck camera repeats its stamp as well; a frozen one does not.
            stamp_ns = frozen_ns if stuck else stamp_ns
        if self._spoil is not None and self._fault("nan_joints"):
            value = self._spoil(value)
        drop = self._fault("drop")
        if drop is None or self._rng.random() >= drop.value:
            delay = self._fault("delay")
            self._waiting.append((now_ns + round(delay.value * NS) if delay else now_ns, stamp_ns, value))
        return self._release(now_ns)

    def _release(self, now_ns: int) -> list[tuple[int, T]]:
        if self._fault("burst"):
            return []
        released = []
        while self._waiting and self._waiting[0][0] <= now_ns:
            _, stamp_ns, value = self._waiting.popleft()
            released.append((stamp_ns, value))
        return released

    def _fault(self, kind: str) -> Fault | None:
        return self._injector.find(kind, self._name)
