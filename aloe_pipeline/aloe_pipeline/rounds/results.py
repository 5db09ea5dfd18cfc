"""What the stages of a round leave for the next ones and for the report."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aloe_data import sidecar
from aloe_data.bag_folders import moved_with
from aloe_data.config import ConfigError
from aloe_data.durable import replacing
from aloe_data.statistics import wilson_interval
from aloe_pipeline.promotion import Choice

SUCCESS = "success"
ABORT = "abort"


@dataclass(frozen=True)
class EpisodeFacts:
    """One episode that was learned from.

    Attributes:
        bag: its folder.
        seed, verdict: as in the bag, the verdict as it is now.
        length_s: of its ticks.
        takeovers: how often a person took an arm.
        ticks: by source ("demo", "autonomous", "human"), those in which somebody acted.
    """

    bag: str
    seed: int
    verdict: str
    length_s: float
    takeovers: int
    ticks: Mapping[str, int]


@dataclass(frozen=True)
class Rate:
    """Successes of a number of trials, and the time they took [s]."""

    successes: int
    trials: int
    seconds: float

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.successes / max(1, self.trials)

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share."""
        return wilson_interval(self.successes, self.trials)

    @property
    def per_hour(self) -> float:
        """Throughput: successes per hour of motion."""
        return 3600 * self.successes / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.share:.0f} % ({self.successes} of {self.trials}, {100 * low:.0f} to {100 * high:.0f} %)"


@dataclass(frozen=True)
class Decided:
    """Whether a candidate is used from now on.

    Attributes:
        choice: value of a `Choice`, or TAKEN_UNTESTED or LEFT_UNTESTED where there is nothing to evaluate on.
        reason: in words.
        candidate: its folder.
        stamp_s: when [s since the epoch].
    """

    choice: str
    reason: str
    candidate: str
    stamp_s: float

    @property
    def taken(self) -> bool:
        """The candidate is used."""
        return self.choice in (Choice.PROMOTE.value, TAKEN_UNTESTED)

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.candidate} is {'used from now on' if self.taken else 'not used'}: {self.reason}"


TAKEN_UNTESTED = "taken untested"
LEFT_UNTESTED = "left untested"


@dataclass(frozen=True)
class Gated:
    """What is known of a critic.

    Attributes:
        passed: it met the gates of its health.
        used: policies are improved with it, whether it passed or not.
        judgement: its health in words.
    """

    passed: bool
    used: bool
    judgement: list[str]


def evaluated(files: Iterable[Path]) -> Rate:
    """What several evaluations of one policy say together; aborted episodes are no trials.

    Raises:
        ConfigError: a file is missing or none of `evaluate`'s.
    """
    rows = []
    for file in files:
        with _as_written(file):
            rows += [(row[1], float(row[3])) for row in read_json(file)["episodes"] if row[1] != ABORT]
    return Rate(sum(end == SUCCESS for end, _ in rows), len(rows), sum(seconds for _, seconds in rows))


def collected(episodes: Iterable[EpisodeFacts]) -> Rate:
    """How recorded episodes ended, with whatever help they had; aborted ones are no trials."""
    counted = [episode for episode in episodes if episode.verdict != ABORT]
    successes = sum(episode.verdict == SUCCESS for episode in counted)
    return Rate(successes, len(counted), sum(episode.length_s for episode in counted))


def read_episodes(file: Path) -> list[EpisodeFacts]:
    """What `rounds ingest` wrote, with the bags where they are now if the run was moved.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    run = _run_of(file)
    begun = read_json(run / "run.json")["facts"].get("folder", run) if (run / "run.json").exists() else run
    with _as_written(file):
        return [EpisodeFacts(**{**row, "bag": _bag_now(row["bag"], run, Path(begun))}) for row in read_json(file)]


def write_episodes(file: Path, episodes: Iterable[EpisodeFacts]) -> None:
    """Keep what `read_episodes` reads; bags of the run itself by their path from its folder."""
    run = _run_of(file)
    rows = [asdict(episode) for episode in episodes]
    for row in rows:
        bag = Path(row["bag"])
        row["bag"] = str(bag.relative_to(run) if bag.is_relative_to(run) else bag)
    write_json(file, rows)


def _run_of(file: Path) -> Path:
    """The folder of the run, a round of which left a file."""
    return file.absolute().parent.parent


def _bag_now(bag: str, run: Path, begun: Path) -> str:
    """Where a bag is now: in the run, where it was, or, if it was moved together with the run, beside that."""
    if not Path(bag).is_absolute():
        return str(run / bag)
    moved = moved_with(bag, begun, run)
    return str(moved) if moved.exists() else bag


def read_decision(file: Path) -> Decided:
    """What `rounds decide` wrote.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    with _as_written(file):
        return Decided(**read_json(file))


def read_gate(file: Path) -> Gated:
    """What `rounds gate` wrote.

    Raises:
        ConfigError: the file is missing or damaged.
    """
    found = read_json(file)
    with _as_written(file):
        return Gated(found["passed"], found.get("used", True), found["judgement"])  # earlier, a round went on only so


@contextmanager
def _as_written(file: Path) -> Iterator[None]:
    """What a file of another form does to its reader, as an error that names the file."""
    try:
        yield
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        if isinstance(error, ConfigError):
            raise
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{file}: {what}; restore it, or remove it to have it made again") from error


def numbered(folder: Path, name: str) -> list[Path]:
    """NAME_0.json, NAME_1.json, ... of a folder, as far as they go."""
    files: list[Path] = []
    while (file := folder / f"{name}_{len(files)}.json").exists():
        files.append(file)
    return files


def read_json(file: Path) -> Any:
    """A file of the run folder.

    Raises:
        ConfigError: missing or damaged.
    """
    try:
        return sidecar.read_json(file)
    except sidecar.SidecarError as error:
        raise ConfigError(f"{error}; restore it, or remove it to have it made again") from error


def write_json(file: Path, value: object) -> None:
    """Write a file; it is there complete, or what was there before still is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as stream:
        stream.write((json.dumps(value, indent=1) + "\n").encode())
