"""Various topic related sub-commands."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ros2cli import topic_bw, topic_echo, topic_hz, topic_info, topic_list, topic_pub
    from ros2cli.node import add_discovery_argument

    modules: dict[str, Any] = {"list": topic_list, "info": topic_info, "echo": topic_echo}
    modules |= {"hz": topic_hz, "bw": topic_bw, "pub": topic_pub}
    verbs = parser.add_subparsers(metavar=" | ".join([*modules, "type"]), required=True)
    for name, module in modules.items():
        verb = verbs.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(verb)
        verb.set_defaults(main=module.main)
    kind = verbs.add_parser("type", help="print a topic's type")
    kind.add_argument("topic_name", help="name of the topic (e.g. '/chatter')")
    kind.set_defaults(main=print_type)
    add_discovery_argument(kind)


def print_type(args: argparse.Namespace) -> int:
    """Print the type of a topic; the exit code is 1 where there is none."""
    from ros2cli.node import direct_node, topic_type

    with direct_node() as node:
        found = topic_type(node, args.topic_name, args.spin_time)
    if found is not None:
        print(found)
    return 0 if found else 1
