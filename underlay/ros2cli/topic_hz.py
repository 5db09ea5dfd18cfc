"""Print the average receiving rate to screen."""

from __future__ import annotations

import argparse
import math
from collections import deque

from ros2cli.topic_meter import add_meter_arguments, watch

DEFAULT_WINDOW_SIZE = 10000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_meter_arguments(parser, DEFAULT_WINDOW_SIZE)


class Rate:
    """Statistics of the times between messages."""

    def __init__(self, window: int) -> None:
        self._last_s: float | None = None
        self._gaps_s: deque[float] = deque(maxlen=window)

    def arrived(self, now_s: float, message: bytes) -> None:
        """Count a message."""
        if self._last_s is not None:
            self._gaps_s.append(now_s - self._last_s)
        self._last_s = now_s

    def report(self, now_s: float) -> str | None:
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
    watch(args.topic_name, Rate(args.window))
