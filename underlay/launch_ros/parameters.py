"""From parameters as launch files write them to the files that nodes read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from launch import logging as launch_logging
from launch.launch_context import LaunchContext
from launch.substitution import Substitution
from launch.utilities import perform

from .parameter_descriptions import ParameterFile, ParameterValue

GLOBAL_PARAMETERS = "global_params"


def evaluate_parameters(context: LaunchContext, parameters: Iterable[Any]) -> list[str]:
    """Return the paths of parameter files, later ones overriding earlier ones.

    Dictionaries are written to files below the launch's log folder. A file that is missing is an error: the official
    launch only warns, and the node then runs with other values than the launch file asked for.
    """
    files = []
    for entry in parameters:
        if isinstance(entry, Mapping):
            files.append(write_parameters(evaluate_dictionary(context, entry)))
            continue
        path = perform(context, entry.param_file if isinstance(entry, ParameterFile) else entry)
        if not os.path.isfile(path):
            raise FileNotFoundError(f"parameter file '{path}' does not exist")
        files.append(path)
    return files


def write_parameters(values: Mapping[str, Any]) -> str:
    """Write a parameter file for any node and return its path."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="launch_params_", suffix=".yaml", dir=launch_logging.launch_config.log_dir, delete=False
    ) as file:
        yaml.safe_dump({"/**": {"ros__parameters": dict(values)}}, file)
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
    """Return one parameter's value: plain values stay, substitutions are read by YAML's rules unless typed."""
    if isinstance(value, ParameterValue):
        if value.value_type is str:
            return perform(context, value.value)
        if value.value_type in (None, bool, int, float):
            result = evaluate_value(context, name, value.value)
            return result if value.value_type is None else _coerced(name, result, value.value_type)
        raise TypeError(f"parameter '{name}': value_type {value.value_type} is not supported here")
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (list, tuple)):
        if any(isinstance(part, Substitution) for part in value):
            return _from_yaml(name, perform(context, value))
        return list(value)
    if isinstance(value, Substitution):
        return _from_yaml(name, perform(context, value))
    if isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"parameter '{name}' has a value of unsupported type {type(value).__name__}: {value!r}")


def _from_yaml(name: str, text: str) -> Any:
    value = yaml.safe_load(text)
    if value is None:
        return ""
    if not isinstance(value, (bool, int, float, str, list)):
        raise ValueError(
            f"Unable to parse the value of parameter {name} as yaml. If the parameter is meant to be a string, "
            "try wrapping it in launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)"
        )
    return value


def _coerced(name: str, value: Any, value_type: type) -> Any:
    if isinstance(value, str):
        value = yaml.safe_load(value)
    if value_type is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, value_type) or (value_type is int and isinstance(value, bool)):
        raise ValueError(f"parameter '{name}': {value!r} is not a {value_type.__name__}")
    return value
