"""Actions for ROS: nodes, namespaces, and parameters for all nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from launch.action import Action
from launch.actions import ExecuteProcess
from launch.launch_context import LaunchContext
from launch.substitution import SomeSubstitutionsType
from launch.unsupported import missing_names
from launch.utilities import normalize_to_list_of_substitutions, perform, perform_substitutions
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name

from .parameters import GLOBAL_PARAMETERS, evaluate_parameters, evaluate_value, write_parameters
from .substitutions import ExecutableInPackage

__getattr__ = missing_names(__name__, "launch_ros")


class Node(ExecuteProcess):
    """Runs a ROS node, which is an executable of a package.

    Args:
        parameters: dictionaries, paths of YAML files and `ParameterFile`s; later ones override earlier ones.
        remappings: pairs (from, to).
        arguments: the node's own arguments, before those for ROS.
        ros_arguments: further arguments behind `--ros-args`.
        exec_name: name of the process in the log; default is that of the executable.
        kwargs: as for `ExecuteProcess`.
    """

    def __init__(
        self,
        *,
        executable: SomeSubstitutionsType,
        package: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        namespace: SomeSubstitutionsType | None = None,
        exec_name: SomeSubstitutionsType | None = None,
        parameters: Iterable[Any] | None = None,
        remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        ros_arguments: Iterable[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        program = executable if package is None else ExecutableInPackage(package=package, executable=executable)
        super().__init__(cmd=[program, *(arguments or [])], name=exec_name, **kwargs)
        for option, value in (("parameters", parameters), ("remappings", remappings)):
            if value is not None and (isinstance(value, (str, dict)) or not isinstance(value, Iterable)):
                raise TypeError(f"Node '{option}' expects a list, got {value!r}")
        self.node_package, self.node_executable = package, executable
        self._node_name, self._namespace = name, namespace
        self._parameters, self._remappings = list(parameters or []), list(remappings or [])
        self._ros_arguments = list(ros_arguments or [])

    def _command(self, context: LaunchContext) -> list[str]:
        return [*super()._command(context), "--ros-args", *self._for_ros(context)]

    def _for_ros(self, context: LaunchContext) -> list[str]:
        """Return what stands behind `--ros-args`."""
        arguments = [perform(context, argument) for argument in self._ros_arguments]
        if self._node_name is not None:
            name = perform(context, self._node_name)
            validate_node_name(name)
            arguments += ["-r", f"__node:={name}"]
        namespace = prefix_namespace(
            context.launch_configurations.get("ros_namespace"),
            None if self._namespace is None else perform(context, self._namespace),
        )
        if namespace is not None:
            validate_namespace(namespace)
            arguments += ["-r", f"__ns:={namespace}"]
        global_parameters: Any = context.launch_configurations.get(GLOBAL_PARAMETERS)
        files = [write_parameters(global_parameters)] if global_parameters else []
        for file in files + evaluate_parameters(context, self._parameters):
            arguments += ["--params-file", file]
        for source, target in self._remappings:
            arguments += ["-r", f"{perform(context, source)}:={perform(context, target)}"]
        return arguments


class PushROSNamespace(Action):
    """Puts a namespace in front of those of the nodes that follow in the same group."""

    def __init__(self, namespace: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.namespace = normalize_to_list_of_substitutions(namespace)

    def execute(self, context: LaunchContext) -> None:
        pushed = perform_substitutions(context, self.namespace)
        namespace = prefix_namespace(context.launch_configurations.get("ros_namespace"), pushed)
        if namespace is not None:
            validate_namespace(namespace)
            context.launch_configurations["ros_namespace"] = namespace


PushRosNamespace = PushROSNamespace


class SetParameter(Action):
    """Sets a parameter of all nodes that follow in the same group; a node's own parameters override it."""

    def __init__(self, name: SomeSubstitutionsType, value: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._name, self._value = name, value

    def execute(self, context: LaunchContext) -> None:
        name = perform(context, self._name)
        previous: Any = context.launch_configurations.get(GLOBAL_PARAMETERS) or {}
        context.launch_configurations[GLOBAL_PARAMETERS] = {  # type: ignore[assignment]
            **previous,
            name: evaluate_value(context, name, self._value),
        }


def prefix_namespace(base: str | None, namespace: str | None) -> str | None:
    """Put `base` in front of a relative namespace; an absolute one stands for itself.

    Returns:
        An absolute namespace, or None where neither is given.
    """
    if namespace is None or namespace == "":
        return base
    if not namespace.startswith("/"):
        namespace = f"{(base or '').rstrip('/')}/{namespace}"
    return namespace.rstrip("/") or "/"
