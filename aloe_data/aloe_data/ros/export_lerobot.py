"""Bags to a LeRobot dataset v3.0: `ros2 run aloe_data export_lerobot --bags DIR --rig FILE --out DIR`.

Every observed control tick becomes a row: joint positions, the executed set points as `action`, and the cameras' views.
"""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.bag_folders import find_bags
from aloe_data.command import run_command
from aloe_data.config import ConfigError, parameter
from aloe_data.fingerprint import without_copies
from aloe_data.lerobot_dataset import DatasetError, DatasetWriter
from aloe_data.recording import RecordingError
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episodes


@dataclass(frozen=True)
class ExportConfig:
    """What to export, and where."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    out: Path = parameter(doc="new folder for the dataset")
    image_width: int = parameter(0, unit="px", low=0, doc="width of images; 0: as recorded")
    image_height: int = parameter(0, unit="px", low=0, doc="height of images; 0: as recorded")


def export(config: ExportConfig) -> None:
    """Export all bags; says what was left out and why.

    Raises:
        ConfigError, RigError, RecordingError, DatasetError: bad input.
    """
    size = (config.image_height, config.image_width)
    if bool(size[0]) != bool(size[1]):
        raise ConfigError("give both image_width and image_height, or neither")
    rig = load_rig(config.rig)
    number = 0
    bags = without_copies(find_bags(config.bags.expanduser(), print), print)
    writer = DatasetWriter(config.out, rig)
    for episode in read_episodes(bags, rig, size if size[0] else None, "exporting"):
        writer.add(episode)
        number += 1
    writer.close()
    print(f"{config.out}: {number} episodes")


def main() -> None:
    """Entry point of `export_lerobot`."""
    refused = (RigError, RecordingError, DatasetError, OSError)
    run_command("export_lerobot", export, ExportConfig, about=__doc__, refused=refused)


if __name__ == "__main__":
    main()
