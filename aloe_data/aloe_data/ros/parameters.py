"""ROS parameters of a node from its configuration dataclass."""

import dataclasses
from typing import TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from aloe_data.config import ConfigError, from_mapping, is_required, spec_of
from aloe_data.section import nearest

T = TypeVar("T")
# What rclpy itself understands beside a node's own parameters.
_OF_RCLPY = ("use_sim_time", "start_type_description_service", "qos_overrides.")


def declare_parameters(node: Node, cls: type[T]) -> T:
    """Declare a parameter for every field of `cls` and read them all; from then on none can be changed.

    Raises:
        ConfigError: unknown, missing, wrong or impossible values, naming the node, the parameter and the remedy.
    """
    fields = {field.name: field for field in dataclasses.fields(cls)}
    # rclpy ignores parameters that nobody declares; a typo must not pass as "default".
    for name in node._parameter_overrides:
        if name not in fields and not name.startswith(_OF_RCLPY):
            raise ConfigError(f"{node.get_name()}: unknown parameter '{name}'; {nearest(name, fields)}")
    values = {}
    for name, field in fields.items():
        value = _declare(node, name, field)
        if value is not None:
            values[name] = value
    # Also those of rclpy: whoever may call a service could otherwise put the node on a clock of his own.
    node.add_on_set_parameters_callback(_refuse)
    return from_mapping(cls, values, node.get_name())


def _refuse(parameters: list[Parameter]) -> SetParametersResult:
    names = ", ".join(parameter.name for parameter in parameters)
    return SetParametersResult(successful=False, reason=f"{names}: read at the start alone; start the node anew")


def _declare(node: Node, name: str, field: "dataclasses.Field[object]") -> object:
    default = None if is_required(field) else field.default
    # Types are checked by the dataclass, so that 20 is accepted for 20.0 and messages name the remedy.
    descriptor = ParameterDescriptor(description=spec_of(field).describe(), read_only=True, dynamic_typing=True)
    if isinstance(default, tuple):
        default = list(default)
    if not isinstance(default, bool | int | float | str | list | None):
        default = str(default)
    value = node.declare_parameter(name, default, descriptor).value
    return list(value) if not isinstance(value, str) and hasattr(value, "__len__") else value
