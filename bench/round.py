"""Times one full round: collect with a scripted human, ingest, critic, weights, policy, evaluation, decision.

    ./env python bench/round.py [--episodes 50] [--policy FOLDER] [--run DIR] [--actor-steps=500 ...]

All stages are those of `aloe.launch.py rounds:=1`, from images, one after the other. The policy is the shipped one, in
scenes that vary as much as they can, so that there are failures to learn from; a critic that fails its gates is used
all the same. Other options are passed on to `rounds loop`. A run that was interrupted goes on with the same --run DIR;
its times are the sums.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from output import conclude, make_parser

from aloe_pipeline.rounds.history import by_kind
from aloe_pipeline.rounds.run_folder import RunFolder

TARGETS = {"total_s": 1200.0}
SCENES = "all"
# Demonstrations come with phone packing; a critic would need failures, and these episodes need not have any.
QUICK = (
    "--task=phone_packing",
    "--method=hg_dagger",
    "--episodes=2",
    "--timeout-s=10",
    "--actor-steps=5",
    "--actor-options=--batch-size=16",
    "--evaluate-episodes=1",
    "--evaluate-at-most=1",
)


def run(folder: Path, options: list[str]) -> None:
    """One round, in processes of its own. Raises CalledProcessError where a stage fails."""
    words = ["--run", str(folder), "--rounds", "1", "--variation", SCENES, "--force", *options]
    subprocess.run(["ros2", "run", "aloe_pipeline", "rounds", "loop", *words], check=True)


def figures_of(folder: RunFolder) -> dict[str, float]:
    """Seconds in all, those without collecting, and the share of every kind of stage."""
    seconds = by_kind(folder.records().values())
    total = sum(seconds.values())
    shares = {f"share_{kind}": value / total for kind, value in seconds.items()}
    return {"total_s": total, "learning_s": total - seconds.get("collect", 0.0), **shares}


def draw(figures: dict[str, float], file: Path) -> None:
    """Shares as bars."""
    from matplotlib.figure import Figure

    shares = {name.removeprefix("share_"): value for name, value in figures.items() if name.startswith("share_")}
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(shares), [100 * value for value in shares.values()])
    axes.invert_yaxis()
    axes.set(xlabel="% of the round", title=f"One round: {figures['total_s'] / 60:.1f} minutes")
    figure.savefig(file, dpi=110)


def main() -> None:
    """Run, print."""
    parser = make_parser(__doc__, QUICK)
    parser.add_argument("--episodes", type=int, default=50, help="to collect (default: 50)")
    parser.add_argument("--policy", default="", help="checkpoint to begin with (default: the shipped one)")
    parser.add_argument("--run", type=Path, help="folder to keep (default: a temporary one)")
    options, more = parser.parse_known_args()
    words = ["--episodes", str(options.episodes), *more]
    words += ["--policy", options.policy] if options.policy else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.run or Path(temporary) / "run").resolve()
        try:
            run(folder, words)
        except subprocess.CalledProcessError:
            sys.exit("round: a stage failed; its name and the reason stand above")
        figures = figures_of(RunFolder(folder))
    if options.png:
        draw(figures, options.png)
    conclude("round", figures, TARGETS, options)


if __name__ == "__main__":
    main()
