"""Display bandwidth used by topic."""

from __future__ import annotations

import argparse
from collections import deque

from ros2cli.topic_meter import add_meter_arguments, watch

DEFAULT_WINDOW_SIZE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_meter_arguments(parser, DEFAULT_WINDOW_SIZE)


class Bandwidth:
    """Sizes of the latest messages."""

    def __init__(self, window: int) -> None:
        self._arrivals: deque[tuple[float, int]] = deque(maxlen=window)

    def arrived(self, now_s: float, message: bytes) -> None:
        """Note the size of a message."""
        self._arrivals.append((now_s, len(message)))

    def report(self, now_s: float) -> str | None:
        """Return the two lines that `ros2 topic bw` prints, or None before the second message."""
        if len(self._arrivals) < 2:
            return None
        sizes = [size for _, size in self._arrivals]
        count = len(sizes)
        per_second = sum(sizes) / (now_s - self._arrivals[0][0])
        scale, unit = next((s, u) for s, u in ((1, "B"), (1e3, "KB"), (1e6, "MB")) if per_second < 1e3 * s or s == 1e6)
        bandwidth, mean, least, most = (
            f"{value / scale:.{0 if scale == 1 else 2}f} {unit}"
            for value in (per_second, sum(sizes) / count, min(sizes), max(sizes))
        )
        return f"{bandwidth}/s from {count} messages\n\tMessage size mean: {mean} min: {least} max: {most}"


def main(args: argparse.Namespace) -> None:
    print(f"Subscribed to [{args.topic_name}]", flush=True)
    watch(args.topic_name, Bandwidth(args.window))
