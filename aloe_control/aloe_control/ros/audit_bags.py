"""Says of recorded bags whether all their ticks were safe: `ros2 run aloe_control audit BAG...`.

The exit status is 0 if all were, 1 if one was not, and 2 if a bag could not be judged.
"""

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from aloe_control.ros.bag_audit import BagAudit, audit_messages, audited_topics
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.frames import EpisodeError
from aloe_data.recording import RecordingError
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_messages, read_record
from aloe_data.ros.bag_survey import rig_inside

_SHOWN = 20  # reasons of a bag that are printed


@dataclass(frozen=True)
class AuditConfig:
    """Which bags are audited."""

    bags: tuple[Path, ...] = parameter(positional=True, doc="folders of bags")
    rig: Path | None = parameter(None, doc="rig file; default: the one inside each bag")


def audit_bag(bag: Path, rig_file: Path | None) -> BagAudit:
    """Audit one bag.

    Args:
        bag: Folder of the bag.
        rig_file: Rig file of the run; None: the one inside the bag.

    Raises:
        EpisodeError, RecordingError, RigError: the bag cannot be read, or holds no tick; the message names it.
    """
    with nullcontext(load_rig(rig_file)) if rig_file else rig_inside(read_record(bag)) as rig:
        audit = audit_messages(rig, read_messages(bag, audited_topics(rig)))
    if not audit.ticks:
        raise RecordingError(f"{bag}: no tick of control_node is long enough before its end to be judged")
    return audit


def tell(bag: Path, audit: BagAudit) -> None:
    """Print what was found in a bag."""
    print(f"{bag}: {audit.unsafe_ticks} of {audit.ticks} ticks unsafe")
    for unsafe in audit.unsafe[:_SHOWN]:
        print(f"  {unsafe}")
    if len(audit.unsafe) > _SHOWN:
        print(f"  and {len(audit.unsafe) - _SHOWN} more")
    for question in audit.not_judged:
        print(f"  not judged: {question}")


def audit_all(config: AuditConfig) -> int:
    """Audit bags and print what was found; returns the exit code: 1 a tick was unsafe, 2 a bag could not be judged."""
    status = 0
    for bag in config.bags:
        try:
            audit = audit_bag(bag, config.rig)
        except (EpisodeError, RecordingError, RigError) as error:
            print(f"audit: {error}", file=sys.stderr)
            status = 2
            continue
        tell(bag, audit)
        if audit.unsafe:
            status = max(status, 1)
    return status


def main() -> None:
    """Entry point of `audit`."""
    run_command("audit", audit_all, AuditConfig, about=__doc__)


if __name__ == "__main__":
    main()
