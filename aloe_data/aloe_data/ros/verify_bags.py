"""Are these bags what they should be: `ros2 run aloe_data verify DIR`; reads every byte, changes nothing.

A problem makes a bag unfit for learning, or something is missing in it; a note is worth knowing.
"""

import argparse
import sys
from pathlib import Path

from aloe_data.bag_folders import find_bags
from aloe_data.durable import InUseError, held
from aloe_data.recording import RecordingError
from aloe_data.ros.bag_reader import read_record
from aloe_data.ros.checks import damage, story, streams
from aloe_data.ros.checks.findings import Findings

_CHECKS = (story.check, streams.check)  # of a bag whose bytes can be read


def verify(bag: Path) -> Findings:
    """Read all of a bag.

    Raises:
        InUseError: it is being recorded.
        OSError: it cannot be opened.
    """
    found = Findings()
    with held(bag):
        damage.check(bag, found)
        if found.problems:
            found.problems.append("ros2 run aloe_data repair keeps what is readable")
            return found
        try:
            record = read_record(bag)
            for check in _CHECKS:
                check(bag, record, found)
        except RecordingError as error:
            found.problems.append(str(error).removeprefix(f"{bag}: "))
    return found


def main() -> None:
    """Entry point of `verify`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path, metavar="DIR", help="a bag, or a folder of bags")
    try:
        bags = find_bags(parser.parse_args().dir.expanduser(), print)
    except RecordingError as error:
        sys.exit(f"verify: {error}")
    bad = 0
    for bag in bags:
        try:
            found = verify(bag)
        except (InUseError, OSError) as error:
            found = Findings([str(error)])
        bad += bool(found.problems)
        print(f"{bag}: {'; '.join(found.problems) or 'ok'}")
        print("".join(f"    {note}\n" for note in found.notes), end="", flush=True)
    print(f"{len(bags)} bags: {len(bags) - bad} sound, {bad} with problems")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
