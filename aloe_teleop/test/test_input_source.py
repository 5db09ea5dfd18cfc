"""Finding input devices, and naming what they send."""

from types import SimpleNamespace
from typing import Any

import pytest
from evdev import ecodes

from aloe_teleop.devices.input_codes import names_of_codes
from aloe_teleop.devices.input_source import find_device
from aloe_teleop.learn_keys import describe

KEYS = {"KEY_A": (ecodes.EV_KEY, ecodes.KEY_A), "KEY_B": (ecodes.EV_KEY, ecodes.KEY_B)}


class Plugged:
    """What `evdev.InputDevice` tells of a device."""

    def __init__(self, path: str) -> None:
        self.path, self.name, self.keys = path, *DEVICES[path]
        self.grabbed, self.closed = False, False
        OPENED.append(self)

    def capabilities(self, absinfo: bool) -> dict[int, list[int]]:
        return {ecodes.EV_KEY: self.keys}

    def grab(self) -> None:
        self.grabbed = True

    def close(self) -> None:
        self.closed = True


OPENED: list[Plugged] = []
DEVICES = {
    "/dev/input/event0": ("AT keyboard", [ecodes.KEY_A, ecodes.KEY_B]),
    "/dev/input/event1": ("PCsensor FootSwitch Mouse", [ecodes.BTN_LEFT]),
    "/dev/input/event2": ("PCsensor FootSwitch Keyboard", [ecodes.KEY_A, ecodes.KEY_B]),
}


@pytest.fixture(autouse=True)
def devices(monkeypatch: pytest.MonkeyPatch) -> None:
    import evdev

    OPENED.clear()
    monkeypatch.setattr(evdev, "list_devices", lambda: list(DEVICES))
    monkeypatch.setattr(evdev, "InputDevice", Plugged)


def test_of_the_devices_of_one_name_the_one_with_the_keys_is_taken_and_the_others_closed() -> None:
    found: Any = find_device("footswitch", KEYS.values(), grab=True)
    assert (found.path, found.grabbed) == ("/dev/input/event2", True)
    assert [device.closed for device in OPENED] == [True, True, False]


def test_a_device_without_the_keys_is_refused() -> None:
    with pytest.raises(OSError, match="'/dev/input/event1' cannot send all the keys and axes that are mapped"):
        find_device("/dev/input/event1", KEYS.values(), grab=True)
    with pytest.raises(OSError, match="'gamepad' is not there; compare with"):
        find_device("gamepad", KEYS.values(), grab=False)
    assert all(device.closed for device in OPENED)


def test_learned_names_are_names_that_can_be_mapped() -> None:
    table = names_of_codes()
    names = {code: name for name, code in reversed(table.items())}
    pressed = SimpleNamespace(type=ecodes.EV_KEY, code=ecodes.BTN_SOUTH, value=1)
    assert table[describe(pressed, names)] == (ecodes.EV_KEY, ecodes.BTN_SOUTH)
    assert describe(SimpleNamespace(type=ecodes.EV_KEY, code=ecodes.KEY_A, value=0), names) == ""
    assert describe(SimpleNamespace(type=ecodes.EV_ABS, code=ecodes.ABS_X, value=-7), names) == "ABS_X -7"
    assert describe(SimpleNamespace(type=ecodes.EV_SYN, code=0, value=0), names) == ""
