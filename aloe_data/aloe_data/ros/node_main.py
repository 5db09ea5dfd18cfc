"""The `main` of a node with an orderly end: spin until asked to end, and let it finish while it can still talk."""

import contextlib
import signal
import sys
import threading
from collections.abc import Callable

import rclpy
from rclpy.executors import Executor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from aloe_data.launch_bond import end_with_launch


def run_node(make: Callable[[], Node], make_executor: Callable[[], Executor] = EventsExecutor) -> None:
    """Run a node until SIGINT, SIGTERM or the end of its launch; then let it finish.

    Its `finish()` is called in a thread, in bounded time, while it still spins. A node whose own thread cannot go on
    sets its attribute `error` and sends its process SIGTERM. Errors that the user can mend (ValueError, OSError,
    RuntimeError) are printed as one line; the exit code is then 1.
    """
    # rclpy's own handlers would close the context at once, and with it the way to the other nodes.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    name = make.__name__
    try:
        end_with_launch()
        node = make()
        name = node.get_name()
        executor = make_executor()
        executor.add_node(node)
        _spin_until_finished(executor, node, asked)
        executor.remove_node(node)
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        if getattr(node, "error", None) is not None:
            raise node.error
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        rclpy.try_shutdown()


def _spin_until_finished(executor: Executor, node: Node, asked: threading.Event) -> None:
    try:
        while not asked.is_set():  # spin() of some executors would not see Python's signal handlers
            executor.spin_once(timeout_sec=0.2)
    finally:  # an error in a callback is no reason to lose what was begun
        ending = threading.Thread(target=node.finish, name="finish", daemon=True)
        ending.start()
        while ending.is_alive():
            with contextlib.suppress(Exception):  # the first error is the one that is told
                executor.spin_once(timeout_sec=0.05)
