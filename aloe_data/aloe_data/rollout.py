"""What a rollout can be asked for: the arguments of `rollout.launch.py`, checked before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from aloe_data.config import ConfigError, from_mapping, parameter

EXPERT = "expert"


@dataclass(frozen=True)
class RolloutConfig:
    """Arguments of a rollout."""

    rig: str = parameter("sim", doc="rig file, or NAME for the installed config/rig_NAME.yaml")
    task: str = parameter("", doc="task of a simulated rig; empty: the one that the rig file names")
    policy: str = parameter("", doc=f"checkpoint folder, or '{EXPERT}' (simulated rigs); empty: the shipped checkpoint")
    episodes: int = parameter(3, low=1, high=100_000, doc="how many episodes to run")
    record: str = parameter("bags", doc="folder for one bag per episode, or 'false'")
    seed: int = parameter(0, low=0, doc="scene seed of the first episode; rises by one per episode")
    prompt: str = parameter("", doc="the task in words; empty: the task's own")
    timeout_s: float = parameter(
        40.0, unit="s", low=0.5, high=3600.0, doc="an episode without a verdict ends after this"
    )
    headless: bool = parameter(True, doc="false opens the simulator's viewer")
    noise: float = parameter(
        0.0, unit="rad", low=0.0, high=0.2, doc="simulated arms miss their set points by this (std)"
    )
    real_time_factor: float = parameter(1.0, low=0.05, high=20.0, doc="simulated seconds per second; not 1: by /clock")


def rollout_config(arguments: Mapping[str, str]) -> RolloutConfig:
    """Parse launch arguments (`name:=value`, all text).

    Raises:
        ConfigError: names the argument and its nearest valid name, type or bounds.
    """
    texts = {"rig", "task", "policy", "record", "prompt"}
    values = {k: v if k in texts else yaml.safe_load(v) for k, v in arguments.items()}
    return from_mapping(RolloutConfig, values, "rollout.launch.py")


def find_rig_file(name: str, config_folder: Path) -> Path:
    """The rig file that `rig:=name` means: a path, or NAME of an installed `rig_NAME.yaml`.

    Raises:
        ConfigError: there is no such file; names the installed ones.
    """
    for path in (Path(name).expanduser(), config_folder / f"rig_{name}.yaml"):
        if path.is_file():
            return path.resolve()
    installed = sorted(p.stem.removeprefix("rig_") for p in config_folder.glob("rig_*.yaml"))
    raise ConfigError(f"rig:={name} is no file and no installed rig; installed rigs: {', '.join(installed)}")


def find_checkpoint(policy: str, shipped: Path) -> Path:
    """The checkpoint folder that `policy:=...` means.

    Raises:
        ConfigError: no such folder, or it holds no checkpoint.
    """
    path = Path(policy).expanduser().resolve() if policy else shipped
    if not path.is_dir():
        choices = f"the folder of a checkpoint, '{EXPERT}', or nothing for the shipped one ({shipped})"
        raise ConfigError(f"policy:={policy or shipped} is no folder; choose {choices}")
    return path
