"""Various param related sub-commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import rclpy
from rcl_interfaces.msg import Parameter, ParameterType
from rclpy.node import Node
from rclpy.parameter import get_parameter_value, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient

from ros2cli.node import CommandError, add_discovery_argument, direct_node, full_name, settled, wait_for

SERVICE_TIMEOUT_S = 5.0
ATTEMPTS = 3  # a response is lost if the node has not heard of this client yet; to ask twice does no harm
LABELS = {
    ParameterType.PARAMETER_BOOL: "Boolean value is:",
    ParameterType.PARAMETER_INTEGER: "Integer value is:",
    ParameterType.PARAMETER_DOUBLE: "Double value is:",
    ParameterType.PARAMETER_STRING: "String value is:",
    ParameterType.PARAMETER_BYTE_ARRAY: "Byte values are:",
    ParameterType.PARAMETER_BOOL_ARRAY: "Boolean values are:",
    ParameterType.PARAMETER_INTEGER_ARRAY: "Integer values are:",
    ParameterType.PARAMETER_DOUBLE_ARRAY: "Double values are:",
    ParameterType.PARAMETER_STRING_ARRAY: "String values are:",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="param_verb", metavar="get | set | list", required=True)
    get = verbs.add_parser("get", help="get parameter")
    put = verbs.add_parser("set", help="set parameter")
    for verb in (get, put):
        verb.add_argument("node_name", help="name of the ROS node")
        verb.add_argument("parameter_name", help="name of the parameter")
        add_discovery_argument(verb)
    get.add_argument("--hide-type", action="store_true", help="hide the type information")
    put.add_argument("value", help="value of the parameter")
    listing = verbs.add_parser("list", help="output a list of available parameters")
    listing.add_argument("node_name", nargs="?", help="name of the ROS node; default is all")
    add_discovery_argument(listing)


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        {"get": get_parameter, "set": set_parameter, "list": list_parameters}[args.param_verb](node, args)


def get_parameter(node: Node, args: argparse.Namespace) -> None:
    """Print a parameter's value."""
    client = client_of(node, args.node_name, args.spin_time)
    value = finished(node, lambda: client.get_parameters([args.parameter_name])).values
    if not value or value[0].type == ParameterType.PARAMETER_NOT_SET:
        raise CommandError(f"Parameter not set: node '{args.node_name}' has no parameter '{args.parameter_name}'")
    shown = parameter_value_to_python(value[0])
    print(shown if args.hide_type else f"{LABELS[value[0].type]} {shown}")


def set_parameter(node: Node, args: argparse.Namespace) -> None:
    """Set a parameter; its type follows from the value by YAML's rules."""
    client = client_of(node, args.node_name, args.spin_time)
    parameter = Parameter(name=args.parameter_name, value=get_parameter_value(args.value))
    result = finished(node, lambda: client.set_parameters([parameter])).results[0]
    if not result.successful:
        raise CommandError(f"Setting parameter failed: {result.reason}")
    print("Set parameter successful" + (f": {result.reason}" if result.reason else ""))


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
