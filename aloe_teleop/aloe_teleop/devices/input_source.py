"""A Linux input device (evdev) that may come and go: its events, and in words why there are none."""

import errno
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aloe_teleop.devices.input_codes import EV_ABS, EV_KEY, EV_REL, EV_SYN, SYN_DROPPED

_UP = 0
_DOWN = 1
_RETRY_NS = 500_000_000
_BUS_BLUETOOTH = 5  # linux/input.h
_NO_DEADMAN = (
    "a key over Bluetooth is no dead man's switch: out of reach it stays down for seconds; use a cable or take: toggle"
)


class InputEvent(Protocol):
    """One event, as in linux/input.h."""

    type: int
    code: int
    value: int


class Reader(Protocol):
    """What is used of `evdev.InputDevice`."""

    fd: int
    name: str
    info: Any  # bustype, as in struct input_id

    def read(self) -> Iterable[Any]:
        """Events [InputEvent]; raises BlockingIOError when there are none, OSError when the device is gone."""
        ...

    def active_keys(self) -> list[int]:
        """Codes of the keys that are down now."""
        ...

    def absinfo(self, axis_num: int) -> Any:
        """Value, min and max of an absolute axis."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Event:
    """One change: kind EV_KEY (value 0 or 1), EV_REL or EV_ABS (raw value)."""

    kind: int
    code: int
    value: int


class InputSource:
    """Reads one device, and finds it again after it was unplugged.

    A key that is down while the device is (re)connected counts only after it was lifted. Where the kernel dropped
    events the true state of keys and axes is asked for, so that no lift is missed. That of a dead man's switch is asked
    for in every poll: it does not stay down for want of an event, and a device that does not answer is gone.

    Args:
        name: Name of the device in messages.
        connect: Function that opens the device; OSError says why it cannot be.
        axes: Codes of the absolute axes that matter.
        urgent: Codes of the keys (the emergency stop) that count even when down from the start.
        deadman: Codes of the keys that are held down for as long as an arm is to follow.

    Attributes:
        problem: "" or why there are no events, with the remedy.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Reader],
        axes: Sequence[int] = (),
        urgent: Sequence[int] = (),
        deadman: Sequence[int] = (),
    ) -> None:
        self.problem = f"{name}: not connected yet"
        self._name = name
        self._connect = connect
        self._axes = tuple(axes)
        self._urgent = tuple(urgent)
        self._deadman = tuple(deadman)
        self._reader: Reader | None = None
        self._tried_ns: int | None = None
        self._down: set[int] = set()
        self._stuck: set[int] = set()
        self._ranges: dict[int, tuple[int, int]] = {}

    def read(self, now_ns: int) -> list[Event]:
        """Changes since the last call; look at `problem` afterwards."""
        events = self._reconnect(now_ns) if self._reader is None else []
        try:
            while self._reader is not None and self._drain(self._reader, events):
                pass
            if self._reader is not None and self._deadman:
                self._compare(set(self._reader.active_keys()), self._deadman, events)
        except OSError as error:
            self._lose(f"{_words(error)}; plug it in again")
        return events

    def fraction(self, code: int, value: int) -> float:
        """Where an absolute axis stands: 0 at one end, 1 at the other."""
        low, high = self._ranges.get(code, (0, 0))
        return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 0.5

    def files(self) -> tuple[int, ...]:
        """See `device.Waitable`."""
        return () if self._reader is None else (self._reader.fd,)

    def close(self) -> None:
        """Give the device back."""
        self._lose("closed")

    def _reconnect(self, now_ns: int) -> list[Event]:
        if self._tried_ns is not None and abs(now_ns - self._tried_ns) < _RETRY_NS:
            return []
        self._tried_ns = now_ns
        try:
            self._reader = self._connect()
            self._down = set(self._reader.active_keys())
            infos = {code: self._reader.absinfo(code) for code in self._axes}
        except OSError as error:
            self._lose(_words(error))
            return []
        self._ranges = {code: (info.min, info.max) for code, info in infos.items()}
        self._stuck = set(self._down)
        if self._deadman and self._reader.info.bustype == _BUS_BLUETOOTH:
            self._lose(_NO_DEADMAN)
            return []
        self.problem = ""
        return [Event(EV_KEY, code, _DOWN) for code in self._urgent if code in self._down]

    def _drain(self, reader: Reader, events: list[Event]) -> bool:
        """Append what can be read without waiting; whether there may be more."""
        count = 0
        try:
            for event in reader.read():
                count += 1
                if event.type == EV_SYN and event.code == SYN_DROPPED:
                    self._catch_up(reader, events)
                elif event.type == EV_KEY and event.value in (_UP, _DOWN):  # not the autorepeat
                    self._key(event.code, event.value == _DOWN, events)
                elif event.type in (EV_REL, EV_ABS):
                    events.append(Event(event.type, event.code, event.value))
        except BlockingIOError:
            return False
        return count > 0

    def _key(self, code: int, is_down: bool, events: list[Event]) -> None:
        (self._down.add if is_down else self._down.discard)(code)
        if code not in self._stuck:
            events.append(Event(EV_KEY, code, int(is_down)))
        elif not is_down:
            self._stuck.discard(code)

    def _compare(self, now_down: set[int], codes: Iterable[int], events: list[Event]) -> None:
        """Events for those keys that are not where they were said to be."""
        for code in codes:
            if (code in self._down) != (code in now_down):
                self._key(code, code in now_down, events)

    def _catch_up(self, reader: Reader, events: list[Event]) -> None:
        now_down = set(reader.active_keys())
        self._compare(now_down, self._down | now_down, events)
        events.extend(Event(EV_ABS, code, reader.absinfo(code).value) for code in self._axes)

    def _lose(self, problem: str) -> None:
        self.problem = f"{self._name}: {problem}"
        if self._reader is not None:
            self._reader.close()
        self._reader = None


def find_device(text: str, codes: Iterable[tuple[int, int]], grab: bool) -> Reader:
    """Open an input device.

    Args:
        text: Path of the device ("/dev/input/by-id/..."), or a part of its name as `learn_keys` prints it.
        codes: (kind, code) that it must be able to send.
        grab: Whether nobody else gets its events.

    Raises:
        OSError: no such device, no permission, or none that can send all codes.
    """
    import evdev

    wanted = set(codes)
    if text.startswith("/"):
        candidates = [evdev.InputDevice(text)]
    else:
        every = [evdev.InputDevice(path) for path in evdev.list_devices()]
        candidates = [device for device in every if text.lower() in device.name.lower()]
        for device in every:
            if device not in candidates:
                device.close()
    chosen = next((device for device in candidates if wanted <= _abilities(device)), None)
    for device in candidates:
        if device is not chosen:
            device.close()
    if chosen is None:
        fault = "cannot send all the keys and axes that are mapped" if candidates else "is not there"
        raise OSError(errno.ENODEV, f"'{text}' {fault}; compare with `ros2 run aloe_teleop learn_keys`")
    if grab:
        chosen.grab()
    return chosen


def _abilities(device: Any) -> set[tuple[int, int]]:
    return {(kind, code) for kind, codes in device.capabilities(absinfo=False).items() for code in codes}


def _words(error: OSError) -> str:
    remedies = {
        errno.EACCES: "no permission to read it; add yourself to the group 'input' and log in again",
        errno.EBUSY: "another program has grabbed it; end that one, or set 'grab: false' there",
        errno.ENOENT: f"no such device {error.filename}; is it plugged in?",
    }
    return remedies.get(error.errno or 0, error.strerror or str(error))
