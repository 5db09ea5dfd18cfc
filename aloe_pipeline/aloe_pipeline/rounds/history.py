"""What the rounds of a run have left so far."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aloe_pipeline.rounds.results import (
    Decided,
    EpisodeFacts,
    Rate,
    evaluated,
    numbered,
    read_decision,
    read_episodes,
    read_json,
)
from aloe_pipeline.rounds.run_folder import Record, RunFolder


@dataclass(frozen=True)
class Round:
    """What a round has left so far; 0: before the first.

    Attributes:
        number: of the round.
        alone: its policy in held-out scenes; None: not evaluated.
        new: episodes that were collected in it.
        episodes: all that it learned from.
        critic: config.json of its critic, {} without one.
        weights: statistics of its weights, {} without any.
        decision: about its candidate; None: not decided.
        seconds: by kind of stage.
    """

    number: int
    alone: Rate | None
    new: Sequence[EpisodeFacts]
    episodes: Sequence[EpisodeFacts]
    critic: Mapping[str, Any]
    weights: Mapping[str, Any]
    decision: Decided | None
    seconds: Mapping[str, float]

    @property
    def label(self) -> str:
        """For people."""
        return f"round {self.number}" if self.number else "start"


def read_rounds(folder: RunFolder) -> list[Round]:
    """What the rounds have left so far; the first one is the start.

    Raises:
        ConfigError: a file of the run folder is damaged.
    """
    return [_read_round(folder, number) for number in range(folder.last_round() + 1)]


def in_use(rounds: Sequence[Round]) -> list[tuple[Round, Round]]:
    """Each round that is decided, and the round whose policy was in use after it."""
    found = []
    last = rounds[0]
    for one in rounds:
        if one.decision is not None and one.decision.taken:
            last = one
        if one.decision is not None or one.number == 0:
            found.append((one, last))
    return found


def by_kind(records: Iterable[Record]) -> dict[str, float]:
    """Seconds of stages, those of a kind together: all evaluations, all timelines, ..."""
    found: dict[str, float] = {}
    for record in records:
        kind = record.name.split("_")[0]
        found[kind] = found.get(kind, 0.0) + record.seconds
    return found


def _read_round(folder: RunFolder, number: int) -> Round:
    here = folder.round(number)
    episodes = read_episodes(here / "episodes.json") if (here / "episodes.json").exists() else []
    decisions = numbered(here, "decision")
    evaluations = numbered(here, "evaluation")
    critic = here / "critic" / "config.json"
    weights = here / "weights.npz"
    return Round(
        number,
        evaluated(evaluations) if evaluations else None,
        [e for e in episodes if Path(e.bag).parent == folder.bags(number)],
        episodes,
        read_json(critic) if critic.exists() else {},
        _statistics(weights) if weights.exists() else {},
        read_decision(decisions[-1]) if decisions else None,
        by_kind(record for record in folder.records().values() if record.round == number),
    )


def _statistics(weights: Path) -> Mapping[str, Any]:
    with np.load(weights, allow_pickle=False) as arrays:
        return json.loads(str(arrays["meta"]))["statistics"]
