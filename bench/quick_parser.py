"""`--quick` of benches and studies: few steps, episodes and seconds, so that CI sees whether each still runs."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = "QUICK_FOLDER"  # environment: what quick runs leave for each other; unset: a new folder for every run
ASSETS = Path(__file__).parents[1] / "assets"


class QuickParser(argparse.ArgumentParser):
    """A parser with `--quick`, which stands for other options; those that are given beside it come before them.

    Args:
        doc: Docstring of the program.
        quick: Options that `--quick` stands for; `{folder}` and `{assets}` in them are a folder to write in, and that
            of the assets of the suite.
    """

    def __init__(self, doc: str | None, quick: Sequence[str]) -> None:
        super().__init__(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        self._quick = quick
        self.add_argument("--quick", action="store_true", help=f"see whether it runs: {' '.join(quick)}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As in `argparse`; of an option that is given twice the last one counts."""
        words = list(sys.argv[1:] if args is None else args)
        if "--quick" in words:
            folder = os.environ.get(FOLDER) or tempfile.mkdtemp(prefix="quick_")
            words = [word.format(folder=folder, assets=ASSETS) for word in self._quick] + words
        return super().parse_known_args(words, namespace)
