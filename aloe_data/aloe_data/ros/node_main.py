"""The `main` of a node with threads of its own: spin until asked to end, then end them, in that order."""

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


def run_node(make: Callable[[], Node]) -> None:
    """Run a node until SIGINT or SIGTERM, then call its `close()` while it may still publish.

    A node whose own thread cannot go on sets its attribute `error` and sends its process SIGTERM. Errors that the user
    can mend (ValueError, OSError, RuntimeError) are printed as one line; the exit code is then 1.
    """
    # rclpy's own handlers would close the context at once, under the feet of the node's threads.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: asked.append(received))
    name = make.__name__
    try:
        node = make()
        name = node.get_name()
        executor = EventsExecutor()
        executor.add_node(node)
        while not asked:  # spin() of this executor would not see Python's signal handlers
            executor.spin_once(timeout_sec=0.2)
        node.close()
        executor.remove_node(node)
        node.destroy_node()
        if getattr(node, "error", None) is not None:
            raise node.error
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        rclpy.try_shutdown()
