"""Print what input devices there are, and the names of keys and axes as they are moved: for writing a teleop file."""

import select
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_teleop.devices.input_codes import EV_ABS, EV_KEY, EV_REL, names_of_codes


@dataclass(frozen=True)
class LearnKeysConfig:
    """Whose keys are printed."""

    device: str = parameter("", positional=True, doc="part of a device's name; all devices without it")


class DeviceError(RuntimeError):
    """An input device that cannot be read; the message says why and what to do."""


def learn_keys(config: LearnKeysConfig) -> None:
    """Listen to all devices, or to those whose name contains a text, until interrupted.

    Raises:
        DeviceError: There is no such device, or it was unplugged.
    """
    import evdev

    text = config.device
    devices = [evdev.InputDevice(path) for path in evdev.list_devices()]
    devices = [device for device in devices if text.lower() in device.name.lower()]
    if not devices:
        which = f" with '{text}' in its name" if text else ""
        raise DeviceError(f"no input device{which} can be read: is it plugged in, and are you in the group 'input'?")
    for device in devices:
        print(f"{device.path!s}  {device.name}")
    print("press keys and move axes; Ctrl-C ends. A rig's file needs keys for estop, reset and ready on some device")
    names = {code: name for name, code in reversed(names_of_codes().items())}
    try:
        _print_changes(devices, names)
    except OSError as error:
        raise DeviceError(f"a device is gone: {error.strerror}; plug it in again") from error


def main() -> None:
    """Entry point of `learn_keys`."""
    run_command("learn_keys", learn_keys, LearnKeysConfig, about=__doc__, refused=(DeviceError,))


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
