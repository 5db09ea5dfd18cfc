"""Various node related sub-commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rclpy.action import get_action_client_names_and_types_by_node, get_action_server_names_and_types_by_node
from rclpy.node import Node

from ros2cli.node import CommandError, add_discovery_argument, direct_node, full_name, is_hidden, settled, wait_for

NamesAndTypes = Sequence[tuple[str, Sequence[str]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="list | info", required=True)
    listing = verbs.add_parser("list", help="output a list of available nodes")
    listing.add_argument("-a", "--all", action="store_true", help="display all nodes even hidden ones")
    listing.add_argument("-c", "--count-nodes", action="store_true", help="only display the number of nodes")
    listing.set_defaults(main=list_nodes)
    info = verbs.add_parser("info", help="output information about a node")
    info.add_argument("node_name", help="node name to request information")
    info.add_argument("--include-hidden", action="store_true", help="display hidden names as well")
    info.set_defaults(main=show_info)
    for verb in (listing, info):
        add_discovery_argument(verb)


def list_nodes(args: argparse.Namespace) -> None:
    """Print the nodes that can be seen."""
    with direct_node() as node:
        found = settled(node, lambda: sorted(node.get_node_names_and_namespaces()), args.spin_time)
    names = sorted(full_name(name, namespace) for name, namespace in found if args.all or not name.startswith("_"))
    if args.count_nodes:
        print(len(names))
        return
    if len(set(names)) < len(names):
        text = "WARNING: Be aware that there are nodes in the graph that share an exact name"
        print(f"{text}, which can have unintended side effects.", file=sys.stderr)
    for name in names:
        print(name)


def show_info(args: argparse.Namespace) -> None:
    """Print what a node publishes, subscribes to, serves and uses."""
    with direct_node() as node:

        def is_there() -> bool:
            return args.node_name in [full_name(*found) for found in node.get_node_names_and_namespaces()]

        if not wait_for(is_there, args.spin_time):
            raise CommandError(f"Unable to find node '{args.node_name}'")
        sections = settled(node, lambda: sections_of(node, args.node_name), args.spin_time)
    print(args.node_name)
    for title, found in sections.items():
        shown = [(name, types) for name, types in found if args.include_hidden or not is_hidden(name)]
        print(f"  {title}:")
        print("\n".join(f"    {name}: {', '.join(types)}" for name, types in shown))


def sections_of(node: Node, asked: str) -> dict[str, NamesAndTypes]:
    """Return what a node has to do with, by the title of its kind."""
    namespace, _, name = asked.rpartition("/")
    at = (name, namespace or "/")
    return {
        "Subscribers": node.get_subscriber_names_and_types_by_node(*at),
        "Publishers": node.get_publisher_names_and_types_by_node(*at),
        "Service Servers": node.get_service_names_and_types_by_node(*at),
        "Service Clients": node.get_client_names_and_types_by_node(*at),
        "Action Servers": get_action_server_names_and_types_by_node(node, *at),
        "Action Clients": get_action_client_names_and_types_by_node(node, *at),
    }
