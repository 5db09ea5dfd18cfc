"""A bench of this checkout and the same bench of a former one, the two alternating in one run.

Figures of a machine that others share drift; two checkouts that take turns drift together, so that their ratio holds.
Every run is the checkout's own `bench/NAME.py`, in its own environment (`./env`), and its figures are what it writes
with --json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[1]
RATIO = 1.05  # how much of the former checkout's figure this one may take

Figures = Mapping[str, float]


def add_former_options(parser: argparse.ArgumentParser) -> None:
    """The options of a comparison."""
    parser.add_argument("--former", type=Path, help="former checkout to compare with: the two take turns")
    parser.add_argument("--rounds", type=int, default=4, help="runs of each with --former (default: 4)")


def compare(
    bench: str, former: Path, rounds: int, arguments: Sequence[str], timed: Sequence[str], counted: Sequence[str]
) -> tuple[dict[str, float], dict[str, float]]:
    """Run both in turns.

    Args:
        bench: Name of the bench, in both checkouts.
        former: Folder of the former checkout.
        rounds: Number of runs of each.
        arguments: Options of every run.
        timed: Figures of which the ratio of the medians over all rounds is limited.
        counted: Figures whose sum over all rounds must be zero in this checkout.

    Returns:
        All figures, and the upper limits of some of them.
    """
    if not (former / "env").exists():
        sys.exit(f"bench: {former} is no checkout: it has no ./env; make one with 'git worktree add'")
    now, before = _alternate(bench, former, rounds, arguments)
    figures: dict[str, float] = {"rounds": rounds}
    targets: dict[str, float] = {}
    for name in counted:
        figures[name] = sum(run[name] for run in now)
        figures[f"former_{name}"] = sum(run[name] for run in before)
        targets[name] = 0.0
    for name in timed:
        figures[name] = float(np.median([run[name] for run in now]))
        figures[f"former_{name}"] = float(np.median([run[name] for run in before]))
        figures[f"{name}_ratio"] = figures[name] / figures[f"former_{name}"]
        targets[f"{name}_ratio"] = RATIO
    return figures, targets


def _alternate(bench: str, former: Path, rounds: int, arguments: Sequence[str]) -> tuple[list[Figures], list[Figures]]:
    """Figures of every run of this checkout, and of the former one; each begins every other round."""
    now: list[Figures] = []
    before: list[Figures] = []
    for number in range(rounds):
        turns = [(HERE, now), (former, before)]
        if number % 2:
            turns.reverse()
        for checkout, runs in turns:
            print(f"bench: round {number + 1} of {rounds}: {checkout}", file=sys.stderr, flush=True)
            runs.append(_run(checkout.resolve(), bench, arguments))
    return now, before


def _run(checkout: Path, bench: str, arguments: Sequence[str]) -> Figures:
    """Figures of one run; its words go to stderr, so that the last line of the comparison stays the last line."""
    with tempfile.TemporaryDirectory(prefix="bench_former_") as scratch:
        file = Path(scratch) / "figures.json"
        command = [checkout / "env", "python", checkout / "bench" / f"{bench}.py", *arguments, "--json", file]
        subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
        if not file.exists():  # a missed target exits with 1, too, but leaves its figures
            sys.exit(f"bench: {bench} of {checkout} ended without figures; see its messages above")
        figures: Figures = json.loads(file.read_text())["figures"]
        return figures
