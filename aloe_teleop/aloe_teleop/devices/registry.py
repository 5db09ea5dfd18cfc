"""All kinds of devices, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aloe_data.rig import Rig
from aloe_teleop.device import Device
from aloe_teleop.devices.joystick import Joystick, JoystickConfig
from aloe_teleop.devices.keyboard import Keyboard, KeyboardConfig
from aloe_teleop.devices.leader import Leader, LeaderConfig
from aloe_teleop.devices.pedals import PedalConfig, Pedals
from aloe_teleop.devices.scripted import ScriptedConfig, ScriptedHuman


@dataclass(frozen=True)
class DeviceKind:
    """How a device of a kind is described and made."""

    config: type[Any]
    make: Callable[[str, Any, Rig], Device]  # name, config, rig


KINDS: Mapping[str, DeviceKind] = {
    "gamepad": DeviceKind(JoystickConfig, Joystick),
    "keyboard": DeviceKind(KeyboardConfig, Keyboard),
    "leader": DeviceKind(LeaderConfig, Leader),
    "pedals": DeviceKind(PedalConfig, Pedals),
    "scripted": DeviceKind(ScriptedConfig, ScriptedHuman),
    "spacemouse": DeviceKind(JoystickConfig, Joystick),
}
