"""What all benches share: their options, their table, and the line of JSON at the end."""

import argparse
import json
import platform
from collections.abc import Mapping
from pathlib import Path

Figure = float | int | str | Mapping[str, float]


def make_parser(doc: str, seconds: float | None = None) -> argparse.ArgumentParser:
    """The options that every bench has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if seconds is not None:
        parser.add_argument("--seconds", type=float, default=seconds, help=f"to measure (default: {seconds:g})")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--png", type=Path, help="file for a picture")
    return parser


def report(
    bench: str,
    figures: Mapping[str, Figure],
    targets: Mapping[str, float],
    file: Path | None,
    floors: Mapping[str, float] | None = None,
) -> bool:
    """Print a table, then one line of JSON; whether all targets (upper limits) and floors (lower ones) are met."""
    floors = floors or {}
    met = all(float(figures[name]) <= limit for name, limit in targets.items())  # type: ignore[arg-type]
    met &= all(float(figures[name]) >= limit for name, limit in floors.items())  # type: ignore[arg-type]
    print(f"\n{bench} on {platform.processor() or platform.machine()}")
    for name, value in figures.items():
        limit = f"  target <= {targets[name]:g}" if name in targets else ""
        limit = f"  target >= {floors[name]:g}" if name in floors else limit
        shown = f"{value:12.3f}" if isinstance(value, float) else f"{value!s:>12}"
        print(f"  {name:28}{shown}{limit}")
    line = json.dumps({"bench": bench, "figures": dict(figures), "targets": {**targets, **floors}, "met": met})
    if file:
        file.write_text(line + "\n")
    print(line, flush=True)
    return met
