"""Print a topic's type."""

from __future__ import annotations

import argparse

from ros2cli.node import add_discovery_argument, direct_node, topic_type


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic_name", help="name of the topic (e.g. '/chatter')")
    add_discovery_argument(parser)


def main(args: argparse.Namespace) -> int:
    with direct_node() as node:
        found = topic_type(node, args.topic_name, args.spin_time)
    if found is None:
        return 1
    print(found)
    return 0
