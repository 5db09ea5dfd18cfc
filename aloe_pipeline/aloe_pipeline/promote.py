"""Decide by two evaluations whether a candidate replaces the current policy.

    ros2 run aloe_pipeline promote --current FILE... --candidate FILE... [--confidence 0.95] [--margin 0]

FILE is what `ros2 run aloe_pipeline evaluate --policy FOLDER --json FILE` wrote; several of one policy count together.
Episodes of the same seeds are compared in pairs; give both the same --seeds. Adding seeds until there is an answer is
allowed: the confidence holds for all looks together. Exit code 0: promote, 3: keep, 4: need more episodes.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_pipeline.promotion import Choice, Decision, PromotionConfig, decide_paired, decide_unpaired

EXIT = {Choice.PROMOTE: 0, Choice.KEEP: 3, Choice.MORE: 4}


@dataclass(frozen=True)
class Results:
    """What `evaluate` says: of which policy, under which conditions, and success by seed of the episodes that count.

    `version` is that of the policy's checkpoint; "": none is known.
    """

    policy: str
    version: str
    conditions: Mapping[str, Any]
    success: Mapping[int, bool]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.policy} (version {self.version[:12]})" if self.version else self.policy


def read_all(files: Sequence[Path]) -> Results:
    """Several results of one policy together; of a seed that comes twice the first.

    Raises:
        ConfigError: one cannot be read, or is of another policy or other conditions than the first.
    """
    first, *more = [read_results(file) for file in files]
    success = dict(first.success)
    for file, results in zip(files[1:], more, strict=True):
        if results.policy != first.policy or (results.version != first.version and results.version and first.version):
            raise ConfigError(f"{file}: of the policy {results.name}, {files[0]} of {first.name}; compare one")
        _check_conditions(first, results, f"{files[0]} and {file}")
        success = {**results.success, **success}
    return replace(first, success=success)


def read_results(file: Path) -> Results:
    """The last line of `evaluate`'s output; aborted episodes are left out.

    Raises:
        ConfigError: missing, or not what `evaluate` writes.
    """
    try:
        found = json.loads(file.read_text().strip().rpartition("\n")[2])
        success = {int(row[0]): row[1] == "success" for row in found["episodes"] if row[1] != "abort"}
        return Results(str(found["policy"]), str(found.get("version", "")), dict(found.get("conditions", {})), success)
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; name a file with the output of evaluate"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{file}: its last line is no result of evaluate ({error}); run evaluate again") from error


def decide(candidate: Results, current: Results, config: PromotionConfig) -> Decision:
    """Decide by the seeds that both have; by all episodes if they share none.

    Raises:
        ConfigError: they were evaluated under different conditions.
    """
    _check_conditions(candidate, current, "the candidate and the current policy")
    common = sorted(candidate.success.keys() & current.success.keys())
    if common:
        new, old = ([results.success[seed] for seed in common] for results in (candidate, current))
        return decide_paired(new, old, config)
    counts = [(sum(results.success.values()), len(results.success)) for results in (candidate, current)]
    return decide_unpaired(counts[0], counts[1], config)


def _check_conditions(one: Results, other: Results, who: str) -> None:
    names = sorted(one.conditions.keys() & other.conditions.keys())  # evaluations of earlier versions tell none
    pairs = {name: (one.conditions[name], other.conditions[name]) for name in names}
    differing = [f"{name} {a!r} and {b!r}" for name, (a, b) in pairs.items() if a != b]
    if differing:
        raise ConfigError(f"{who} were evaluated under different conditions: {'; '.join(differing)}; evaluate alike")


def main() -> None:
    """Entry point of `promote`."""
    parser = argparse.ArgumentParser(
        prog="promote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("current", "candidate"):
        said = f"results of the {name} policy"
        parser.add_argument(f"--{name}", type=Path, nargs="+", required=True, metavar="FILE", help=said)
    add_arguments(parser, PromotionConfig)
    options = parser.parse_args()
    try:
        candidate = read_all(options.candidate)
        current = read_all(options.current)
        decision = decide(candidate, current, from_arguments(PromotionConfig, options))
    except ConfigError as error:
        sys.exit(f"promote: {error}")
    print(f"{candidate.name} for {current.name}: {decision}")
    sys.exit(EXIT[decision.choice])


if __name__ == "__main__":
    main()
