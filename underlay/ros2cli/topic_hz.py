"""Print the average receiving rate to screen."""

from __future__ import annotations

import argparse
import math
import time
from collections import deque

import rclpy
from rclpy.qos import qos_profile_sensor_data

from ros2cli.node import direct_node, message_class, topic_type

DEFAULT_WINDOW_SIZE = 10000
PRINT_PERIOD_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic_name", help="name of the topic to listen to (e.g. '/chatter')")
    parser.add_argument(
        "--window", "-w", type=positive_int, default=DEFAULT_WINDOW_SIZE, help="number of messages to average over"
    )


def positive_int(text: str) -> int:
    """Parse a positive whole number for argparse."""
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("value must be a positive integer")
    return value


class Rate:
    """Statistics of the times between messages."""

    def __init__(self, window: int) -> None:
        self._last_s: float | None = None
        self._gaps_s: deque[float] = deque(maxlen=window)

    def arrived(self, now_s: float) -> None:
        """Count a message."""
        if self._last_s is not None:
            self._gaps_s.append(now_s - self._last_s)
        self._last_s = now_s

    def report(self) -> str | None:
        """Return the two lines that `ros2 topic hz` prints, or None before the second message."""
        if not self._gaps_s:
            return None
        count = len(self._gaps_s)
        mean = sum(self._gaps_s) / count
        deviation = math.sqrt(sum((gap - mean) ** 2 for gap in self._gaps_s) / count)
        rate = 1.0 / mean if mean > 0.0 else 0.0
        return (
            f"average rate: {rate:.3f}\n"
            f"\tmin: {min(self._gaps_s):.3f}s max: {max(self._gaps_s):.3f}s std dev: {deviation:.5f}s window: {count}"
        )


def main(args: argparse.Namespace) -> None:
    with direct_node() as node:
        type_name = topic_type(node, args.topic_name, 1.0)
        if type_name is None:
            print(f"WARNING: topic [{args.topic_name}] does not appear to be published yet", flush=True)
            while type_name is None:
                type_name = topic_type(node, args.topic_name, 1.0)
        rate, printed_s, reported = Rate(args.window), time.monotonic(), None

        def arrived(_: bytes) -> None:
            rate.arrived(time.monotonic())

        node.create_subscription(message_class(type_name), args.topic_name, arrived, qos_profile_sensor_data, raw=True)
        executor = rclpy.executors.SingleThreadedExecutor()
        executor.add_node(node)
        while rclpy.ok():
            executor.spin_once(timeout_sec=PRINT_PERIOD_S)
            if time.monotonic() - printed_s >= PRINT_PERIOD_S:
                printed_s = time.monotonic()
                report = rate.report()
                print(report if report != reported else "no new messages", flush=True)
                reported = report
