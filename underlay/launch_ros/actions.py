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

from .parameters import GLOBAL_PARAMETERS, evaluate_parameters, evaluate_value
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
        parameters: list[Any] | None = None,
        remappings: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        ros_arguments: list[SomeSubstitutionsType] | None = None,
        arguments: Iterable[SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        for option, value in (("parameters", parameters), ("ros_arguments", ros_arguments)):
            if value is not None and not isinstance(value, list):
                raise TypeError(f"Node '{option}' expects a list, got {value!r}")
        for rule in remappings or []:
            if not isinstance(rule, tuple) or len(rule) != 2:
                raise TypeError(f"Node 'remappings' expects tuples of length 2, got {rule!r}")
        program = executable if package is None else ExecutableInPackage(package=package, executable=executable)
        for_ros = ["--ros-args", *ros_arguments] if ros_arguments is not None else []
        super().__init__(cmd=[program, *(arguments or []), *for_ros, "--ros-args"], name=exec_name, **kwargs)
        self.node_package, self.node_executable = package, executable
        self._node_name, self._namespace = name, namespace
        self._parameters = parameters or []
        self._remappings = list(remappings or [])

    def _command(self, context: LaunchContext) -> list[str]:
        return [*super()._command(context), *self._for_ros(context)]

    def _for_ros(self, context: LaunchContext) -> list[str]:
        """Return what stands behind `--ros-args`, other than the launch file's own `ros_arguments`."""
        arguments = []
        name = None if self._node_name is None else perform(context, self._node_name)
        if name is not None:
            validate_node_name(name)
            arguments += ["-r", f"__node:={name}"]
        namespace = prefix_namespace(
            context.launch_configurations.get("ros_namespace"),
            None if self._namespace is None else perform(context, self._namespace),
        )
        if namespace is not None:
            validate_namespace(namespace)
            arguments += ["-r", f"__ns:={namespace}"]
        for_all: Any = context.launch_configurations.get(GLOBAL_PARAMETERS, [])
        for parameter, value in for_all:
            arguments += ["-p", f"{parameter}:={value}"]
        key = "/**" if name is None or namespace is None else f"{namespace.rstrip('/')}/{name}"
        for file in evaluate_parameters(context, self._parameters, key):
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
        previous: Any = context.launch_configurations.get(GLOBAL_PARAMETERS, [])
        mine = (name, evaluate_value(context, name, self._value))
        context.launch_configurations[GLOBAL_PARAMETERS] = [*previous, mine]  # type: ignore[assignment]


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
