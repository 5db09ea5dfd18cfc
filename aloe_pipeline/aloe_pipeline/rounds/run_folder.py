"""A run on disk: where everything lies, what was done, and what comes next after an interruption anywhere.

    run.json                  version of this layout, where the run was begun, and with what
    log.jsonl                 a line for every begin and end of a stage; on the disk before anything goes on
    report.html               what came out, as of now
    bags/round_1/ep_0000      episodes collected in a round
    store/                    all of them as training data
    start/                    evaluation of the policy that the run began with
    round_1/                  episodes.json critic/ gate.json weights.npz policy/ evaluation_0.json decision_0.json
    round_1/logs/critic.log   what a stage printed

A stage is done when the log says so, its output is there, and neither its command nor what it reads has changed since.
A run may be moved or copied, alone or with what lies beside it: what is inside is known by its path from the run's
folder, what is outside by its name and its content.
"""

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError
from aloe_data.durable import append_line, replacing
from aloe_data.sidecar import SidecarError, read_json, read_lines
from aloe_pipeline.rounds.stage import Stage
from aloe_pipeline.rounds.stage_key import stage_keys

VERSION = 2
_KEYS = ("stage", "round", "name", "key", "event", "stamp_s")  # of every line of the log
PLACES = ("bags", "store")  # facts that are folders
BEGUN = "begun"
DONE = "done"
FAILED = "failed"
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Record:
    """What the log says about a stage: its last event, and how long it has worked in all [s]."""

    round: int
    name: str
    stage: str
    key: str
    event: str
    seconds: float
    stamp_s: float


class RunFolder:
    """A run's folder.

    Args:
        path: of the folder; made by `begin`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.report = path / "report.html"

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Begin the run, or go on with it.

        Args:
            facts: what a run is and stays, by the option that says so.

        Raises:
            ConfigError: another kind of folder, of another version, or begun with other facts.
        """
        file = self.path / "run.json"
        if file.exists():
            self._check(file, facts)
            return
        if self.path.exists() and any(self.path.iterdir()):
            raise ConfigError(f"{self.path}: not empty and no run folder; name another one")
        self.path.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            begun = {"folder": str(self.path), **facts}
            stream.write(json.dumps({"version": VERSION, "facts": begun}, indent=1).encode())

    @property
    def facts(self) -> dict[str, Any]:
        """What the run was begun with."""
        return _read_json(self.path / "run.json")["facts"]

    def round(self, number: int) -> Path:
        """What a round left; 0: before the first."""
        return self.path / (f"round_{number}" if number else "start")

    def bags(self, number: int) -> Path:
        """Where a round's episodes are recorded."""
        return self.path / "bags" / f"round_{number}"

    def log_file(self, stage: Stage) -> Path:
        """What a stage prints."""
        return self.round(stage.round) / "logs" / f"{stage.name}.log"

    def records(self) -> dict[str, Record]:
        """The newest record of every stage, in the order in which they first began."""
        known: dict[str, Record] = {}
        for line in self._lines():
            before = known.get(line["stage"])
            again = before is not None and before.key == line["key"] and not line.get("anew", False)
            worked = before.seconds if before is not None and again else 0.0
            known[line["stage"]] = Record(
                line["round"],
                line["name"],
                line["stage"],
                line["key"],
                line["event"],
                worked + line.get("seconds", 0.0),
                line["stamp_s"],
            )
        return known

    def last_round(self, name: str = "") -> int:
        """The last round that has begun, or in which a stage of that name has."""
        records = self.records().values()
        return max((record.round for record in records if name in ("", record.name)), default=0)

    def is_done(self, stage: Stage) -> bool:
        """Whether it need not be executed."""
        record = self.records().get(self._name(stage))
        if record is None or record.event != DONE or not stage.output.exists():
            return False
        return record.key in self._keys(stage)

    def _keys(self, stage: Stage) -> tuple[str, str]:
        return stage_keys(stage, self.path, self.facts.get("folder", str(self.path)))

    def begin_stage(self, stage: Stage) -> tuple[str, ...]:
        """Make room for a stage, or let it go on where it was interrupted; returns its command."""
        record = self.records().get(self._name(stage))
        keys = self._keys(stage)
        going_on = record is not None and record.key in keys and record.event != DONE
        resumes = going_on and stage.state is not None and stage.state.exists()
        for path in () if resumes else (stage.output, *stage.leaves):
            _remove(path)
        stage.output.parent.mkdir(parents=True, exist_ok=True)
        self.log_file(stage).parent.mkdir(parents=True, exist_ok=True)
        self._append(stage, record.key if record and going_on else keys[0], BEGUN, {"anew": not going_on})
        return (*stage.command, "--resume") if resumes else stage.command

    def end_stage(self, stage: Stage, event: str, seconds: float) -> None:
        """Keep how a stage ended: DONE, FAILED or INTERRUPTED; it is on the disk when this returns."""
        record = self.records()[self._name(stage)]
        self._append(stage, record.key, event, {"seconds": round(seconds, 3)})

    def _name(self, stage: Stage) -> str:
        return str(stage.output.relative_to(self.path))

    def _append(self, stage: Stage, key: str, event: str, more: Mapping[str, Any]) -> None:
        line = {"stage": self._name(stage), "round": stage.round, "name": stage.name, "key": key, "event": event}
        append_line(self.path / "log.jsonl", json.dumps({**line, "stamp_s": round(time.time(), 3), **more}))

    def _lines(self) -> Iterator[dict[str, Any]]:
        file = self.path / "log.jsonl"
        try:
            for number, line in read_lines(file):
                missing = [key for key in _KEYS if not isinstance(line, dict) or key not in line]
                if missing:
                    raise ConfigError(f"{file}:{number}: {', '.join(missing)} missing; correct or remove that line")
                yield line
        except SidecarError as error:
            raise ConfigError(str(error)) from error

    def _check(self, file: Path, facts: Mapping[str, Any]) -> None:
        found = _read_json(file)
        if found.get("version") != VERSION:
            raise ConfigError(
                f"{self.path}: a run folder of version {found.get('version')}, this suite writes version {VERSION}; "
                "go on with the suite that began it, or name another folder"
            )
        changed = [
            f"{name} was {found['facts'].get(name)!r}, is {value!r}"
            for name, value in facts.items()
            if not self._is_same(name, found["facts"].get(name), value, found["facts"])
        ]
        if changed:
            raise ConfigError(
                f"{self.path}: was begun otherwise: {'; '.join(changed)}; change it back, or name another folder"
            )

    def _is_same(self, name: str, before: Any, now: Any, begun: Mapping[str, Any]) -> bool:
        """Whether a fact is what it was, or the same folder which was moved."""
        if before == now:
            return True
        if name not in PLACES or not before or not now:
            return False
        moved_together = os.path.relpath(before, begun.get("folder", self.path)) == os.path.relpath(now, self.path)
        return moved_together or (Path(before).name == Path(now).name and not Path(before).exists())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = read_json(file)
    except SidecarError as error:
        raise ConfigError(f"{error}; restore it, or name another folder") from error
    if not isinstance(found, dict) or not isinstance(found.get("facts"), dict):
        raise ConfigError(f"{file}: has no facts of a run; restore it, or name another folder")
    return found
