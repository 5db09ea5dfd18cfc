"""Classes of interfaces by their names, like `std_msgs/msg/String`."""

import importlib
from typing import Any

from launch.unsupported import missing_names

__getattr__ = missing_names(__name__, "rosidl_runtime_py")


def get_interface(identifier: str) -> Any:
    """Import an interface's class.

    Raises:
        ValueError: the name is not `package/kind/Name`.
        ModuleNotFoundError, AttributeError: there is no such interface.
    """
    parts = identifier.split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"Expected the full name of an interface like 'std_msgs/msg/String', got '{identifier}'")
    return getattr(importlib.import_module(f"{parts[0]}.{parts[1]}"), parts[2])


def _of_kind(kind: str, identifier: str) -> Any:
    if "/" in identifier and identifier.count("/") == 1:
        identifier = identifier.replace("/", f"/{kind}/")
    if f"/{kind}/" not in identifier:
        raise ValueError(f"Expected the full name of a {kind}, got '{identifier}'")
    return get_interface(identifier)


def get_message(identifier: str) -> Any:
    """Return the class of a message, e.g. of `std_msgs/msg/String` (or, short, `std_msgs/String`)."""
    return _of_kind("msg", identifier)


def get_service(identifier: str) -> Any:
    """Return the class of a service, e.g. of `std_srvs/srv/SetBool`."""
    return _of_kind("srv", identifier)


def get_action(identifier: str) -> Any:
    """Return the class of an action."""
    return _of_kind("action", identifier)
