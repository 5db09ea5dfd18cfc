"""Play back ROS data from a bag."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections.abc import Iterator

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rclpy.time import Time
from rosbag2_py import (
    ConverterOptions,
    SequentialReader,
    StorageFilter,
    StorageOptions,
    convert_rclcpp_qos_to_rclpy_qos,
)
from rosgraph_msgs.msg import Clock
from rosidl_runtime_py.utilities import get_message

from ros2cli.bag_info import add_reader_arguments

CLOCK_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_reader_arguments(parser)
    parser.add_argument("-r", "--rate", type=positive, default=1.0, help="rate at which to play back messages")
    parser.add_argument("--topics", nargs="+", default=[], help="topics to replay; all if none are given")
    parser.add_argument("-e", "--regex", default="", help="replay topics that match")
    parser.add_argument("--exclude-topics", nargs="+", default=[], help="topics not to replay")
    parser.add_argument("-l", "--loop", action="store_true", help="start again at the end")
    parser.add_argument("-d", "--delay", type=positive, default=0.0, help="seconds to wait before play, each loop")
    parser.add_argument("--start-offset", type=float, default=0.0, help="start this many seconds into the bag")
    parser.add_argument(
        "--clock",
        type=positive,
        nargs="?",
        const=40.0,
        default=0.0,
        help="publish the bag's time on /clock at this rate [Hz]",
    )


def main(args: argparse.Namespace) -> None:
    reader = SequentialReader()
    reader.open(StorageOptions(args.bag_path, args.storage), ConverterOptions())
    exclude = [*args.exclude_topics, *(["/clock"] if args.clock else [])]  # there is one source of time
    reader.set_filter(StorageFilter(topics=args.topics, regex=args.regex, exclude_topics=exclude))
    start_ns = reader.get_metadata().starting_time.nanoseconds + round(args.start_offset * 1e9)
    # KeyboardInterrupt ends the wait for a message; where Python ignores it, as in a destructor, the event tells.
    interrupted = threading.Event()

    def on_sigint(number: int, frame: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_sigint)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("rosbag2_player")
    try:
        player = Player(node, reader, args.rate, args.clock, interrupted)
        while True:
            time.sleep(args.delay)
            player.play(start_ns)
            if not args.loop:
                break
    except (ExternalShutdownException, KeyboardInterrupt):
        pass  # as officially, a player that is told to end has done what it should
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


class Player:
    """Publishes a bag's serialised messages at their time."""

    def __init__(
        self, node: Node, reader: SequentialReader, rate: float, clock_hz: float, interrupted: threading.Event
    ) -> None:
        self._interrupted = interrupted
        self._node, self._reader, self._rate, self._clock_hz = node, reader, rate, clock_hz
        self._publishers = dict(self._make_publishers())
        self._clock = node.create_publisher(Clock, "/clock", CLOCK_QOS) if clock_hz else None

    def _make_publishers(self) -> Iterator[tuple[str, Publisher]]:
        for topic in self._reader.get_all_topics_and_types():
            if not self._reader._wanted(topic.name):
                continue  # a publisher that never speaks would still take part in the graph
            offered = topic.offered_qos_profiles
            qos = convert_rclcpp_qos_to_rclpy_qos(offered[0]) if offered else QoSProfile(depth=10)
            try:
                yield topic.name, self._node.create_publisher(get_message(topic.type), topic.name, qos)
            except (ModuleNotFoundError, AttributeError, ValueError):
                # As the official player does: the rest of the bag is still worth playing.
                text = f"Ignoring topic '{topic.name}': its type {topic.type} is not installed"
                self._node.get_logger().warning(text)

    def play(self, start_ns: int) -> None:
        """Play once from a time [ns] of the bag on."""
        self._reader.seek(start_ns)
        begin_s = time.monotonic()
        done = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(start_ns, begin_s, done), daemon=True)
        ticker.start()
        try:
            while self._reader.has_next():
                if self._interrupted.is_set():
                    raise KeyboardInterrupt
                topic, message, stamp_ns = self._reader.read_next()
                time.sleep(max(0.0, begin_s + (stamp_ns - start_ns) / 1e9 / self._rate - time.monotonic()))
                if topic in self._publishers:
                    self._publishers[topic].publish(message)
        finally:
            done.set()
            ticker.join()
        for publisher in self._publishers.values():
            publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=1.0))

    def _tick(self, start_ns: int, begin_s: float, done: threading.Event) -> None:
        if self._clock is None:
            return
        while True:
            now = Time(nanoseconds=start_ns + round((time.monotonic() - begin_s) * 1e9 * self._rate))
            self._clock.publish(Clock(clock=now.to_msg()))
            if done.wait(1.0 / self._clock_hz):
                return
