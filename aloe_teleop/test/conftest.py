"""A rig, and an input device that plays events as the kernel would hand them out."""

import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from evdev import ecodes

from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig

CONFIG = Path(__file__).parents[2] / "config"
MS = 1_000_000


@dataclass
class RecordedDevice:
    """Reads like `evdev.InputDevice`; its file can be waited for."""

    name: str = "PCsensor FootSwitch Keyboard"
    down: set[int] = field(default_factory=set)
    axes: dict[int, tuple[int, int, int]] = field(default_factory=dict)  # value, min, max
    plugged: bool = True
    info: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(bustype=3))  # USB

    def __post_init__(self) -> None:
        self.fd, self._input = os.pipe()
        os.set_blocking(self.fd, False)
        self._queue: deque[tuple[int, int, int]] = deque()

    def open(self) -> "RecordedDevice":
        """What a device's `connect` does."""
        if not self.plugged:
            raise OSError(errno.ENODEV, "'FootSwitch' is not there")
        return self

    def send(self, name: str, value: int) -> None:
        """An event by its name."""
        kind = {"KEY": ecodes.EV_KEY, "BTN": ecodes.EV_KEY, "REL": ecodes.EV_REL, "ABS": ecodes.EV_ABS}
        code = ecodes.ecodes[name]
        if kind.get(name[:3]) == ecodes.EV_KEY:
            (self.down.add if value else self.down.discard)(code)
        self.send_raw(kind.get(name[:3], ecodes.EV_SYN), code, value)

    def send_raw(self, kind: int, code: int, value: int) -> None:
        self._queue.append((kind, code, value))
        os.write(self._input, b".")

    def unplug(self) -> None:
        self.plugged = False
        os.write(self._input, b".")

    def plug_in(self) -> None:
        self.plugged = True
        self._queue.clear()

    def read(self) -> Iterator[SimpleNamespace]:
        if not self.plugged:
            raise OSError(errno.ENODEV, "No such device")
        if not self._queue:
            raise BlockingIOError
        os.read(self.fd, len(self._queue))
        while self._queue:
            kind, code, value = self._queue.popleft()
            yield SimpleNamespace(type=kind, code=code, value=value)

    def active_keys(self) -> list[int]:
        return sorted(self.down)

    def absinfo(self, axis_num: int) -> SimpleNamespace:
        value, low, high = self.axes[axis_num]
        return SimpleNamespace(value=value, min=low, max=high)

    def close(self) -> None:
        pass


@pytest.fixture
def rig() -> Rig:
    """The simulated rig with two arms."""
    return load_rig(CONFIG / "rig_sim.yaml")


@pytest.fixture
def make_device() -> Callable[..., RecordedDevice]:
    """Makes input devices."""
    return RecordedDevice
