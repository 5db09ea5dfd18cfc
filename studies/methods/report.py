"""Table and figures of a study: `./env python -m studies.methods.report DIR/TASK [--also results.json]`.

`results.json` holds every episode's outcome: seeds that were run elsewhere are added with --also.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.quick_parser import QuickParser
from studies.common.keypoint_store import read_log

DRAWS = 10_000
FIRST_TEST = "none"  # scenes by which methods are ordered
COMPARED_WITH = ("bc", "bc_more", "filtered_bc", "hg_dagger", "awr")
Array = NDArray[np.float64]
QUICK = ("{folder}/report", "--also={assets}/../studies/methods/weak_start.json")


@dataclass(frozen=True, eq=False)
class Cell:
    """A method after a round, in scenes of one variation.

    Attributes:
        seeds: Seeds of the study that have it.
        success, length_s: Outcomes of the same scenes [seeds, scenes].
        takeovers: Takeovers per episode while its data were collected [seeds]; NaN: nothing was collected for it.
    """

    method: str
    round: int
    variation: str
    seeds: tuple[int, ...]
    success: Array
    length_s: Array
    takeovers: Array

    @property
    def key(self) -> tuple[str, int, str]:
        """What it is a cell of."""
        return self.method, self.round, self.variation

    @property
    def per_hour(self) -> Array:
        """Successes per hour of robot time [seeds]."""
        return 3600.0 * self.success.sum(1) / self.length_s.sum(1)

    def of(self, seeds: Sequence[int]) -> Array:
        """Success in these of its seeds [seeds, scenes]."""
        return self.success[[self.seeds.index(seed) for seed in seeds]]


def read(folder: Path) -> list[Cell]:
    """The cells of a study's task, each of one seed."""
    cells = []
    for file in sorted(folder.glob("seed_*/evaluated_*.json")):
        name, variation = file.stem.removeprefix("evaluated_").rsplit("_", 1)
        method, number = name.rsplit("_", 1)
        outcomes = json.loads(file.read_text())
        seed = int(file.parent.name.removeprefix("seed_"))
        success = np.array([[o["verdict"] == "success" for o in outcomes]], float)
        length_s = np.array([[o["length_s"] for o in outcomes]])
        asked = np.array([_takeovers(file.parent, int(number), method)])
        cells.append(Cell(method, int(number), variation, (seed,), success, length_s, asked))
    return cells


def _takeovers(folder: Path, number: int, method: str) -> float:
    log = folder / (f"collected_{number}.jsonl" if number == 1 else f"{method}_{number}/collected_{number}.jsonl")
    if method == "bc_more" or not log.exists():
        return float("nan")
    return float(np.mean([outcome.takeovers for outcome in read_log(log)]))


def read_results(file: Path) -> list[Cell]:
    """The cells of a `results.json`."""
    arrays = ("success", "length_s", "takeovers")
    return [
        Cell(**{k: np.array(v, float) if k in arrays else tuple(v) if k == "seeds" else v for k, v in cell.items()})
        for cell in json.loads(file.read_text())
    ]


def write_results(cells: Sequence[Cell], file: Path) -> None:
    """What `read_results` reads."""
    rows = []
    for c in cells:
        row = {"method": c.method, "round": c.round, "variation": c.variation, "seeds": c.seeds}
        row |= {"success": c.success.astype(int).tolist(), "length_s": c.length_s.round(2).tolist()}
        rows.append(json.dumps(row | {"takeovers": c.takeovers.round(3).tolist()}))
    file.write_text("[\n" + ",\n".join(rows) + "\n]\n")


def merged(cells: Sequence[Cell]) -> list[Cell]:
    """One cell of each kind, of all its seeds; of a seed that comes twice the first.

    Raises:
        ValueError: seeds with different numbers of scenes.
    """
    found: dict[tuple[str, int, str], dict[int, tuple[Cell, int]]] = {}
    for cell in cells:
        for place, seed in enumerate(cell.seeds):
            found.setdefault(cell.key, {}).setdefault(seed, (cell, place))
    whole = []
    for key, by_seed in found.items():
        scenes = {seed: cell.success.shape[1] for seed, (cell, _) in by_seed.items()}
        if len(set(scenes.values())) > 1:
            raise ValueError(f"{key[0]}, round {key[1]}: numbers of scenes differ between seeds: {scenes}")
        parts = [(seed, *by_seed[seed]) for seed in sorted(by_seed)]
        rows = (
            [getattr(cell, name)[place] for _, cell, place in parts] for name in ("success", "length_s", "takeovers")
        )
        whole.append(Cell(*key, tuple(seed for seed, *_ in parts), *map(np.array, rows)))
    return sorted(whole, key=lambda c: (c.variation, c.round, c.success.mean()))


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


def table(cells: Sequence[Cell]) -> str:
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
        known = cell.takeovers[~np.isnan(cell.takeovers)]
        lines.append("| " + " | ".join([*row, f"{known.mean():.2f}" if len(known) else ""]) + " |")
    return "\n".join(lines)


def _difference(cell: Cell, cells: Sequence[Cell], name: str, rng: np.random.Generator) -> str:
    """In points of success over the seeds that both have, and the same scenes, with its interval."""
    same = [c for c in cells if c.method == name and c.variation == cell.variation and c.round in (0, cell.round)]
    if not same or name == cell.method:
        return ""
    both = sorted(set(cell.seeds) & set(same[-1].seeds))
    if not both or cell.success.shape[1] != same[-1].success.shape[1]:
        return ""
    difference = cell.of(both) - same[-1].of(both)
    low, high = interval(difference, rng)
    return f"{100 * difference.mean():+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"


def draw(cells: Sequence[Cell], file: Path) -> None:
    """Success of every method in every kind of scenes, with its interval and its seeds; and round by round."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    tests = sorted({cell.variation for cell in cells}, key=lambda name: (name.partition("@")[0] != FIRST_TEST, name))
    last = {(c.method, c.variation): c for c in sorted(cells, key=lambda c: c.round)}
    of_first = {method: c.success.mean() for (method, test), c in last.items() if test == tests[0]}
    methods = sorted({method for method, _ in last}, key=lambda method: of_first.get(method, 0.0))
    several = max(cell.round for cell in cells) > 1
    width = 3 + 3 * len(tests) + 4 * several
    figure, axes = pyplot.subplots(1, len(tests) + several, figsize=(width, 4.2), squeeze=False)
    for axis, test in zip(axes[0], tests, strict=False):
        _bars(axis, methods, {method: c for (method, of), c in last.items() if of == test})
        axis.set(xlim=(0, 100), xlabel="success, %", title=f"scenes: {test}")
        axis.label_outer()
    if several:
        _rounds(axes[0, -1], [c for c in cells if c.variation == tests[0]])
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _bars(axis: Any, methods: Sequence[str], found: Mapping[str, Cell]) -> None:
    rng = np.random.default_rng(0)
    for place, method in enumerate(methods):
        if cell := found.get(method):
            low, high = interval(cell.success, rng)
            ours = "aloe" in method or "guided" in method
            axis.barh(place, 100 * cell.success.mean(), color="tab:blue" if ours else "silver")
            axis.plot([100 * low, 100 * high], [place, place], color="black")
            axis.plot(100 * cell.success.mean(1), [place] * len(cell.success), "o", ms=3, color="tab:orange")
    axis.set_yticks(range(len(methods)), methods)


def _rounds(axis: Any, cells: Sequence[Cell]) -> None:
    start = [cell for cell in cells if cell.method == "bc"]
    for method in sorted({cell.method for cell in cells} - {"bc"}):
        line = start + sorted((c for c in cells if c.method == method), key=lambda c: c.round)
        axis.plot([c.round for c in line], [100 * c.success.mean() for c in line], "o-", label=method)
    axis.set(ylim=(0, 100), xlabel="round", ylabel="success, %", title="round by round")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.legend(fontsize=7)


def report(folder: Path, also: Sequence[Path] = ()) -> None:
    """Print the table; write it, the outcomes and the figure into the folder.

    Args:
        folder: Folder of a study's task.
        also: Files `results.json` with further seeds.
    """
    cells = merged([*read(folder), *(cell for file in also for cell in read_results(file))])
    if not cells:
        print(f"{folder}: nothing is evaluated yet")
        return
    text = table(cells)
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(text + "\n")
    write_results(cells, folder / "results.json")
    draw(cells, folder / "success.png")


def main() -> None:
    """Parse, report."""
    parser = QuickParser(__doc__, QUICK)
    parser.add_argument("folder", type=Path, help="of a study's task; table, results.json and figure are written there")
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="results.json of further seeds")
    given = parser.parse_args()
    try:
        report(given.folder, given.also)
    except (OSError, ValueError, TypeError) as error:
        sys.exit(f"study_report: {error}")


if __name__ == "__main__":
    main()
