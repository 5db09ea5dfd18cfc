"""Where the assets of the suite are installed: checkpoints (`assets/TASK`) and stores of demonstrations."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory


def assets_folder() -> Path:
    """The folder of the assets, which aloe_bringup installs beside launch files and configuration."""
    return Path(get_package_share_directory("aloe_bringup")) / "assets"


def demonstrations_of(task: str) -> Path:
    """The store of the demonstrations that come with the suite for a task; not every task has one."""
    return assets_folder() / f"{task}_demonstrations"
