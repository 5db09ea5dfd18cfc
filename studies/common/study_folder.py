"""Folders of studies that may be stopped and go on later."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError
from aloe_data.durable import replacing


def same_options(file: Path, config: Any, free: Sequence[str], begun: bool) -> None:
    """Keep what a study that may be stopped was begun with, and refuse to go on with anything else.

    Args:
        file: File of the options that the study was begun with.
        config: Dataclass of the options that are given now.
        free: Names of the options that may change.
        begun: Whether results were made with those options; else the present ones are kept.

    Raises:
        ConfigError: naming each option that differs.
    """
    now = {name: str(value) for name, value in asdict(config).items() if name not in free}
    if not (begun and file.exists()):
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as whole:
            whole.write(json.dumps(now, indent=1).encode())
        return
    usual = {field.name: str(field.default) for field in fields(config) if field.name in now}
    before = usual | json.loads(file.read_text())  # an option that came later was as it is by default
    names = now.keys() | before.keys()
    differing = [f"{name} was {before.get(name)}, is {now.get(name)}" for name in sorted(names)
                 if before.get(name) != now.get(name)]  # fmt: skip
    if differing:
        raise ConfigError(f"{file.parent}: was begun otherwise: {'; '.join(differing)}; change it back, or --out")
