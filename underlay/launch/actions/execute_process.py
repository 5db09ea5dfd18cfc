"""The action that runs a process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import shlex
import signal
import time
from collections.abc import Iterable, Mapping
from typing import Any

from .. import logging as launch_logging
from ..action import Action
from ..conditions import IfCondition
from ..event_handler import BaseEventHandler
from ..event_handlers import OnProcessExit, OnShutdown
from ..events import Shutdown
from ..events.process import ProcessExited, ProcessStarted
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..substitution import SomeSubstitutionsType
from ..substitutions import LaunchConfiguration
from ..unsupported import refuse_arguments
from ..utilities import normalize_to_list_of_substitutions, perform, perform_substitutions
from .process_output import OutputReader

# As officially, `sigterm_timeout:=20` on the command line sets them for all processes.
_SIGTERM_TIMEOUT = LaunchConfiguration("sigterm_timeout", default=5)
_SIGKILL_TIMEOUT = LaunchConfiguration("sigkill_timeout", default=5)
_LAUNCH_PREFIX = LaunchConfiguration("launch-prefix", default="")
_LAUNCH_PREFIX_FILTER = LaunchConfiguration("launch-prefix-filter", default="")
_process_numbers = itertools.count(1)  # as officially, through all launches of a Python process


class ExecuteProcess(Action):
    """Runs a command, prints its output behind its name, and ends it with the launch.

    A shutdown sends SIGINT, after `sigterm_timeout` seconds SIGTERM, and `sigkill_timeout` seconds later SIGKILL.
    Each process leads its own group, so that what it started itself ends with it.
    """

    def __init__(
        self,
        *,
        cmd: Iterable[SomeSubstitutionsType],
        prefix: SomeSubstitutionsType | None = None,
        name: SomeSubstitutionsType | None = None,
        cwd: SomeSubstitutionsType | None = None,
        env: Mapping[Any, SomeSubstitutionsType] | None = None,
        additional_env: Mapping[Any, SomeSubstitutionsType] | None = None,
        shell: bool = False,
        sigterm_timeout: SomeSubstitutionsType = _SIGTERM_TIMEOUT,
        sigkill_timeout: SomeSubstitutionsType = _SIGKILL_TIMEOUT,
        emulate_tty: bool = False,
        output: SomeSubstitutionsType = "log",
        log_cmd: bool = False,
        on_exit: Any = None,
        respawn: bool | SomeSubstitutionsType = False,
        respawn_delay: float | None = None,
        respawn_max_retries: int = -1,
        condition: Any = None,
        **unknown: Any,
    ) -> None:
        refuse_arguments(self, unknown)
        super().__init__(condition=condition)
        self.cmd = [normalize_to_list_of_substitutions(part) for part in cmd]
        self.shell = shell
        self._prefix, self._name, self._cwd = prefix, name, cwd
        self._env, self._additional_env = env, dict(additional_env or {})
        self._timeouts = (sigterm_timeout, sigkill_timeout)
        self._emulate_tty, self._output, self._log_cmd, self._on_exit = emulate_tty, output, log_cmd, on_exit
        self._respawn = IfCondition(str(respawn) if isinstance(respawn, bool) else respawn)
        self._respawn_delay = respawn_delay or 0.0
        self._respawns_left = float("inf") if respawn_max_retries < 0 else respawn_max_retries
        self._handlers: list[BaseEventHandler] = []
        self._process: asyncio.subprocess.Process | None = None
        self._done: asyncio.Future[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self.process_details: dict[str, Any] | None = None

    def describe_conditional_sub_entities(self) -> list[tuple[str, list[LaunchDescriptionEntity]]]:
        from . import as_entities

        return [] if self._on_exit is None or callable(self._on_exit) else [("on exit", as_entities(self._on_exit))]

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._done

    @property
    def return_code(self) -> int | None:
        """The exit code, negative after a signal; None while the process has not ended."""
        return None if self._process is None else self._process.returncode

    def _command(self, context: LaunchContext) -> list[str]:
        """Return the final command line."""
        command = [perform_substitutions(context, part) for part in self.cmd]
        if self._prefix is not None:
            return [*shlex.split(perform(context, self._prefix)), *command]
        if re.match(_LAUNCH_PREFIX_FILTER.perform(context), os.path.basename(command[0])):
            return [*shlex.split(_LAUNCH_PREFIX.perform(context)), *command]
        return command

    def _environment(self, context: LaunchContext) -> dict[str, str]:
        base = dict(context.environment)
        if self._env is not None:
            base = {perform(context, name): perform(context, value) for name, value in self._env.items()}
        return base | {perform(context, name): perform(context, value) for name, value in self._additional_env.items()}

    def execute(self, context: LaunchContext) -> None:
        if self._done is not None:
            raise RuntimeError(f"ExecuteProcess action '{self.cmd}': executed more than once")
        if context.is_shutdown:
            return
        assert context.asyncio_loop is not None
        command = self._command(context)
        name = os.path.basename(command[0]) if self._name is None else perform(context, self._name)
        self.process_details = {
            "action": self,
            "name": f"{name}-{next(_process_numbers)}",
            "cmd": command,
            "cwd": None if self._cwd is None else perform(context, self._cwd),
            "env": self._environment(context),
        }
        timeouts = [float(perform(context, timeout)) for timeout in self._timeouts]
        output = context.environment.get("OVERRIDE_LAUNCH_PROCESS_OUTPUT") or perform(context, self._output)
        sinks = launch_logging.get_output_loggers(self.process_details["name"], output)
        self._handlers = [
            OnShutdown(on_shutdown=lambda event, context: self._on_shutdown(event, context, timeouts)),
            OnProcessExit(target_action=self, on_exit=self._on_exit),
        ]
        for handler in self._handlers:
            context.register_event_handler(handler)
        self._done = context.asyncio_loop.create_future()
        self._task = context.asyncio_loop.create_task(self._run(context, sinks))

    async def _run(self, context: LaunchContext, sinks: tuple[Any, Any]) -> None:
        assert self.process_details is not None and context.asyncio_loop is not None
        details, logger = self.process_details, launch_logging.get_logger(self.process_details["name"])
        tty = context.launch_configurations.get("emulate_tty", str(self._emulate_tty)).lower() in ("true", "1")
        if self._log_cmd:
            logger.info(f"process details: cmd='{' '.join(details['cmd'])}', cwd='{details['cwd']}'")
        if context.is_shutdown:
            self._finish(context)
            return
        readers = [OutputReader(sink, tty) for sink in sinks]
        try:
            try:
                self._process = await self._start(readers)
            finally:
                for reader in readers:
                    reader.close_writing_end()
        except OSError as error:
            logger.error(f"exception occurred while executing process:\n{error}")
            for reader in readers:
                reader.finish()
            self._finish(context)
            return
        details["pid"] = self._process.pid
        logger.info(f"process started with pid [{self._process.pid}]")
        for reader in readers:
            reader.start()
        context.emit_event_sync(ProcessStarted(**details))
        returncode = await self._process.wait()
        self._signal(signal.SIGTERM, whole_group=True)
        for reader in readers:
            reader.finish()
        if returncode == 0:
            logger.info(f"process has finished cleanly [pid {self._process.pid}]")
        else:
            command = " ".join(part for part in details["cmd"] if part.strip())
            logger.error(f"process has died [pid {self._process.pid}, exit code {returncode}, cmd '{command}'].")
        context.emit_event_sync(ProcessExited(returncode=returncode, **details))
        if await self._is_due_again(context):
            self._process = None
            self._task = context.asyncio_loop.create_task(self._run(context, sinks))
        else:
            self._finish(context)

    async def _is_due_again(self, context: LaunchContext) -> bool:
        """Wait until the process is to be started anew; not at all where that is not asked for or a shutdown comes."""
        if not self._respawn.evaluate(context) or self._respawns_left <= 0:
            return False
        self._respawns_left -= 1
        due_s = time.monotonic() + self._respawn_delay
        while not context.is_shutdown and time.monotonic() < due_s:
            await asyncio.sleep(0.02)
        return not context.is_shutdown

    async def _start(self, readers: list[OutputReader]) -> asyncio.subprocess.Process:
        assert self.process_details is not None
        options: dict[str, Any] = {
            "stdin": asyncio.subprocess.PIPE,
            "stdout": readers[0].writing_end,
            "stderr": readers[1].writing_end,
            "cwd": self.process_details["cwd"],
            "env": self.process_details["env"],
            "process_group": 0,
        }
        if self.shell:
            return await asyncio.create_subprocess_shell(" ".join(self.process_details["cmd"]), **options)
        return await asyncio.create_subprocess_exec(*self.process_details["cmd"], **options)

    def _finish(self, context: LaunchContext) -> None:
        assert self._done is not None
        if self._stopping is not None:
            self._stopping.cancel()
        # The exit handler stays: its event is still in the queue.
        context.unregister_event_handler(self._handlers[0])
        self._done.set_result(None)

    def _signal(self, number: int, *, whole_group: bool) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            if whole_group:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _on_shutdown(self, event: Shutdown, context: LaunchContext, timeouts: list[float]) -> None:
        assert context.asyncio_loop is not None
        if self._stopping is None:
            # Ctrl-C in a terminal officially reaches all that the process started; else only the process is asked.
            whole_group = event.due_to_sigint and not context.noninteractive
            self._stopping = context.asyncio_loop.create_task(self._stop(timeouts, whole_group))

    async def _stop(self, timeouts: list[float], whole_group: bool) -> None:
        assert self.process_details is not None
        while self._process is None:  # it is just being started
            await asyncio.sleep(0.01)
        name = self.process_details["name"]
        logger = launch_logging.get_logger(name)
        steps = [
            (signal.SIGINT, whole_group, 0.0),
            (signal.SIGTERM, True, timeouts[0]),
            (signal.SIGKILL, True, timeouts[1]),
        ]
        previous = ""
        for number, group, timeout in steps:
            if previous:
                await asyncio.sleep(timeout)
                logger.error(
                    f"process[{name}] failed to terminate '{timeout}' seconds after receiving '{previous}', "
                    f"escalating to '{number.name}'"
                )
            if not whole_group or number != signal.SIGINT:
                logger.info(f"sending signal '{number.name}' to process[{name}]")
            self._signal(number, whole_group=group)
            previous = number.name
