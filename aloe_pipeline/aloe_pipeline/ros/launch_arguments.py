"""A dataclass of parameters as the arguments of a launch file."""

import dataclasses
from collections.abc import Mapping

from launch.actions import DeclareLaunchArgument

from aloe_data.config import is_required, spec_of


def launch_arguments(parameters: type, defaults: Mapping[str, str] | None = None) -> list[DeclareLaunchArgument]:
    """One launch argument per parameter, with its description.

    Args:
        parameters: Dataclass that declares them.
        defaults: Values that take the place of the dataclass's own, by name.
    """
    own = defaults or {}
    arguments = []
    for field in dataclasses.fields(parameters):
        default = None if is_required(field) else own.get(field.name, str(field.default))
        description = spec_of(field).describe()
        arguments.append(DeclareLaunchArgument(field.name, default_value=default, description=description))
    return arguments
