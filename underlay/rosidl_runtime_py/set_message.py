"""From dictionaries to messages."""

from __future__ import annotations

import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from .utilities import get_interface


def set_message_fields(msg: Any, values: Mapping[str, Any], expand_header_auto: bool = False) -> list[Any]:
    """Set the fields of a message from nested dictionaries and lists.

    Args:
        msg: the message, changed in place.
        values: field values by name; fields that are not named keep their value.
        expand_header_auto: refused here.

    Raises:
        AttributeError: a name is no field of the message.
        TypeError, ValueError: a value does not fit its field.
    """
    if expand_header_auto:
        from launch.unsupported import refuse

        refuse("set_message_fields(expand_header_auto=...)", "rosidl_runtime_py")
    if not isinstance(values, Mapping):
        raise TypeError(f"expected a dictionary of fields of {type(msg).__name__}, got {values!r}")
    types = msg.get_fields_and_field_types()
    for name, value in values.items():
        if name not in types:
            raise AttributeError(f"'{type(msg).__name__}' has no field '{name}'; it has: {', '.join(types)}")
        setattr(msg, name, _converted(getattr(msg, name), types[name], value))
    return []


def _converted(current: Any, field_type: str, value: Any) -> Any:
    """Return `value` as the type of the field, whose present value is `current`."""
    if hasattr(current, "get_fields_and_field_types"):
        part = type(current)()
        set_message_fields(part, value)
        return part
    if isinstance(current, array.array):
        return array.array(current.typecode, value)
    if isinstance(current, np.ndarray):
        return np.array(value, dtype=current.dtype)
    if isinstance(current, bytes):
        return bytes([value]) if isinstance(value, int) else bytes(value)
    if isinstance(current, list):
        element = field_type.removeprefix("sequence<").split("[")[0].split(">")[0].split(",")[0]
        if "/" in element:
            package, name = element.split("/")
            kind = get_interface(f"{package}/msg/{name}")
            return [_converted(kind(), element, part) for part in value]
        return list(value)
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(current, str) and isinstance(value, (bool, int, float)):
        return str(value)
    return value
