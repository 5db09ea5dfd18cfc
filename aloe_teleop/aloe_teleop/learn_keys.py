"""Print what input devices there are, and the names of keys and axes as they are moved: for writing a teleop file."""

import argparse
import select
import sys
from collections.abc import Iterable
from typing import Any

from aloe_teleop.devices.input_source import EV_ABS, EV_KEY, EV_REL, names_of_codes


def main() -> None:
    """Listen to all devices, or to those whose name contains a text, until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("device", nargs="?", default="", help="part of a device's name; all devices without it")
    text = parser.parse_args().device
    import evdev

    devices = [evdev.InputDevice(path) for path in evdev.list_devices()]
    devices = [device for device in devices if text.lower() in device.name.lower()]
    if not devices:
        which = f" with '{text}' in its name" if text else ""
        sys.exit(f"no input device{which} can be read: is it plugged in, and are you in the group 'input'?")
    for device in devices:
        print(f"{device.path!s}  {device.name}")
    print("press keys and move axes; Ctrl-C ends. A rig's file needs keys for estop, reset and ready on some device")
    names = {code: name for name, code in reversed(names_of_codes().items())}
    try:
        _print_changes(devices, names)
    except KeyboardInterrupt:
        print()
    except OSError as error:
        sys.exit(f"a device is gone: {error.strerror}")


def _print_changes(devices: Iterable[Any], names: dict[tuple[int, int], str]) -> None:
    while True:
        for device in select.select(devices, [], [])[0]:
            for event in device.read():
                if line := describe(event, names):
                    print(f"{device.name}: {line}", flush=True)


def describe(event: Any, names: dict[tuple[int, int], str]) -> str:
    """A key that went down, or an axis' new value; "" for all else."""
    name = names.get((event.type, event.code), f"code {event.code}")
    if event.type == EV_KEY:
        return name if event.value == 1 else ""
    return f"{name} {event.value}" if event.type in (EV_REL, EV_ABS) else ""
