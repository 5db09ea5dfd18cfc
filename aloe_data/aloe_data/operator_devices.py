"""The devices that a teleop file names, for those who plan with them; teleop_node alone knows what each kind can do."""

from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError
from aloe_data.section import Section
from aloe_data.yaml_file import read_yaml


def teleop_devices(teleop_file: Path | None) -> dict[str, dict[str, Any]]:
    """The devices that a teleop file names, by name; teleop_node, which knows the kinds, checks the rest of it.

    Raises:
        ConfigError: with file, line, key and remedy.
    """
    if teleop_file is None:
        return {}
    tree = read_yaml(teleop_file, ConfigError, "teleop file", "teleop_*.yaml")
    section = Section(tree, None, str(teleop_file), "", ConfigError).section("devices", None)
    return {name: _device(section.section(name, None)) for name in section.names()}


def _device(section: Section) -> dict[str, Any]:
    """A device; what others than teleop_node want to know of it is checked."""
    section.text("kind")
    if section.has("topic"):
        section.topic("topic")
    if section.has("device"):
        section.text("device")
    return {key: section.take(key) for key in section.names()}


def device_kinds(teleop_file: Path | None) -> set[str]:
    """Kinds of the devices that a teleop file names.

    Raises:
        ConfigError: see `teleop_devices`.
    """
    return {device["kind"] for device in teleop_devices(teleop_file).values()}


def ready_hint(teleop_file: Path | None) -> str:
    """What a person does to say ready, for people to read; "" where no device has a key for it.

    Raises:
        ConfigError: See `teleop_devices`.
    """
    devices = teleop_devices(teleop_file)
    return " or ".join(f"press {keys['ready']} on {name}" for name, keys in devices.items() if keys.get("ready"))
