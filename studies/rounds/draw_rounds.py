"""Draws what rounds of improvement brought: `./env python -m studies.rounds.draw_rounds RUN [--out FILE.png]`."""

import argparse
import sys
from pathlib import Path

from matplotlib.figure import Figure

from aloe_data.config import ConfigError
from aloe_pipeline.rounds.history import in_use, read_rounds
from aloe_pipeline.rounds.run_folder import RunFolder


def draw(folder: RunFolder, file: Path) -> None:
    """Success of the policy alone and, of several rounds, takeovers while collecting.

    Raises:
        ConfigError: a file of the run folder is damaged, or nothing is measured yet.
    """
    rounds = read_rounds(folder)
    measured = [one for one in rounds if one.alone is not None]
    if not measured:
        raise ConfigError(f"{folder.path}: no policy is measured yet; let the run go on")
    collected = [one for one in rounds if one.new]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    success, *rest = figure.subplots(1, 2 if len(collected) > 1 else 1, squeeze=False)[0]
    taken = {last.number for _, last in in_use(rounds)}
    for one in measured:
        assert one.alone is not None, "chosen above"
        low, high = one.alone.interval
        success.plot([one.number] * 2, [100 * low, 100 * high], color="tab:blue", lw=1)
        fill = "tab:blue" if one.number in taken else "white"
        success.plot(one.number, 100 * one.alone.share, "o", color="tab:blue", markerfacecolor=fill, ms=8)
    line = [(one.number, 100 * last.alone.share) for one, last in in_use(rounds) if last.alone is not None]
    success.plot(*zip(*line, strict=True), color="tab:blue")
    labels = ["warm start", *(f"round {one.number}" for one in rounds[1:])]
    success.set(ylim=(0, 100), ylabel="success alone, %", xticks=range(len(rounds)), xticklabels=labels)
    for takeovers in rest:
        means = [sum(e.takeovers for e in one.new) / len(one.new) for one in collected]
        takeovers.bar([f"round {one.number}" for one in collected], means, color="tab:orange", width=0.5)
        takeovers.set(ylabel="takeovers per episode")
    figure.savefig(file, dpi=120)


def main() -> None:
    """Parse, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder of aloe.launch.py")
    parser.add_argument("--out", type=Path, default=Path("rounds.png"), help="file to write")
    options = parser.parse_args()
    try:
        draw(RunFolder(options.run), options.out)
    except ConfigError as error:
        sys.exit(f"draw_rounds: {error}")


if __name__ == "__main__":
    main()
