"""Decide by two evaluations whether a candidate replaces the current policy.

    ros2 run aloe_policy promote --current FILE --candidate FILE [--confidence 0.95] [--margin 0]

FILE is what `ros2 run aloe_bringup evaluate --policy FOLDER --json FILE` wrote. Episodes of the same seeds are compared
in pairs; give both the same --seeds. Adding seeds until there is an answer is allowed: the confidence holds for all
looks together. Exit code 0: promote, 3: keep, 4: need more episodes.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_policy.promotion import Choice, Decision, PromotionConfig, decide_paired, decide_unpaired

EXIT = {Choice.PROMOTE: 0, Choice.KEEP: 3, Choice.MORE: 4}


@dataclass(frozen=True)
class Results:
    """What `evaluate` says: of which policy and rig, and success by seed of the episodes that count."""

    policy: str
    rig: str
    success: dict[int, bool]


def read_results(file: Path) -> Results:
    """The last line of `evaluate`'s output; aborted episodes are left out.

    Raises:
        ConfigError: missing, or not what `evaluate` writes.
    """
    try:
        found = json.loads(file.read_text().strip().rpartition("\n")[2])
        success = {int(row[0]): row[1] == "success" for row in found["episodes"] if row[1] != "abort"}
        return Results(str(found["policy"]), str(found["rig"]), success)
    except OSError as error:
        raise ConfigError(
            f"{file}: cannot be read: {error.strerror}; name a file with the output of evaluate"
        ) from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ConfigError(f"{file}: its last line is no result of evaluate ({error}); run evaluate again") from error


def decide(candidate: Results, current: Results, config: PromotionConfig) -> Decision:
    """Decide by the seeds that both have; by all episodes if they share none.

    Raises:
        ConfigError: results of different rigs.
    """
    if candidate.rig != current.rig:
        raise ConfigError(
            f"the candidate was evaluated on the rig '{candidate.rig}', the current policy on '{current.rig}'; "
            "evaluate both on one"
        )
    common = sorted(candidate.success.keys() & current.success.keys())
    if common:
        new, old = ([results.success[seed] for seed in common] for results in (candidate, current))
        return decide_paired(new, old, config)
    counts = [(sum(results.success.values()), len(results.success)) for results in (candidate, current)]
    return decide_unpaired(counts[0], counts[1], config)


def main() -> None:
    """Entry point of `promote`."""
    parser = argparse.ArgumentParser(
        prog="promote", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("current", "candidate"):
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE", help=f"results of the {name} policy")
    add_arguments(parser, PromotionConfig)
    options = parser.parse_args()
    try:
        candidate, current = read_results(options.candidate), read_results(options.current)
        decision = decide(candidate, current, from_arguments(PromotionConfig, options))
    except ConfigError as error:
        sys.exit(f"promote: {error}")
    print(f"{candidate.policy} for {current.policy}: {decision}")
    sys.exit(EXIT[decision.choice])


if __name__ == "__main__":
    main()
