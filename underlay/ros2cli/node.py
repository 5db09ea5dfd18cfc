"""What the verbs share that talk to a running graph."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosidl_runtime_py.utilities import get_message

from ros2cli.cli import CommandError

DISCOVERY_S = 3.0
QUIET_S = 1.0
T = TypeVar("T")


def add_discovery_argument(parser: argparse.ArgumentParser) -> None:
    """Add the official option that says how long to look for other nodes."""
    parser.add_argument(
        "--spin-time", type=float, default=DISCOVERY_S, help="longest time to wait for discovery, in seconds"
    )


@contextmanager
def until_interrupted() -> Iterator[None]:
    """End quietly what a signal ends: its handler closes the context at any moment, also between two looks at it."""
    try:
        yield
    except ExternalShutdownException:
        pass
    except RuntimeError:
        if rclpy.ok():
            raise


@contextmanager
def direct_node(signals: SignalHandlerOptions = SignalHandlerOptions.ALL) -> Iterator[Node]:
    """A hidden node for one command, which ends with the number of the signal that ends it."""
    rclpy.init(signal_handler_options=signals)
    node = rclpy.create_node(f"_ros2cli_{os.getpid()}", start_parameter_services=False, enable_rosout=False)
    try:
        with until_interrupted(), contextlib.suppress(BrokenPipeError):
            yield node
        if not rclpy.ok():
            raise SystemExit(int(signal.SIGTERM))
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


def wait_for(look: Callable[[], T], timeout_s: float) -> T:
    """Call `look` until it finds something, and return what it found last."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def settled(node: Node, look: Callable[[], T], timeout_s: float) -> T:
    """Call `look` until what it sees stays the same for a while: discovery has no end of its own.

    As long as no other node is seen, the whole time is waited.
    """
    deadline = time.monotonic() + timeout_s
    found, since = look(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        if (now := look()) != found:
            found, since = now, time.monotonic()
        if time.monotonic() - since > QUIET_S and len(node.get_node_names()) > 1:
            break
    return found


def topic_type(node: Node, topic: str, timeout_s: float) -> str | None:
    """Return the type of a topic once somebody publishes or subscribes to it, or None."""
    name = topic if topic.startswith("/") else f"/{topic}"
    types = wait_for(lambda: dict(node.get_topic_names_and_types()).get(name), timeout_s)
    if types and len(types) > 1:
        raise CommandError(f"Cannot handle topic '{name}', as it has more than one type: {types}")
    return types[0] if types else None


def message_class(identifier: str) -> Any:
    """Return the class of a message type.

    Raises:
        CommandError: it is not installed.
    """
    try:
        return get_message(identifier)
    except (ValueError, ModuleNotFoundError, AttributeError) as error:
        raise CommandError(f"The passed message type is invalid: {error}") from None


def matching_qos(node: Node, topic: str, depth: int = 10) -> QoSProfile:
    """Return the QoS that all publishers of a topic can serve, as strict as that allows."""
    qos = QoSProfile(depth=depth)
    publishers = node.get_publishers_info_by_topic(topic)
    if any(info.qos_profile.reliability != ReliabilityPolicy.RELIABLE for info in publishers):
        qos.reliability = ReliabilityPolicy.BEST_EFFORT
    if publishers and all(info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for info in publishers):
        qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
    return qos


def add_qos_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the official options for quality of service."""
    parser.add_argument("--qos-reliability", choices=["reliable", "best_effort"], help="reliability")
    parser.add_argument("--qos-durability", choices=["volatile", "transient_local"], help="durability")
    parser.add_argument("--qos-depth", type=int, help="queue size")


def apply_qos_arguments(qos: QoSProfile, args: argparse.Namespace) -> QoSProfile:
    """Put what the user asked for into a profile."""
    if args.qos_reliability:
        qos.reliability = ReliabilityPolicy[args.qos_reliability.upper()]
    if args.qos_durability:
        qos.durability = DurabilityPolicy[args.qos_durability.upper()]
    if args.qos_depth:
        qos.depth = args.qos_depth
    return qos


def print_found(found: Sequence[tuple[str, Sequence[str]]], only_count: bool, show_types: bool) -> None:
    """Print how many names were found, or the names, with their types where asked for."""
    if only_count:
        print(len(found))
        return
    for name, types in found:
        print(f"{name} [{', '.join(types)}]" if show_types else name)


def is_hidden(name: str) -> bool:
    """Whether a part of a name begins with an underscore, which marks what is not for users."""
    return any(part.startswith("_") for part in name.split("/"))


def full_name(node_name: str, namespace: str) -> str:
    """Return a node's name with its namespace."""
    return f"{namespace.rstrip('/')}/{node_name}"
