"""Executes stages one after the other, in processes of their own."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from aloe_critic.rounds.run_folder import DONE, FAILED, INTERRUPTED, RunFolder
from aloe_critic.rounds.stage import Stage
from aloe_data.durable import held

LAST_LINES = 12
_READ_S = 2.0  # after a command has ended, for what a process that it left behind still prints
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class StageError(RuntimeError):
    """A stage that failed; the message has its last words and how to go on."""


class Interrupted(RuntimeError):
    """Somebody asked to stop; what was done is kept."""


class Runner:
    """Executes what is not done yet.

    Args:
        folder: of the run; begun.
        after: called after every stage, before the first one too.
        say: prints a line for people.
    """

    def __init__(self, folder: RunFolder, after: Callable[[], None], say: Callable[[str], None] = print) -> None:
        self._folder, self._after, self._say = folder, after, say
        self._asked: list[int] = []  # signals since the start
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, stages: Iterable[Stage]) -> None:
        """Execute stages in order; those that are done are passed over.

        Raises:
            StageError: one failed.
            Interrupted: SIGINT or SIGTERM came; the stage under way was told, and has ended.
            InUseError: another process works in the run folder.
        """
        with held(self._folder.path), self._signals():
            self._after()
            for stage in stages:
                if self._folder.is_done(stage):
                    continue
                self._execute(stage)
                self._after()

    def _execute(self, stage: Stage) -> None:
        log = self._folder.log_file(stage)
        command = self._folder.begin_stage(stage)
        self._say(f"{stage}: {stage.purpose} ({log})")
        started = time.monotonic()
        with log.open("ab") as file:
            file.write(f"$ {' '.join(command)}\n".encode())
            code = self._wait(command, file, stage.shows)
        seconds = time.monotonic() - started
        if self._asked and (code or not stage.output.exists()):
            self._folder.end_stage(stage, INTERRUPTED, seconds)
            raise Interrupted(f"stopped in {stage}; the same command goes on there")
        failed = bool(code) or not stage.output.exists()
        self._folder.end_stage(stage, FAILED if failed else DONE, seconds)
        if not failed:
            self._say(f"{stage}: {seconds:.1f} s, {self._share(stage)}")
        elif stage.needed:
            raise StageError(_last_words(stage, code, log))
        else:
            self._say(f"{stage}: failed and left out; see {log}")
        if self._asked:
            raise Interrupted(f"stopped after {stage}; the same command goes on behind it")

    def _wait(self, command: tuple[str, ...], log: BinaryIO, shows: str) -> int:
        """Run a command to its end; its exit code."""
        if self._asked:
            return -self._asked[-1]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                process_group=0,  # the terminal's Ctrl-C reaches it through us alone
                preexec_fn=_die_with_us,
            )
        except OSError as error:
            log.write(f"{command[0]}: {error.strerror}\n".encode())
            return 127
        self._process = process
        if self._asked:  # between the question above and now
            self._pass_on(self._asked[-1])
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(process.stdout, log, re.compile(shows)), daemon=True)
        reader.start()
        code = process.wait()
        self._process = None
        reader.join(_READ_S)
        return code

    def _read(self, stream: BinaryIO, log: BinaryIO, shows: re.Pattern[str]) -> None:
        """Keep what a command prints, and show what people want to see."""
        with contextlib.suppress(ValueError):  # the log is closed while a process that was left behind still prints
            for line in stream:
                log.write(line)
                log.flush()
                text = line.decode(errors="replace").rpartition("\r")[2].rstrip()
                if shows.pattern and (match := shows.search(text)):
                    self._say(f"    {match[0]}")

    def _share(self, stage: Stage) -> str:
        """How much of the round's time a stage took, in words."""
        records = [r for r in self._folder.records().values() if r.round == stage.round]
        mine = next(r.seconds for r in records if r.name == stage.name)
        return f"{100 * mine / max(1e-9, sum(r.seconds for r in records)):.0f} % of this round so far"

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM go to the stage under way; we wait for its end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda number, _: self._on_signal(number)) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int) -> None:
        self._asked.append(number)
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)


def _die_with_us() -> None:
    """In the child: get SIGTERM when the runner is killed, so that two never work in one folder."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _last_words(stage: Stage, code: int, log: Path) -> str:
    lines = [line.rpartition("\r")[2].rstrip() for line in log.read_text(errors="replace").splitlines()]
    begin = max(k for k, line in enumerate(lines) if line.startswith("$ "))
    said = "\n".join(f"    {line}" for line in lines[begin:] if line)
    last = "\n".join(said.split("\n")[-LAST_LINES:])
    ended = f"exit code {code}" if code else f"left no {stage.output}"
    return f"{stage} failed ({ended}); its last words ({log}):\n{last}\nMend that and give the same command again."
