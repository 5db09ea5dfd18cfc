"""What recorder_node can be told."""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.bag_file import COMPRESSIONS
from aloe_data.config import parameter


@dataclass(frozen=True)
class RecorderConfig:
    """Parameters of recorder_node."""

    rig: Path = parameter(doc="Path of the rig's YAML file.")
    record: Path = parameter(Path("bags"), doc="Folder that gets one bag per episode.")
    min_free_gib: float = parameter(1.0, unit="GiB", low=0.0, doc="Recording ends when less is free on the disk.")
    queue_mib: int = parameter(256, unit="MiB", low=1, doc="Memory for messages that wait for the disk.")
    hearing_s: float = parameter(
        5.0,
        unit="s",
        low=0.0,
        doc="A recording waits this long for topics that always speak: what comes before DDS has matched them is lost.",
    )
    preroll_s: float = parameter(
        2.0, unit="s", low=0.0, high=60.0, doc="A bag begins with the streams of this long before its start."
    )
    compression: str = parameter("none", choices=tuple(COMPRESSIONS), doc="zstd or lz4 pay off for raw images only.")
    split_mib: int = parameter(0, unit="MiB", low=0, doc="Size at which a bag goes on in a new file; 0: never.")
