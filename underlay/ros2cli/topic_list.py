"""Output a list of available topics."""

from __future__ import annotations

import argparse

from ros2cli.node import add_discovery_argument, direct_node, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-t", "--show-types", action="store_true", help="additionally show the topic type")
    parser.add_argument("-c", "--count-topics", action="store_true", help="only display the number of topics")
    parser.add_argument("--include-hidden-topics", action="store_true", help="consider hidden topics as well")
    add_discovery_argument(parser)


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        topics = settled(node, lambda: sorted(node.get_topic_names_and_types()), args.spin_time)
    if not args.include_hidden_topics:
        topics = [(name, types) for name, types in topics if "/_" not in name]
    if args.count_topics:
        print(len(topics))
        return
    for name, types in topics:
        print(f"{name} [{', '.join(types)}]" if args.show_types else name)
