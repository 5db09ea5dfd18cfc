"""Runs every bench and every study for some seconds: `./env python bench/quick.py [--only NAME]`; fails by name.

Every program in `bench/` and `studies/*/` is run with `--quick`, a new one as well; what must not run by itself is
named in `LEFT_OUT`. Whether they run is what counts, not how quick they are: times of a shared machine are not judged.
What runs the ROS graph goes one after the other; all else beside it, with what that leaves of the machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from quick_parser import FOLDER

ROOT = Path(__file__).parents[1]
LEFT_OUT = {
    "bench/quick.py": "this one",
    "bench/pedal_stream.py": "a process of bench/takeover.py",
    "bench/record_streams.py": "a process of bench/record.py",
    "studies/rounds/draw_rounds.py": "draws a run of rounds that took hours",
}
# A machine that others share may stand still for longer than a camera may be silent: the arms hold, as they must, and
# the episode counts for nothing. Hence three tries of what runs the graph; a fault of ours fails all of them.
LIVE = ("bench/control.py", "bench/record.py", "bench/round.py", "bench/swap.py", "bench/takeover.py")
TRIES = 3
LIMIT_S = 600.0  # of one try


def programs() -> list[Path]:
    """Every bench and study, relative to the repository; benches first, in the order of their names."""
    files = [*sorted((ROOT / "bench").glob("*.py")), *sorted((ROOT / "studies").glob("*/*.py"))]
    run = [file.relative_to(ROOT) for file in files if '__name__ == "__main__"' in file.read_text()]
    return [file for file in run if str(file) not in LEFT_OUT]


def command(program: Path) -> list[str]:
    """How a program is run: benches as files, studies as modules, since they share modules."""
    first = [] if str(program) in LIVE else ["nice", "-n", "5"]
    if program.parts[0] == "bench":
        return [*first, sys.executable, str(program), "--quick"]
    return [*first, sys.executable, "-m", ".".join(program.with_suffix("").parts), "--quick"]


def run(program: Path) -> bool:
    """Run one; what it says is shown where it fails."""
    tries = TRIES if str(program) in LIVE else 1
    for number in range(1, tries + 1):
        began_s = time.monotonic()
        with tempfile.TemporaryFile("w+") as said:
            try:
                code = subprocess.run(
                    command(program), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=LIMIT_S
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
            if code == 0:
                print(f"quick: {program}: {time.monotonic() - began_s:.0f} s", flush=True)
                return True
            said.seek(0)
            print(f"{said.read()}\nquick: {program} failed, try {number} of {tries}", file=sys.stderr, flush=True)
    return False


def run_all(some: list[Path]) -> list[str]:
    """Run programs one after the other, as later ones use what earlier ones leave; returns those that failed."""
    return [str(program) for program in some if not run(program)]


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="programs with this in their path")
    options = parser.parse_args()
    wanted = [program for program in programs() if options.only in str(program)]
    live = [program for program in wanted if str(program) in LIVE]
    rest = [program for program in wanted if str(program) not in LIVE]
    with tempfile.TemporaryDirectory(prefix="quick_") as folder, ThreadPoolExecutor(2) as pool:
        os.environ[FOLDER] = folder
        failed = [name for names in pool.map(run_all, (live, rest)) for name in names]
    if failed:
        sys.exit(f"quick: {', '.join(failed)}: failed; the reasons stand above")


if __name__ == "__main__":
    main()
