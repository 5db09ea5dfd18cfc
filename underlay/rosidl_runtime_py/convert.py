"""From messages to dictionaries and YAML."""

from __future__ import annotations

import array
from collections import OrderedDict
from typing import Any

import numpy as np
import yaml

DEFAULT_TRUNCATE_LENGTH = 128


def message_to_ordereddict(
    msg: Any, *, truncate_length: int | None = None, no_arr: bool = False, no_str: bool = False
) -> OrderedDict[str, Any]:
    """Return a message's fields in their order, sub-messages as dictionaries and arrays as lists.

    Args:
        msg: the message.
        truncate_length: longer arrays, bytes and texts are cut there and end in '...'; None cuts nothing.
        no_arr: arrays are replaced by their type and length.
        no_str: texts are replaced by their length.
    """
    result: OrderedDict[str, Any] = OrderedDict()
    for name, field_type in msg.get_fields_and_field_types().items():
        result[name] = _convert(getattr(msg, name), field_type, truncate_length, no_arr, no_str)
    return result


def _convert(value: Any, field_type: str, limit: int | None, no_arr: bool, no_str: bool) -> Any:
    if isinstance(value, bytes):
        shown = [int(byte) for byte in value[:limit]]
        return [*shown, "..."] if limit is not None and len(value) > limit else shown
    if isinstance(value, str):
        if no_str:
            return f"<string length: <{len(value)}>>"
        return value[:limit] + "..." if limit is not None and len(value) > limit else value
    if isinstance(value, (list, tuple, array.array, np.ndarray)):
        if no_arr:
            return f"<sequence type: {field_type}, length: {len(value)}>"
        shown = value[:limit].tolist() if isinstance(value, (array.array, np.ndarray)) else list(value[:limit])
        shown = [_convert(part, field_type, limit, no_arr, no_str) for part in shown]
        return [*shown, "..."] if limit is not None and len(value) > limit else shown
    if hasattr(value, "get_fields_and_field_types"):
        return message_to_ordereddict(value, truncate_length=limit, no_arr=no_arr, no_str=no_str)
    return value.item() if isinstance(value, np.generic) else value


class _Dumper(yaml.SafeDumper):
    """Writes fields in their order, and never refers to a part that occurs twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    OrderedDict, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items())
)


def to_yaml(value: Any, *, flow_style: bool = False) -> str:
    """Write what `message_to_ordereddict` returned as YAML."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, default_flow_style=flow_style, width=2**30)


def message_to_yaml(
    msg: Any,
    *,
    truncate_length: int | None = None,
    no_arr: bool = False,
    no_str: bool = False,
    flow_style: bool = False,
) -> str:
    """Return a message as YAML; arguments as for `message_to_ordereddict`."""
    fields = message_to_ordereddict(msg, truncate_length=truncate_length, no_arr=no_arr, no_str=no_str)
    return to_yaml(fields, flow_style=flow_style)
