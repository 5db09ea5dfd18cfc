"""Executes stages one after the other, or one beside others, in processes of their own."""

import codecs
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from aloe_data.durable import held
from aloe_pipeline.rounds import follow
from aloe_pipeline.rounds.run_folder import DONE, FAILED, INTERRUPTED, RunFolder
from aloe_pipeline.rounds.stage import Stage

LAST_LINES = 12
BAR_S = 30.0  # between two looks at a progress bar
_BAR = re.compile(r"\d+%\|.*\]")  # a whole one, as tqdm draws it


class StageError(RuntimeError):
    """A stage that failed; the message has its last words and how to go on."""


class Interrupted(RuntimeError):
    """Somebody asked to stop; what was done is kept."""


def show(line: str) -> None:
    """Print a line in one go: those of stages beside each other do not run together."""
    print(f"{line}\n", end="", flush=True)


class Runner:
    """Executes what is not done yet.

    Args:
        folder: of the run; begun.
        after: called after every stage, before the first one too.
        say: prints a line for people.
        bar_s: between two looks at the progress bar of a stage.
    """

    def __init__(
        self,
        folder: RunFolder,
        after: Callable[[], None],
        say: Callable[[str], None] = show,
        bar_s: float = BAR_S,
    ) -> None:
        self._folder = folder
        self._after = after
        self._say = say
        self._bar_s = bar_s
        self._asked: list[int] = []  # signals since the start
        self._processes: set[subprocess.Popen[bytes]] = set()

    def run(self, stages: Iterable[Stage]) -> None:
        """Execute stages in order; those that are done are passed over.

        Raises:
            StageError: one failed. What works beside it is not stopped, but has ended.
            Interrupted: SIGINT or SIGTERM came; the stages under way were told, and have ended.
            InUseError: another process works in the run folder.
        """
        beside: dict[Path, Future[None]] = {}  # by output
        with held(self._folder.path), self._signals(), ThreadPoolExecutor(1, "beside") as pool:
            self._after()
            try:
                for stage in stages:
                    if stage.output in beside:
                        self._await(beside.pop(stage.output))
                    if self._folder.is_done(stage):
                        continue
                    if stage.beside:
                        beside[stage.output] = pool.submit(self._execute_beside, stage)
                    else:
                        self._execute(stage)
                        self._after()
                for future in beside.values():
                    self._await(future)
            except Exception as error:
                if not (self._asked or all(future.done() for future in beside.values())):
                    self._say(f"{error}\nWhat works beside it goes on to its end; Ctrl-C stops it.")
                raise

    def _await(self, future: "Future[None]") -> None:
        future.result()
        self._after()

    def _execute_beside(self, stage: Stage) -> None:
        try:
            self._execute(stage)
        except StageError as error:
            self._say(f"{error}\nThe stages beside it go on.")  # the plan may ask for the outcome much later
            raise

    def _execute(self, stage: Stage) -> None:
        log = self._folder.log_file(stage)
        command = self._folder.begin_stage(stage)
        self._say(f"{stage}: {stage.purpose} ({log})")
        started = time.monotonic()
        with log.open("ab") as file:
            file.write(f"$ {' '.join(command)}\n".encode())
            code = self._wait(stage, command, file)
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

    def _wait(self, stage: Stage, command: tuple[str, ...], log: BinaryIO) -> int:
        """Run a command to its end; its exit code."""
        if self._asked:
            return -self._asked[-1]
        process = subprocess.Popen(
            (sys.executable, "-m", follow.__name__, str(os.getpid()), *command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            process_group=0,  # the terminal's Ctrl-C reaches it through us alone
            preexec_fn=lambda: os.nice(stage.nice),
        )
        self._processes.add(process)
        if self._asked:  # between the question above and now
            _pass_on(self._asked[-1], process)
        assert process.stdout is not None
        reader = threading.Thread(target=self._read, args=(process.stdout, log, re.compile(stage.shows)), daemon=True)
        reader.start()
        code = process.wait()
        self._processes.remove(process)
        reader.join()  # `follow` alone holds the other end
        return code

    def _read(self, stream: BinaryIO, log: BinaryIO, shows: re.Pattern[str]) -> None:
        """Keep what a command prints, and show what people want to see, and its progress bar now and then."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        shown_s = time.monotonic()
        while part := os.read(stream.fileno(), 1 << 16):
            log.write(part)
            log.flush()
            *lines, rest = (rest + decoder.decode(part)).split("\n")
            self._show(lines, shows)
            rest = rest[rest.rfind("\r") + 1 :] or rest
            if _BAR.search(rest) and time.monotonic() - shown_s > self._bar_s:
                shown_s = time.monotonic()
                self._say(f"    {rest.strip()}")
        self._show([rest], shows)

    def _show(self, lines: Iterable[str], shows: re.Pattern[str]) -> None:
        for line in lines if shows.pattern else ():
            if match := shows.search(line.rpartition("\r")[2].rstrip()):
                self._say(f"    {match[0]}")

    def _share(self, stage: Stage) -> str:
        """How much of the round's time a stage took, in words."""
        records = [r for r in self._folder.records().values() if r.round == stage.round]
        mine = next(r.seconds for r in records if r.name == stage.name)
        return f"{100 * mine / max(1e-9, sum(r.seconds for r in records)):.0f} % of this round so far"

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM go to the stages under way; we wait for their end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, lambda number, _: self._on_signal(number)) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int) -> None:
        self._asked.append(number)
        for process in list(self._processes):
            _pass_on(number, process)


def _pass_on(number: int, process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_words(stage: Stage, code: int, log: Path) -> str:
    lines = [line.rpartition("\r")[2].rstrip() for line in log.read_text(errors="replace").splitlines()]
    begin = max(k for k, line in enumerate(lines) if line.startswith("$ "))
    said = "\n".join(f"    {line}" for line in lines[begin:] if line)
    last = "\n".join(said.split("\n")[-LAST_LINES:])
    ended = f"exit code {code}" if code else f"left no {stage.output}"
    return f"{stage} failed ({ended}); its last words ({log}):\n{last}\nMend that and give the same command again."
