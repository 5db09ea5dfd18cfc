"""Table and figures of a study: `./env python bench/study_report.py DIR/TASK`."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
COMPARED_WITH = ("bc", "bc_more", "filtered_bc", "hg_dagger", "awr")
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cell:
    """A method after a round, in scenes of one variation: successes and lengths [seeds, scenes]."""

    method: str
    round: int
    variation: str
    success: Array
    length_s: Array

    @property
    def per_hour(self) -> Array:
        """Successes per hour of robot time [seeds]."""
        return 3600.0 * self.success.sum(1) / self.length_s.sum(1)


def read(folder: Path) -> list[Cell]:
    """The cells of a study's task, each with the seeds that have it."""
    found: dict[tuple[str, int, str], list[list[dict[str, Any]]]] = {}
    for file in sorted(folder.glob("seed_*/evaluated_*.json")):
        name, variation = file.stem.removeprefix("evaluated_").rsplit("_", 1)
        method, number = name.rsplit("_", 1)
        found.setdefault((method, int(number), variation), []).append(json.loads(file.read_text()))
    cells = []
    for key, seeds in found.items():
        success = np.array([[o["verdict"] == "success" for o in seed] for seed in seeds], float)
        cells.append(Cell(*key, success, np.array([[o["length_s"] for o in seed] for seed in seeds])))
    return sorted(cells, key=lambda c: (c.variation, c.round, c.success.mean()))


def interval(values: Array, rng: np.random.Generator) -> tuple[float, float]:
    """95 % interval of the mean of [seeds, scenes]: bootstrap over seeds, and over scenes within each.

    The scenes are the same for all seeds, yet drawn anew for each: what they share is not known to be small.
    """
    seeds, scenes = values.shape
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        chosen = rng.integers(0, seeds, seeds)
        means[draw] = values[chosen[:, None], rng.integers(0, scenes, (seeds, scenes))].mean()
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def takeovers(folder: Path, number: int, method: str = "") -> float:
    """Per collected episode of a round; NaN when nothing was collected."""
    pattern = f"seed_*/collected_{number}.json" if number == 1 else f"seed_*/{method}_{number}/collected_{number}.json"
    files = [json.loads(file.read_text()) for file in folder.glob(pattern)]
    return float(np.mean([o["takeovers"] for outcomes in files for o in outcomes])) if files else float("nan")


def table(cells: Sequence[Cell], folder: Path) -> str:
    """Markdown: success with interval, paired differences, throughput, and takeovers while its data were collected."""
    rng = np.random.default_rng(0)
    heads = ["method", "round", "scenes", "seeds", "success % (95 %)", "successes/h"]
    others = [name for name in COMPARED_WITH if any(cell.method == name for cell in cells)]
    heads += [f"minus {name}" for name in others] + ["takeovers per episode"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for cell in cells:
        low, high = interval(cell.success, rng)
        row = [cell.method, str(cell.round), cell.variation, str(len(cell.success))]
        row += [f"{100 * cell.success.mean():.0f} ({100 * low:.0f} to {100 * high:.0f})"]
        row += [f"{cell.per_hour.mean():.0f}"]
        row += [_difference(cell, cells, name, rng) for name in others]
        asked = takeovers(folder, cell.round, cell.method) if cell.method != "bc_more" else float("nan")
        lines.append("| " + " | ".join([*row, "" if np.isnan(asked) else f"{asked:.2f}"]) + " |")
    return "\n".join(lines)


def _difference(cell: Cell, cells: Sequence[Cell], name: str, rng: np.random.Generator) -> str:
    """In points of success over the same seeds and scenes, with its interval."""
    same = [c for c in cells if c.method == name and c.variation == cell.variation]
    same = [c for c in same if c.round in (0, cell.round) and c.success.shape == cell.success.shape]
    if not same or name == cell.method:
        return ""
    difference = cell.success - same[-1].success
    low, high = interval(difference, rng)
    return f"{100 * difference.mean():+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"


def draw(cells: Sequence[Cell], file: Path) -> None:
    """Success of every method with its interval and its seeds, and success per round."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rng, variation = np.random.default_rng(0), "none"
    shown = [c for c in cells if c.variation == variation]
    last = {c.method: c for c in sorted(shown, key=lambda c: c.round)}
    figure, (bars, rounds) = pyplot.subplots(1, 2, figsize=(12, 4.2), width_ratios=(3, 2))
    for place, cell in enumerate(sorted(last.values(), key=lambda c: c.success.mean())):
        low, high = interval(cell.success, rng)
        mean = cell.success.mean()
        bars.barh(place, 100 * mean, color="tab:blue" if "aloe" in cell.method or "guided" in cell.method else "silver")
        bars.plot([100 * low, 100 * high], [place, place], color="black")
        bars.plot(100 * cell.success.mean(1), [place] * len(cell.success), "o", ms=3, color="tab:orange")
    bars.set_yticks(range(len(last)), sorted(last, key=lambda name: last[name].success.mean()))
    bars.set(xlim=(0, 100), xlabel="success in held-out scenes, %", title="after the last round")
    start = [c for c in shown if c.method == "bc"]
    for method in last:
        line = start + sorted((c for c in shown if c.method == method and c.round), key=lambda c: c.round)
        if len(line) > 1:
            rounds.plot([c.round for c in line], [100 * c.success.mean() for c in line], "o-", label=method)
    rounds.set(ylim=(0, 100), xlabel="round", ylabel="success, %", title="round by round")
    rounds.xaxis.get_major_locator().set_params(integer=True)
    rounds.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def report(folder: Path) -> None:
    """Print the table; write it, the numbers and the figure into the folder."""
    cells = read(folder)
    if not cells:
        print(f"{folder}: nothing is evaluated yet")
        return
    text = table(cells, folder)
    print(text)
    (folder / "table.md").write_text(text + "\n")
    numbers = [
        {"method": c.method, "round": c.round, "variation": c.variation, "success": c.success.mean(1).tolist()}
        | {"per_hour": c.per_hour.tolist()}
        for c in cells
    ]
    (folder / "results.json").write_text(json.dumps(numbers, indent=1) + "\n")
    draw(cells, folder / "success.png")


def main() -> None:
    """Parse, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of a study's task")
    report(parser.parse_args().folder)


if __name__ == "__main__":
    main()
