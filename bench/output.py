"""What all benches share: their options, their table, and the line of JSON at the end."""

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from quick_parser import QuickParser

Figure = float | int | str | Mapping[str, float]


def make_parser(doc: str | None, quick: Sequence[str], seconds: float | None = None) -> QuickParser:
    """A parser with the options that every bench has.

    Args:
        doc: Docstring of the bench.
        quick: Options that `--quick` stands for.
        seconds: Default of `--seconds`; None: the bench does not measure for a given time.
    """
    parser = QuickParser(doc, ["--unjudged", *quick])
    if seconds is not None:
        parser.add_argument("--seconds", type=float, default=seconds, help=f"to measure (default: {seconds:g})")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--png", type=Path, help="file for a picture")
    parser.add_argument("--unjudged", action="store_true", help="exit with 0 also where a target is missed")
    return parser


def conclude(
    bench: str,
    figures: Mapping[str, Figure],
    targets: Mapping[str, float],
    options: argparse.Namespace,
    floors: Mapping[str, float] | None = None,
) -> NoReturn:
    """Print a table, then one line of JSON, and exit.

    The exit status is 0 if all targets (upper limits) and floors (lower limits) are met, or with --unjudged.
    """
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
    if options.json:
        options.json.write_text(line + "\n")
    print(line, flush=True)
    sys.exit(0 if met or options.unjudged else 1)
