"""Output messages from a topic."""

from __future__ import annotations

import argparse
from typing import Any

import rclpy
from rosidl_runtime_py.convert import DEFAULT_TRUNCATE_LENGTH, message_to_yaml

from ros2cli.node import (
    CommandError,
    add_discovery_argument,
    add_qos_arguments,
    apply_qos_arguments,
    direct_node,
    matching_qos,
    message_class,
    topic_type,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic_name", help="name of the topic to listen to (e.g. '/chatter')")
    parser.add_argument("message_type", nargs="?", help="type of the messages (e.g. 'std_msgs/msg/String')")
    parser.add_argument("--once", action="store_true", help="print the first message received and then exit")
    parser.add_argument("--timeout", type=float, help="give up after this many seconds")
    parser.add_argument("--field", help="echo a selected field of a message")
    parser.add_argument("-f", "--full-length", action="store_true", help="output all elements of arrays and texts")
    parser.add_argument(
        "-l", "--truncate-length", type=int, default=DEFAULT_TRUNCATE_LENGTH, help="length to cut arrays and texts to"
    )
    parser.add_argument("--no-arr", action="store_true", help="don't print array fields of messages")
    parser.add_argument("--no-str", action="store_true", help="don't print text fields of messages")
    parser.add_argument("--flow-style", action="store_true", help="print collections in the block style")
    add_qos_arguments(parser)
    add_discovery_argument(parser)


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        type_name = args.message_type or topic_type(node, args.topic_name, args.spin_time)
        if type_name is None:
            print(f"WARNING: topic [{args.topic_name}] does not appear to be published yet")
            raise CommandError("Could not determine the type for the passed topic")
        kind = message_class(type_name)
        qos = apply_qos_arguments(matching_qos(node, args.topic_name), args)
        seen = rclpy.task.Future()

        def show(message: Any) -> None:
            if args.once and seen.done():
                return
            print(format_message(message, args), end="---\n", flush=True)
            if args.once:
                seen.set_result(True)

        node.create_subscription(kind, args.topic_name, show, qos)
        if args.once or args.timeout:
            rclpy.spin_until_future_complete(node, seen, timeout_sec=args.timeout)
        else:
            rclpy.spin(node)


def format_message(message: Any, args: argparse.Namespace) -> str:
    """Return a message, or its chosen field, as YAML; a field that is no message as it is."""
    for name in args.field.split(".") if args.field else ():
        try:
            message = getattr(message, name)
        except AttributeError as error:
            raise CommandError(f"Invalid field '{args.field}': {error}") from None
    if not hasattr(message, "get_fields_and_field_types"):
        return f"{message}\n"
    limit = None if args.full_length else args.truncate_length
    return message_to_yaml(
        message, truncate_length=limit, no_arr=args.no_arr, no_str=args.no_str, flow_style=args.flow_style
    )
