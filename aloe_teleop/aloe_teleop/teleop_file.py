"""Reading of `config/teleop_*.yaml`: who operates, with which devices, each by a name of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError, from_mapping
from aloe_data.rig import Rig
from aloe_data.section import Section
from aloe_data.yaml_file import read_yaml
from aloe_teleop.device import Device
from aloe_teleop.devices.registry import KINDS, DeviceKind
from aloe_teleop.keys import KeyConfig

_OPERATOR_KEYS = ("estop", "reset", "ready")


@dataclass(frozen=True)
class TeleopFile:
    """What stands in a teleop file.

    Attributes:
        operator: Name of the operator; one arm has one operator.
        devices: Devices by name: `kind` and the parameters of that kind.
    """

    operator: str
    devices: dict[str, Any]


def load_devices(path: Path, rig: Rig) -> tuple[str, dict[str, Device]]:
    """The operator and the devices of a teleop file, ready to be polled.

    Raises:
        ConfigError: with file, key and remedy; two devices that command one arm are refused, and keys that leave an arm
            or the emergency stop in a state that no other key ends.
    """
    top = Section(read_yaml(path, ConfigError, "teleop file", "teleop_*.yaml"), TeleopFile, str(path), "", ConfigError)
    operator = top.text("operator")
    section = top.section("devices", None)
    devices: dict[str, Device] = {}
    configs: dict[str, Any] = {}
    try:
        for name in section.names():
            keys = section.section(name, None)
            kind = KINDS[keys.choice("kind", tuple(KINDS))]
            configs[name] = _config(kind, section.take(name), f"{path}: devices.{name}")
            devices[name] = _device(kind, keys, name, configs[name], rig)
        _refuse_shared_arms(devices, str(path))
        _refuse_dead_ends(configs, str(path), rig)
        if not rig.simulated:
            _require_operator_keys(devices, configs, str(path), rig)
    except BaseException:
        for device in devices.values():
            device.close()  # a terminal gets its settings back
        raise
    if not devices:
        top.fail("devices", "name at least one device")
    return operator, devices


def _config(kind: DeviceKind, mapping: dict[str, Any], source: str) -> Any:
    return from_mapping(kind.config, {key: value for key, value in mapping.items() if key != "kind"}, source)


def _device(kind: DeviceKind, section: Section, name: str, config: Any, rig: Rig) -> Device:
    try:
        return kind.make(name, config, rig)
    except ValueError as error:
        section.fail("", str(error))


def _refuse_dead_ends(configs: dict[str, Any], source: str, rig: Rig) -> None:
    """Keys of all devices together must end whatever one of them begins."""
    keys = {name: config for name, config in configs.items() if isinstance(config, KeyConfig)}
    has_release = any(config.release for config in keys.values())
    has_reset = any(config.reset for config in keys.values())
    kept = {arm.name for arm in rig.arms}.difference(*(_handed_back(config, rig) for config in keys.values()))
    for name, config in keys.items():
        if config.deadman_keys() and config.on_lift == "hold" and not has_release:
            raise ConfigError(
                f"{source}: devices.{name}: on_lift: hold lets the arm hold when the key is lifted, and no key hands "
                "it back; give `release` a key, or set on_lift: release"
            )
        if config.hold and not has_release and kept:
            raise ConfigError(
                f"{source}: devices.{name}: hold is '{config.hold}', and no key hands {', '.join(sorted(kept))} back; "
                "give `release` a key"
            )
        if config.estop and not has_reset:
            raise ConfigError(
                f"{source}: devices.{name}: estop is '{config.estop}', and no key clears the stop; give `reset` a key"
            )


def _handed_back(config: KeyConfig, rig: Rig) -> set[str]:
    """Arms that the keys which take them also hand back."""
    if config.deadman_keys() and config.on_lift == "hold":
        return set()
    if config.take_both:
        return {arm.name for arm in rig.arms}
    sides = ((config.take_left, config.left), (config.take_right, config.right))
    return {arm for key, arm in sides if key}


def _require_operator_keys(devices: dict[str, Device], configs: dict[str, Any], source: str, rig: Rig) -> None:
    """On a real rig whoever operates can stop it, and is asked for ready before every motion."""
    keys = [config for config in configs.values() if isinstance(config, KeyConfig)]
    # What asks without keys (a scripted person) does so by rules of its own.
    asks_otherwise = any(devices[name].asks and not isinstance(config, KeyConfig) for name, config in configs.items())
    missing = [action for action in _OPERATOR_KEYS if not any(getattr(config, action) for config in keys)]
    if missing and devices and not asks_otherwise:
        raise ConfigError(
            f"{source}: devices: rig '{rig.name}' is real, and no device has a key for {', '.join(missing)}; give them "
            "keys within the operator's reach"
        )


def _refuse_shared_arms(devices: dict[str, Device], source: str) -> None:
    commander: dict[str, str] = {}
    for name, device in devices.items():
        for arm in device.arms:
            if arm in commander:
                raise ConfigError(f"{source}: '{commander[arm]}' and '{name}' both command {arm}; leave it to one")
            commander[arm] = name
