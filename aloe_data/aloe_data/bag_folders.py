"""Where bags are: a bag is a folder with .mcap files, NAME_0.mcap, NAME_1.mcap, ..."""

from pathlib import Path

from aloe_data.recording import RecordingError


def find_bags(folder: Path) -> list[Path]:
    """The bag that `folder` is, or all bags below it, in order of name.

    Raises:
        RecordingError: there is none.
    """
    bags = [folder] if bag_files(folder) else sorted({path.parent for path in folder.rglob("*.mcap")})
    if not bags:
        raise RecordingError(f"{folder}: no bags found (folders with .mcap files); give a bag or a folder of bags")
    return bags


def bag_files(bag: Path) -> list[Path]:
    """The files of a bag in the order of their numbers."""
    return sorted(bag.glob("*.mcap"), key=_number)


def _number(path: Path) -> tuple[int, str]:
    digits = path.stem.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0, path.name
