"""What the verbs share that measure how a topic's messages come."""

from __future__ import annotations

import argparse
import time
from typing import Any

import rclpy
from rclpy.qos import qos_profile_sensor_data

from ros2cli.node import direct_node, message_class, topic_type

PRINT_PERIOD_S = 1.0


def add_meter_arguments(parser: argparse.ArgumentParser, window: int) -> None:
    """Add the topic, and the number of messages that are looked at."""
    parser.add_argument("topic_name", help="name of the topic to listen to (e.g. '/chatter')")
    parser.add_argument(
        "--window", "-w", type=positive_int, default=window, help=f"number of messages to average over ({window})"
    )


def positive_int(text: str) -> int:
    """Parse a positive whole number for argparse."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("value must be a positive integer")
    return value


def watch(topic: str, meter: Any) -> None:
    """Print a meter's report every second, from the topic's first publisher until interrupted.

    Args:
        topic: Name of the topic.
        meter: Is told of each message by `arrived(now_s, message)`; `report(now_s)` is what to print, or None.
    """
    with direct_node() as node:
        type_name = topic_type(node, topic, 1.0)
        if type_name is None:
            print(f"WARNING: topic [{topic}] does not appear to be published yet", flush=True)
            while type_name is None:
                type_name = topic_type(node, topic, 1.0)
        printed_s = time.monotonic()
        reported: str | None = None

        def arrived(message: bytes) -> None:
            meter.arrived(time.monotonic(), message)

        node.create_subscription(message_class(type_name), topic, arrived, qos_profile_sensor_data, raw=True)
        executor = rclpy.executors.SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok():
            executor.spin_once(timeout_sec=PRINT_PERIOD_S)
            if time.monotonic() - printed_s >= PRINT_PERIOD_S:
                printed_s = time.monotonic()
                report = meter.report(printed_s)
                if report is not None and report != reported:
                    print(report, flush=True)
                reported = report
