"""Print information about a topic."""

from __future__ import annotations

import argparse

from ros2cli.node import CommandError, add_discovery_argument, direct_node, settled


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic_name", help="name of the topic (e.g. '/chatter')")
    parser.add_argument("-v", "--verbose", action="store_true", help="names, types and QoS of both sides as well")
    add_discovery_argument(parser)


def main(args: argparse.Namespace) -> None:
    topic = args.topic_name
    with direct_node() as node:
        types, publishers, subscriptions = settled(
            node,
            lambda: (
                dict(node.get_topic_names_and_types()).get(topic),
                [str(info) for info in node.get_publishers_info_by_topic(topic)],
                [str(info) for info in node.get_subscriptions_info_by_topic(topic)],
            ),
            args.spin_time,
        )
    if not types:
        raise CommandError(f"Unknown topic '{topic}'")
    end = "\n\n" if args.verbose else "\n"
    print(f"Type: {types[0] if len(types) == 1 else types}", end=end)
    for side, infos in (("Publisher", publishers), ("Subscription", subscriptions)):
        print(f"{side} count: {len(infos)}", end=end)
        for info in infos if args.verbose else []:
            print(info, end=end)
