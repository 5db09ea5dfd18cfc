"""Publish a message to a topic."""

from __future__ import annotations

import argparse
import time

import yaml
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosidl_runtime_py import set_message_fields

from ros2cli.node import CommandError, add_qos_arguments, apply_qos_arguments, direct_node, message_class, wait_for

_ACKED_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic_name", help="name of the topic to publish to (e.g. '/chatter')")
    parser.add_argument("message_type", help="type of the message (e.g. 'std_msgs/msg/String')")
    parser.add_argument("values", nargs="?", default="{}", help="values to fill the message with in YAML format")
    parser.add_argument("-r", "--rate", type=float, default=1.0, metavar="N", help="publishing rate in Hz (default: 1)")
    parser.add_argument("-p", "--print", type=int, default=1, metavar="N", help="only print every N-th message")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-1", "--once", action="store_true", help="publish one message and exit")
    group.add_argument("-t", "--times", type=int, default=0, help="publish this number of times and then exit")
    parser.add_argument(
        "-w",
        "--wait-matching-subscriptions",
        type=int,
        help="wait for this number of subscriptions (default: 1 with --once and --times, else 0)",
    )
    parser.add_argument(
        "--max-wait-time-secs", type=float, help="give up waiting for subscriptions after this many seconds"
    )
    parser.add_argument("--keep-alive", type=float, default=0.1, help="seconds to stay after the last message")
    add_qos_arguments(parser)


def main(args: argparse.Namespace) -> int | None:
    if args.rate <= 0:
        raise CommandError("rate must be greater than zero")
    kind = message_class(args.message_type)
    message = kind()
    try:
        set_message_fields(message, yaml.safe_load(args.values) or {})
    except (yaml.YAMLError, AttributeError, TypeError, ValueError, AssertionError) as error:
        raise CommandError(f"Failed to populate field: {error}") from None
    times = 1 if args.once else args.times
    wanted = args.wait_matching_subscriptions
    if wanted is None:
        wanted = 1 if times else 0
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    with direct_node() as node:
        publisher = node.create_publisher(kind, args.topic_name, apply_qos_arguments(qos, args))
        if wanted and publisher.get_subscription_count() < wanted:
            print(f"Waiting for at least {wanted} matching subscription(s)...", flush=True)
            limit_s = float("inf") if args.max_wait_time_secs is None else args.max_wait_time_secs
            if not wait_for(lambda: publisher.get_subscription_count() >= wanted, limit_s):
                raise CommandError(f"Timed out waiting for subscribers: expected {wanted} on '{args.topic_name}'")
        print("publisher: beginning loop", flush=True)
        count, due_s = 0, time.monotonic()
        while True:
            count += 1
            if args.print and count % args.print == 0:
                print(f"publishing #{count}: {message!r}\n", flush=True)
            publisher.publish(message)
            if times and count >= times:
                break
            due_s += 1.0 / args.rate
            time.sleep(max(0.0, due_s - time.monotonic()))
        publisher.wait_for_all_acked(Duration(seconds=_ACKED_S))  # a subscriber on a busy machine is slow to match
        time.sleep(args.keep_alive)
    return None
