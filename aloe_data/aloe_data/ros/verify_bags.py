"""Are these bags what they should be: `ros2 run aloe_data verify DIR`; reads every byte, changes nothing.

A problem makes a bag unfit for learning, or something is missing in it; a note is worth knowing. With --quick a bag's
metadata, the ends of its files, its events and a few images and joint states are read, not all of it.
"""

import argparse
import sys
from functools import lru_cache
from pathlib import Path

from aloe_data.bag_folders import find_bags
from aloe_data.durable import InUseError, held
from aloe_data.recording import EpisodeRecord, RecordingError
from aloe_data.rig import Rig
from aloe_data.ros.bag_opening import readable_bag
from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.bag_survey import rig_of
from aloe_data.ros.checks import contradictions, damage, samples, story, streams
from aloe_data.ros.checks.findings import Findings, Subject

_CHECKS = (story.check, streams.check, contradictions.check, samples.check)  # of a bag that can be read


def verify(bag: Path, quick: bool = False) -> Findings:
    """Check one bag.

    Args:
        bag: folder of the bag.
        quick: read a sample of it only.

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


def main() -> None:
    """Entry point of `verify`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a bag, or a folder of bags")
    parser.add_argument("--quick", action="store_true", help="read a sample of each bag only")
    arguments = parser.parse_args()
    try:
        bags = find_bags(arguments.dir.expanduser(), print)
    except RecordingError as error:
        sys.exit(f"verify: {error}")
    bad = 0
    for bag in bags:
        try:
            found = verify(bag, arguments.quick)
        except (InUseError, OSError) as error:
            found = Findings([str(error)])
        bad += bool(found.problems)
        print(f"{bag}: {'; '.join(found.problems) or 'ok'}")
        print("".join(f"    {note}\n" for note in found.notes), end="", flush=True)
    print(f"{len(bags)} bags: {len(bags) - bad} sound, {bad} with problems")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
