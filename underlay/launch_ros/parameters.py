"""From parameters as launch files write them to the files that nodes read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml
from launch import logging as launch_logging
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.substitution import Substitution
from launch.utilities import perform

from .parameter_descriptions import ParameterFile, ParameterValue

GLOBAL_PARAMETERS = "global_params"


def evaluate_parameters(context: LaunchContext, parameters: Iterable[Any], key: str) -> list[str]:
    """Return the paths of parameter files, later ones overriding earlier ones.

    Dictionaries are written to files below the launch's log folder, for the nodes that `key` names. A file that is
    missing is warned of and left out.
    """
    files = []
    for entry in parameters:
        if isinstance(entry, Mapping):
            files.append(_written({key: {"ros__parameters": evaluate_dictionary(context, entry)}}))
            continue
        path = entry.param_file if isinstance(entry, ParameterFile) else entry
        path = os.fspath(path) if isinstance(path, os.PathLike) else perform(context, path)
        if os.path.isfile(path):
            files.append(path)
        else:
            launch_logging.get_logger("launch_ros.actions.node").warning(f"Parameter file path is not a file: {path}")
    return files


def _written(tree: Mapping[str, Any]) -> str:
    """Write a parameter file and return its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="launch_params_", suffix=".yaml", dir=launch_logging.launch_config.log_dir, delete=False
    ) as file:
        yaml.safe_dump(tree, file)
    return file.name


def evaluate_dictionary(context: LaunchContext, parameters: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Perform the substitutions in a dictionary; nested dictionaries become names with dots."""
    result: dict[str, Any] = {}
    for key, value in parameters.items():
        name = prefix + perform(context, key)
        if isinstance(value, Mapping):
            result.update(evaluate_dictionary(context, value, f"{name}."))
        else:
            result[name] = evaluate_value(context, name, value)
    return result


def evaluate_value(context: LaunchContext, name: str, value: Any) -> Any:
    """Return one parameter's value: plain values stay, substitutions are read by YAML's rules unless typed.

    Raises:
        TypeError: the value is none that a parameter can have.
    """
    if isinstance(value, ParameterValue):
        return _typed(context, name, value)
    if isinstance(value, (list, tuple)):
        return _evaluated_list(context, name, value)
    if isinstance(value, Substitution):
        return _from_yaml(name, perform(context, value))
    if isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"Unexpected type for parameter value {value!r} of '{name}'")


def _evaluated_list(context: LaunchContext, name: str, values: Sequence[Any]) -> Any:
    """Text with a substitution in it is one text, by YAML's rules; anything else is a list of one type."""
    if any(isinstance(part, Substitution) for part in values):
        return _from_yaml(name, perform(context, values))
    parts = [_from_yaml(name, perform(context, part)) if isinstance(part, (list, tuple)) else part for part in values]
    if {type(part) for part in parts} == {int, float}:
        parts = [float(part) for part in parts]
    return _uniform(name, parts)


def _uniform(name: str, values: list[Any]) -> list[Any]:
    kind = type(values[0]) if values else None
    if kind not in (bool, int, float, str) or not all(isinstance(value, kind) for value in values):
        raise TypeError(
            "Expected a non-empty sequence, with items of uniform type. Allowed sequence item types are bool, int, "
            f'float, str. Got inconsistent input for "{name}": {values!r}'
        )
    return values


def _from_yaml(name: str, text: str) -> Any:
    remedy = "If the parameter is meant to be a string, try wrapping it in launch_ros.parameter_descriptions."
    remedy += "ParameterValue(value, value_type=str)"
    try:
        value = yaml.safe_load(text) if text else ""
    except yaml.YAMLError:
        raise TypeError(f"Unable to parse the value of parameter {name} as yaml. {remedy}") from None
    if isinstance(value, list):
        return _uniform(name, value)
    if not isinstance(value, (bool, int, float, str)):
        raise TypeError(
            "Allowed value types are bytes, bool, int, float, str, Sequence[bool], Sequence[int], Sequence[float], "
            f'Sequence[str]. Got {type(value)} for "{name}". {remedy}'
        )
    return value


def _typed(context: LaunchContext, name: str, value: ParameterValue) -> Any:
    """Return a value as the type that is given for it; the text of a substitution is read for that."""
    plain = value.value
    kind = value.value_type
    if isinstance(plain, (bool, int, float, str)):
        return plain
    if kind is None:
        return evaluate_value(context, name, plain)
    text = perform(context, plain)
    if kind is bool:
        return IfCondition(text).evaluate(context)
    return kind(text)
