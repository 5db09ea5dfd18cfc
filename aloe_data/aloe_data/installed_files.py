"""The file that a short name on a command line means: a path, or one of those that are installed with the suite."""

from pathlib import Path

from aloe_data.config import ConfigError
from aloe_data.rig import Rig

NO = "false"


def find_rig_file(name: str, config_folder: Path) -> Path:
    """The rig file that `rig:=name` means: a path, or NAME of an installed `rig_NAME.yaml`.

    Raises:
        ConfigError: there is no such file; names the installed ones.
    """
    return _find("rig", name, "rig_", "rig", config_folder)


def find_teleop_file(name: str, config_folder: Path) -> Path | None:
    """The file of devices that `human:=name` means, as for rigs; None: nobody may take over.

    Raises:
        ConfigError: there is no such file; names the installed ones.
    """
    return None if name.lower() == NO else _find("human", name, "teleop_", "teleop file", config_folder)


def find_operator_file(human: str, operator: str, rig: Rig, config_folder: Path) -> Path | None:
    """The file of devices of whoever operates: takes over, or on a real rig at least says ready and stops.

    Args:
        human: What `human:=` says.
        operator: What `operator:=` says; it counts on a real rig where nobody may take over.
        rig: Rig that is operated.
        config_folder: Folder of the installed files.

    Raises:
        ConfigError: There is no such file; names the installed ones.
    """
    if human.lower() == NO and not rig.simulated:
        return _find("operator", operator, "teleop_", "teleop file", config_folder)
    return find_teleop_file(human, config_folder)


def _find(argument: str, name: str, prefix: str, what: str, config_folder: Path) -> Path:
    for path in (Path(name).expanduser(), config_folder / f"{prefix}{name}.yaml"):
        if path.is_file():
            return path.resolve()
    installed = sorted(p.stem.removeprefix(prefix) for p in config_folder.glob(f"{prefix}*.yaml"))
    raise ConfigError(
        f"{argument}:={name} is no file and no installed {what}; installed {what}s: {', '.join(installed)}"
    )
