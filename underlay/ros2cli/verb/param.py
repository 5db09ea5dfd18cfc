"""Various param related sub-commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

import rclpy
import yaml
from rcl_interfaces.msg import Parameter, ParameterType
from rclpy.node import Node
from rclpy.parameter import get_parameter_value, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from ros2cli.node import CommandError, add_discovery_argument, direct_node, full_name, settled, wait_for

SERVICE_TIMEOUT_S = 5.0
ATTEMPTS = 3  # a response is lost if the node has not heard of this client yet; to ask twice does no harm
TYPES = {
    ParameterType.PARAMETER_BOOL: "boolean",
    ParameterType.PARAMETER_INTEGER: "integer",
    ParameterType.PARAMETER_DOUBLE: "double",
    ParameterType.PARAMETER_STRING: "string",
    ParameterType.PARAMETER_BYTE_ARRAY: "byte array",
    ParameterType.PARAMETER_BOOL_ARRAY: "boolean array",
    ParameterType.PARAMETER_INTEGER_ARRAY: "integer array",
    ParameterType.PARAMETER_DOUBLE_ARRAY: "double array",
    ParameterType.PARAMETER_STRING_ARRAY: "string array",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="get | set | list | describe | dump", required=True)
    get = verbs.add_parser("get", help="get parameter")
    put = verbs.add_parser("set", help="set parameter")
    listing = verbs.add_parser("list", help="output a list of available parameters")
    describe = verbs.add_parser("describe", help="show descriptive information about declared parameters")
    dump = verbs.add_parser("dump", help="show all of the parameters of a node in a YAML file format")
    for verb, main in (
        (get, get_parameter),
        (put, set_parameter),
        (listing, list_parameters),
        (describe, describe_parameters),
        (dump, dump_parameters),
    ):
        if verb is listing:
            verb.add_argument("node_name", nargs="?", help="name of the ROS node; default is all")
        else:
            verb.add_argument("node_name", help="name of the ROS node")
        verb.set_defaults(main=run, of_param=main)
        add_discovery_argument(verb)
    for verb in (get, put):
        verb.add_argument("parameter_name", help="name of the parameter")
    get.add_argument("--hide-type", action="store_true", help="hide the type information")
    put.add_argument("value", help="value of the parameter")
    describe.add_argument("parameter_names", nargs="+", help="names of the parameters")


def run(args: argparse.Namespace) -> None:
    """Run a verb with a node of its own."""
    with direct_node() as node:
        args.of_param(node, args)


def get_parameter(node: Node, args: argparse.Namespace) -> None:
    """Print a parameter's value."""
    client = client_of(node, args.node_name, args.spin_time)
    value = finished(node, lambda: client.get_parameters([args.parameter_name])).values
    if not value or value[0].type == ParameterType.PARAMETER_NOT_SET:
        raise CommandError(f"Parameter not set: node '{args.node_name}' has no parameter '{args.parameter_name}'")
    shown = parameter_value_to_python(value[0])
    plain, _, array = TYPES[value[0].type].capitalize().partition(" ")
    print(shown if args.hide_type else f"{plain} {'values are' if array else 'value is'}: {shown}")


def set_parameter(node: Node, args: argparse.Namespace) -> None:
    """Set a parameter; its type follows from the value by YAML's rules."""
    client = client_of(node, args.node_name, args.spin_time)
    parameter = Parameter(name=args.parameter_name, value=get_parameter_value(args.value))
    result = finished(node, lambda: client.set_parameters([parameter])).results[0]
    reason = f": {result.reason}" if result.reason else ""
    if result.successful:
        print(f"Set parameter successful{reason}")
    else:
        print(f"Setting parameter failed{reason}", file=sys.stderr)  # officially with exit code 0


def list_parameters(node: Node, args: argparse.Namespace) -> None:
    """Print the names of the parameters of one node or of all."""
    if args.node_name:
        for name in parameter_names(node, args.node_name, args.spin_time):
            print(f"  {name}")
        return
    for name in settled(node, lambda: node_names(node), args.spin_time):
        names = parameter_names(node, name, args.spin_time)
        print(f"{name}:")
        for parameter in names:
            print(f"  {parameter}")


def describe_parameters(node: Node, args: argparse.Namespace) -> None:
    """Print what a node has declared about parameters."""
    client = client_of(node, args.node_name, args.spin_time)
    for found in finished(node, lambda: client.describe_parameters(args.parameter_names)).descriptors:
        print(f"Parameter name: {found.name}\n  Type: {TYPES[found.type]}")
        if found.description:
            print(f"  Description: {found.description}")
        print("  Constraints:")
        if found.read_only:
            print("    Read only: true")
        for bounds in [*found.floating_point_range, *found.integer_range][:1]:
            print(f"    Min value: {bounds.from_value}\n    Max value: {bounds.to_value}")
            if bounds.step:
                print(f"    Step: {bounds.step}")
        if found.additional_constraints:
            print(f"    Additional constraints: {found.additional_constraints}")


def dump_parameters(node: Node, args: argparse.Namespace) -> None:
    """Print a node's parameters as a parameter file."""
    names = parameter_names(node, args.node_name, args.spin_time)
    client = client_of(node, args.node_name, args.spin_time)
    values = finished(node, lambda: client.get_parameters(names)).values
    tree: dict[str, Any] = {}
    for name, value in zip(names, values, strict=True):
        *groups, last = name.split(".")
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = parameter_value_to_python(value)
    name = args.node_name if args.node_name.startswith("/") else f"/{args.node_name}"
    print(yaml.dump({name: {"ros__parameters": tree}}, default_flow_style=False))


def parameter_names(node: Node, name: str, timeout_s: float) -> list[str]:
    """Return the parameters of a node, sorted."""
    client = client_of(node, name, timeout_s)
    return sorted(finished(node, client.list_parameters).result.names)


def node_names(node: Node) -> list[str]:
    """Return the full names of the nodes that are not hidden, sorted."""
    found = node.get_node_names_and_namespaces()
    return sorted({full_name(name, namespace) for name, namespace in found if not name.startswith("_")})


def client_of(node: Node, name: str, timeout_s: float) -> AsyncParameterClient:
    """Return a client for the parameters of a node.

    Raises:
        CommandError: there is no such node, or it does not serve parameters.
    """
    name = name if name.startswith("/") else f"/{name}"
    if not wait_for(lambda: name in node_names(node), timeout_s):
        raise CommandError(f"Node not found: '{name}'; there are: {', '.join(node_names(node)) or 'none'}")
    client = AsyncParameterClient(node, name)
    if not client.wait_for_services(timeout_sec=SERVICE_TIMEOUT_S):
        raise CommandError(f"Wait for service timed out: '{name}' does not serve its parameters")
    return client


def finished(node: Node, ask: Callable[[], Any]) -> Any:
    """Ask, and wait for the response.

    Raises:
        CommandError: none came.
    """
    for _ in range(ATTEMPTS):
        future = ask()
        rclpy.spin_until_future_complete(node, future, timeout_sec=SERVICE_TIMEOUT_S)
        if future.result() is not None:
            return future.result()
    raise CommandError("the node does not answer")
