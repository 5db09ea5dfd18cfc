"""Parameters whose kind has to be said."""

from __future__ import annotations

from typing import Any

from launch.substitution import SomeSubstitutionsType
from launch.unsupported import missing_names, refuse, refuse_arguments

__getattr__ = missing_names(__name__, "launch_ros")


class ParameterValue:
    """A value whose type is given rather than guessed by YAML's rules, e.g. `ParameterValue(sub, value_type=str)`."""

    def __init__(self, value: Any, *, value_type: type | None = None) -> None:
        if value_type not in (None, bool, int, float, str):
            refuse(f"ParameterValue(value_type={value_type})", "launch_ros")
        if value_type and isinstance(value, (bool, int, float, str)) and not isinstance(value, value_type):
            raise TypeError(f"value='{value}' is not an instance of {value_type}")
        self.value = value
        self.value_type = value_type


class ParameterFile:
    """A YAML file of parameters."""

    def __init__(self, param_file: SomeSubstitutionsType, *, allow_substs: bool = False) -> None:
        if allow_substs:
            refuse_arguments(self, {"allow_substs": allow_substs}, "launch_ros")
        self.param_file = param_file
