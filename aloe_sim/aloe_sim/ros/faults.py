"""Inject faults into a running, simulated rollout: by schedule, one at once, or by hand.

  ros2 run aloe_sim faults camera_freeze:head --for 2
  ros2 run aloe_sim faults --at 3.0 camera_freeze:head --for 2 --at 8 kill:policy_node
  ros2 run aloe_sim faults --schedule faults.yaml      a list of {at: 3.0, fault: "camera_freeze:head", for: 2.0}
  ros2 run aloe_sim faults                             by hand: type 'camera_freeze:head 2', then Enter

Times are seconds, from the moment at which the tool says that it is ready. Whatever lasts is ended when the tool ends.
It refuses to work unless every node that has a rig says that it is simulated.
"""

import argparse
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import remove_ros_args

from aloe_data.rig import Rig
from aloe_sim.faults.kinds import FaultError, describe, parse_fault
from aloe_sim.faults.schedule import Planned, Schedule, plan, read_schedule
from aloe_sim.ros.fault_tool import BEAT_S, FaultTool


@dataclass
class Asked:
    """One fault of the command line."""

    at_s: float
    text: str
    for_s: float | None = None


@dataclass
class ByHand:
    """Faults that are typed in, one a line: FAULT [SECONDS]."""

    rig: Rig
    _lines: "queue.Queue[str]" = field(default_factory=queue.Queue)
    _closed: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._closed and self._lines.empty()

    def begin(self) -> None:
        """Listen to the keyboard."""
        print("type FAULT [SECONDS]; '?' lists faults; Ctrl-D ends", flush=True)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
        self._closed = True

    def next(self, now_s: float) -> Planned | None:
        """The next fault that was asked for, if any.

        Raises:
            FaultError: the line is no fault.
        """
        words = self._lines.get().split() if not self._lines.empty() else []
        if not words:
            return None
        if words == ["?"]:
            print(describe(), flush=True)
            return None
        for_s = _seconds(words[1]) if len(words) > 1 else None
        return planned(Asked(now_s, words[0], for_s), self.rig)


def planned(asked: Asked, rig: Rig) -> Planned:
    """What was asked for, checked. Raises FaultError."""
    return plan(asked.at_s, parse_fault(asked.text, rig), asked.for_s)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FaultError(f"'{text}' is not a number of seconds") from None


def run(tool: FaultTool, node: Node, schedule: Schedule, by_hand: ByHand | None) -> int:
    """Carry out the schedule and what is typed in; the number of faults that could not be carried out."""
    failed = 0
    start_s = time.monotonic()
    while not (schedule.finished and (by_hand is None or by_hand.ended)):
        rclpy.spin_once(node, timeout_sec=BEAT_S)
        elapsed_s = time.monotonic() - start_s
        try:
            if by_hand is not None and (more := by_hand.next(elapsed_s)):
                schedule.add(more)
            if event := schedule.next(elapsed_s):
                tool.carry_out(*event)
        except FaultError as error:
            failed += 1
            print(f"faults: {error}", file=sys.stderr, flush=True)
    return failed


class _At(argparse.Action):
    def __call__(self, parser: Any, options: Any, values: Any, option: Any = None) -> None:
        try:
            options.asked.append(Asked(float(values[0]), values[1]))
        except ValueError:
            parser.error(f"--at {values[0]}: not a number of seconds")


class _For(argparse.Action):
    def __call__(self, parser: Any, options: Any, values: Any, option: Any = None) -> None:
        if options.asked:
            options.asked[-1].for_s = values
        else:
            options.for_s = values


def parse(words: list[str]) -> argparse.Namespace:
    """Options of the command line; `asked` holds the faults of it in order."""
    parser = argparse.ArgumentParser(
        prog="faults", description=__doc__, epilog=describe(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(asked=[], for_s=None)
    parser.add_argument("fault", nargs="?", help="begins at once")
    parser.add_argument("--at", nargs=2, metavar=("SECONDS", "FAULT"), action=_At, help="a fault at a time")
    parser.add_argument("--for", type=float, metavar="SECONDS", action=_For, help="how long the fault before it lasts")
    parser.add_argument("--schedule", type=Path, metavar="FILE", help="YAML file of faults")
    options = parser.parse_args(words)
    if options.fault:
        options.asked.insert(0, Asked(0.0, options.fault, options.for_s))
    return options


def main() -> None:
    """Entry point of `faults`."""
    options = parse(remove_ros_args(sys.argv)[1:])
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    node = Node("faults")
    tool = None
    try:
        tool = FaultTool(node)
        schedule = Schedule([planned(asked, tool.rig) for asked in options.asked])
        for entry in read_schedule(options.schedule, tool.rig) if options.schedule else []:
            schedule.add(entry)
        by_hand = None if options.asked or options.schedule else ByHand(tool.rig)
        if by_hand is not None:
            by_hand.begin()
        node.get_logger().info("ready")
        sys.exit(1 if run(tool, node, schedule, by_hand) else 0)
    except (FaultError, ValueError) as error:
        sys.exit(f"faults: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if tool is not None:
            tool.close()
        node.destroy_node()
        rclpy.try_shutdown()
