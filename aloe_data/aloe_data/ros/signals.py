"""Running a node that needs its connections for an orderly end: SIGINT and SIGTERM ask it to finish first."""

import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


class FinishingNode(Protocol):
    """A node with an orderly end."""

    def finish(self) -> None:
        """End what is under way, in bounded time; called while the executor still spins."""


def run_until_signal(make: Callable[[], Node], make_executor: Callable[[], Executor]) -> None:
    """Run a node with a `finish()` until SIGINT or SIGTERM.

    Errors that the user can mend (ValueError, OSError, RuntimeError) are printed as one line; the exit code is then 1.
    """
    # rclpy's own handlers would close the context at once, and with it the way to the other nodes.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    name = make.__name__
    try:
        node = make()
        name = node.get_name()
        executor = make_executor()
        executor.add_node(node)
        _spin_until(asked, executor, node)
        node.destroy_node()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        rclpy.try_shutdown()


def _spin_until(asked: threading.Event, executor: Executor, node: Node) -> None:
    problems: list[BaseException] = []

    def spin() -> None:
        try:
            executor.spin()
        except ExternalShutdownException:
            pass
        except BaseException as error:
            problems.append(error)
        finally:
            asked.set()

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    asked.wait()
    node.finish()
    executor.shutdown(timeout_sec=1.0)
    thread.join(timeout=1.0)
    if problems:
        raise problems[0]
