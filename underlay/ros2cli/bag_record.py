"""Record ROS data to a bag."""

from __future__ import annotations

import argparse
import contextlib
from datetime import datetime
from functools import partial

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbag2_py import ConverterOptions, SequentialWriter, StorageOptions, TopicMetadata
from rosbag2_py._storage import QoS
from rosidl_runtime_py.utilities import get_message

from ros2cli.cli import CommandError
from ros2cli.node import until_interrupted

_POLL_S = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topics_positional", nargs="*", metavar="TOPIC", help="topics to record")
    parser.add_argument("--topics", nargs="+", default=[], help="topics to record")
    parser.add_argument("-a", "--all", action="store_true", help="record all topics")
    parser.add_argument("--exclude-topics", nargs="+", default=[], help="topics not to record")
    parser.add_argument("-o", "--output", help="folder of the bag (default: a name with the time, here)")
    parser.add_argument("-s", "--storage", default="", help="storage identifier: mcap")
    parser.add_argument("--storage-preset-profile", default="", help="none, fastwrite or zstd_fast")
    parser.add_argument("--custom-data", nargs="+", default=[], metavar="KEY=VALUE", help="for the bag's metadata")
    parser.add_argument("--use-sim-time", action="store_true", help="time stamps from /clock")


def main(args: argparse.Namespace) -> None:
    topics = {"/" + name.lstrip("/") for name in [*args.topics, *args.topics_positional]}
    if args.all == bool(topics):
        raise CommandError("[ERROR] [ros2bag]: Need to specify one option out of --all, --topics; or name the topics")
    output = args.output or datetime.now().strftime("rosbag2_%Y_%m_%d-%H_%M_%S")
    if any("=" not in item for item in args.custom_data):
        raise CommandError("[ERROR] [ros2bag]: --custom-data takes KEY=VALUE")
    custom = dict(item.split("=", 1) for item in args.custom_data)
    options = StorageOptions(
        uri=output, storage_id=args.storage, storage_preset_profile=args.storage_preset_profile, custom_data=custom
    )
    writer = SequentialWriter()
    writer.open(options, ConverterOptions("cdr", "cdr"))
    rclpy.init()  # whose handlers of signals end the spinning below
    node = rclpy.create_node(
        "rosbag2_recorder", parameter_overrides=[Parameter("use_sim_time", value=args.use_sim_time)]
    )
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    recorder = Recorder(node, writer, topics, set(args.exclude_topics))
    node.get_logger().info(f"Recording to {output}; press Ctrl-C to stop")
    try:
        with until_interrupted(), contextlib.suppress(KeyboardInterrupt):
            executor.spin()
    finally:
        writer.close()
        with contextlib.suppress(RuntimeError):  # the handler of a signal is at it in this moment
            rclpy.try_shutdown()
    print(f"Recording stopped: {recorder.count} messages in {output}")


class Recorder:
    """Subscribes to topics as they appear, with the QoS that their publishers offer, and writes what arrives."""

    def __init__(self, node: Node, writer: SequentialWriter, wanted: set[str], excluded: set[str]) -> None:
        self.count = 0
        self._node, self._writer = node, writer
        self._wanted, self._excluded = wanted, excluded
        self._subscribed: set[str] = set()
        node.create_timer(_POLL_S, self._discover)
        self._discover()

    def _discover(self) -> None:
        for topic, types in self._node.get_topic_names_and_types():
            chosen = topic in self._wanted if self._wanted else topic not in self._excluded
            if chosen and topic not in self._subscribed and self._node.count_publishers(topic):
                self._subscribed.add(topic)
                self._subscribe(topic, types[0])

    def _subscribe(self, topic: str, type_name: str) -> None:
        try:
            kind = get_message(type_name)
        except (ModuleNotFoundError, AttributeError, ValueError):
            self._node.get_logger().warning(f"Topic '{topic}' has unknown type {type_name}; not recorded")
            return
        offered = [info.qos_profile for info in self._node.get_publishers_info_by_topic(topic)]
        reliable = all(qos.reliability == ReliabilityPolicy.RELIABLE for qos in offered)
        latched = all(qos.durability == DurabilityPolicy.TRANSIENT_LOCAL for qos in offered)
        request = QoSProfile(
            depth=100,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        profile = QoS(10)
        profile = profile.reliable() if reliable else profile.best_effort()
        profile = profile.transient_local() if latched else profile.durability_volatile()
        number = len(self._subscribed)
        self._writer.create_topic(TopicMetadata(number, topic, type_name, "cdr", [profile]))
        self._node.create_subscription(kind, topic, partial(self._write, topic), request, raw=True)
        self._node.get_logger().info(f"Subscribed to topic '{topic}'")

    def _write(self, topic: str, message: bytes) -> None:
        self._writer.write(topic, message, self._node.get_clock().now().nanoseconds)
        self.count += 1
