"""Output a list of available topics."""

from __future__ import annotations

import argparse

from ros2cli.node import add_discovery_argument, direct_node, is_hidden, print_found, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-t", "--show-types", action="store_true", help="additionally show the topic type")
    parser.add_argument("-c", "--count-topics", action="store_true", help="only display the number of topics")
    parser.add_argument("--include-hidden-topics", action="store_true", help="consider hidden topics as well")
    add_discovery_argument(parser)


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        topics = settled(node, lambda: sorted(node.get_topic_names_and_types()), args.spin_time)
    if not args.include_hidden_topics:
        topics = [(name, types) for name, types in topics if not is_hidden(name)]
    print_found(topics, args.count_topics, args.show_types)
