"""Reading of `config/teleop_*.yaml`: who operates, with which devices, each by a name of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError, from_mapping
from aloe_data.rig import Rig
from aloe_data.section import Section
from aloe_data.yaml_file import read_yaml
from aloe_teleop.device import Device
from aloe_teleop.devices.registry import KINDS


@dataclass(frozen=True)
class TeleopFile:
    """What stands in a teleop file.

    Attributes:
        operator: who operates; one arm has one operator.
        devices: by name: `kind` and the parameters of that kind.
    """

    operator: str
    devices: dict[str, Any]


def load_devices(path: Path, rig: Rig) -> tuple[str, dict[str, Device]]:
    """The operator and the devices of a teleop file, ready to be polled.

    Raises:
        ConfigError: with file, key and remedy; two devices that command one arm are refused.
    """
    top = Section(read_yaml(path, ConfigError, "teleop file", "teleop_*.yaml"), TeleopFile, str(path), "", ConfigError)
    operator = top.text("operator")
    section = top.section("devices", None)
    devices: dict[str, Device] = {}
    try:
        for name in section.names():
            devices[name] = _device(
                section.section(name, None), section.take(name), name, f"{path}: devices.{name}", rig
            )
        _refuse_shared_arms(devices, str(path))
    except BaseException:
        for device in devices.values():
            device.close()  # a terminal gets its settings back
        raise
    if not devices:
        top.fail("devices", "name at least one device")
    return operator, devices


def _device(section: Section, mapping: dict[str, Any], name: str, source: str, rig: Rig) -> Device:
    kind = KINDS[section.choice("kind", tuple(KINDS))]
    config = from_mapping(kind.config, {key: value for key, value in mapping.items() if key != "kind"}, source)
    try:
        return kind.make(name, config, rig)
    except ValueError as error:
        section.fail("", str(error))


def _refuse_shared_arms(devices: dict[str, Device], source: str) -> None:
    commander: dict[str, str] = {}
    for name, device in devices.items():
        for arm in device.arms:
            if arm in commander:
                raise ConfigError(f"{source}: '{commander[arm]}' and '{name}' both command {arm}; leave it to one")
            commander[arm] = name
