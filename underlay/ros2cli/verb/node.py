"""Various node related sub-commands."""

from __future__ import annotations

import argparse

from ros2cli.node import add_discovery_argument, direct_node, full_name, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="node_verb", metavar="list", required=True)
    listing = verbs.add_parser("list", help="output a list of available nodes")
    listing.add_argument("-a", "--all", action="store_true", help="display all nodes even hidden ones")
    listing.add_argument("-c", "--count-nodes", action="store_true", help="only display the number of nodes")
    add_discovery_argument(listing)


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        found = settled(node, lambda: sorted(node.get_node_names_and_namespaces()), args.spin_time)
    names = [full_name(name, namespace) for name, namespace in found if args.all or not name.startswith("_")]
    if args.count_nodes:
        print(len(names))
        return
    for name in names:
        print(name)
    if len(set(names)) < len(names):
        print("WARNING: Be aware that there are nodes in the graph that share an exact name")
