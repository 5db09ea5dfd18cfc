"""Bags to one table for analysis: `ros2 run aloe_data export_parquet --bags DIR --rig FILE --out FILE.parquet`.

A row per control tick: episode, verdict, time, what was measured, requested and executed per joint, and who commanded
each arm and why. No images. Read it with pandas, polars, DuckDB or R.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aloe_data.bag_folders import find_bags
from aloe_data.command import run_command
from aloe_data.config import ConfigError, parameter
from aloe_data.durable import replacing
from aloe_data.fingerprint import without_copies
from aloe_data.frames import Episode
from aloe_data.lerobot_dataset import joint_names
from aloe_data.recording import RecordingError
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episodes
from aloe_data.vocabulary import AUTHORITY_WORDS

_SOURCES = np.array(AUTHORITY_WORDS)
_THUMBNAIL = (12, 16)  # images are read for their stamps alone


@dataclass(frozen=True)
class ParquetConfig:
    """What to export, and where."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    out: Path = parameter(doc="new .parquet file")


def table_of(episode: Episode) -> pa.Table:
    """The ticks of an episode."""
    count = len(episode)
    facts = episode.facts
    columns: dict[str, Any] = {
        "episode_id": [facts.episode_id] * count,
        "prompt": [facts.prompt] * count,
        "verdict": [facts.verdict] * count,
        "seed": np.full(count, facts.seed, np.uint64),
        "stamp_ns": episode.stamps_ns,
        "tick": episode.ticks,
        "observed": episode.observed,
        "chunk_id": episode.chunk_id,
        "step": episode.step,
        "policy_version": list(episode.policy_version),
    }
    for index, arm in enumerate(episode.rig.arms):
        columns[f"{arm.name}.source"] = _SOURCES[episode.source[:, index]].tolist()
        for name in ("operator", "reason", "clip"):
            words = getattr(episode, name)
            columns[f"{arm.name}.{name}"] = [words.at(tick, index) for tick in range(count)]
    for name in ("state", "requested", "executed"):
        rows = getattr(episode, name)
        columns |= {f"{name}.{joint}": rows[:, k].copy() for k, joint in enumerate(joint_names(episode.rig))}
    return pa.table(columns)


def export(config: ParquetConfig) -> None:
    """Export all bags; says what was left out and why.

    Raises:
        ConfigError, RigError, RecordingError: bad input.
    """
    rig = load_rig(config.rig)
    bags = without_copies(find_bags(config.bags.expanduser(), print), print)
    ticks = 0
    if config.out.exists():
        raise ConfigError(f"{config.out}: exists already; name a new file")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(config.out) as file, ExitStack() as stack:
        writer = None
        for episode in read_episodes(bags, rig, _THUMBNAIL, "exporting"):
            table = table_of(episode)
            writer = writer or stack.enter_context(pq.ParquetWriter(file, table.schema))
            writer.write_table(table)
            ticks += len(episode)
        if writer is None:
            raise RecordingError(f"{config.bags}: no episode to write")
    print(f"{config.out}: {ticks} ticks")


def main() -> None:
    """Entry point of `export_parquet`."""
    refused = (RigError, RecordingError, OSError)
    run_command("export_parquet", export, ParquetConfig, about=__doc__, refused=refused)


if __name__ == "__main__":
    main()
