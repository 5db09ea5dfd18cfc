"""Are these bags what they should be: `ros2 run aloe_data verify DIR`; reads every byte, changes nothing.

A problem makes a bag unfit for learning, or something is missing in it; a note is worth knowing. With --quick a bag's
metadata, the ends of its files, its events and a few images and joint states are read, not all of it.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from aloe_data.bag_folders import find_bags
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.durable import InUseError, held
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.rig import Rig
from aloe_data.ros.bag_opening import readable_bag
from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.bag_survey import rig_of
from aloe_data.ros.checks import contradictions, damage, samples, story, streams
from aloe_data.ros.checks.findings import Findings, Subject

_CHECKS = (story.check, streams.check, contradictions.check, samples.check)  # of a bag that can be read


@dataclass(frozen=True)
class VerifyConfig:
    """Which bags are checked, and how."""

    dir: Path = parameter(positional=True, doc="a bag, or a folder of bags")
    quick: bool = parameter(False, doc="read a sample of each bag only")


def verify(bag: Path, quick: bool = False) -> Findings:
    """Check one bag.

    Args:
        bag: Folder of the bag.
        quick: Whether to read a sample of it only.

    Raises:
        InUseError: it is being recorded.
        OSError: it cannot be opened.
    """
    found = Findings()
    with held(bag):
        try:
            state = readable_bag(bag)
            readable = damage.check(state, found, quick)
            if found.problems:
                does = "makes it anew" if readable else "keeps what is readable"
                found.problems.append(f"ros2 run aloe_data repair {does}")
            if readable:
                record = read_record(bag, state)
                rig = _rig(record.rig, tuple(record.urdfs.items()))
                subject = Subject(state, record, rig, quick)
                for check in _CHECKS:
                    check(subject, found)
        except RecordingError as error:
            found.problems.append(str(error).removeprefix(f"{bag}: "))
    return found


@lru_cache(maxsize=4)  # the bags of a folder are mostly of one rig
def _rig(rig: str, urdfs: tuple[tuple[str, str], ...]) -> Rig:
    return rig_of(EpisodeRecord("", rig=rig, urdfs=dict(urdfs)))


def verify_all(config: VerifyConfig) -> int:
    """Check bags, and print a line about each; returns the exit code, 1 where one has problems.

    Raises:
        RecordingError: There is no bag.
    """
    bags = find_bags(config.dir.expanduser(), print)
    bad = 0
    for bag in bags:
        try:
            found = verify(bag, config.quick)
        except (InUseError, OSError) as error:
            found = Findings([str(error)])
        if found.problems:
            bad += 1
        print(f"{bag}: {'; '.join(found.problems) or 'ok'}")
        print("".join(f"    {note}\n" for note in found.notes), end="", flush=True)
    print(f"{len(bags)} bags: {len(bags) - bad} sound, {bad} with problems")
    return 1 if bad else 0


def main() -> None:
    """Entry point of `verify`."""
    run_command("verify", verify_all, VerifyConfig, about=__doc__, refused=(RecordingError,))


if __name__ == "__main__":
    main()
