"""The simulated rig with some cameras raw, the others compressed."""

from collections.abc import Collection
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config"
ALL = ("head", "left_wrist", "right_wrist")


def write_raw_rig(folder: Path, cameras: Collection[str] = ALL) -> Path:
    """Write the rig file and the URDF that it names; the path of the rig file."""
    text = (CONFIG / "rig_sim.yaml").read_text()
    for camera in cameras:
        text = text.replace(f"{camera}/image_raw/compressed,", f"{camera}/image_raw, transport: raw,")
    (folder / "sim_arm.urdf").write_text((CONFIG / "sim_arm.urdf").read_text())
    path = folder / "rig_raw.yaml"
    path.write_text(text)
    return path
