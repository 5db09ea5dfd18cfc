"""Runs launch descriptions."""

from __future__ import annotations

import asyncio
import signal
import threading
import traceback
from collections.abc import Iterable

from . import logging as launch_logging
from .actions import as_entities
from .event import Event
from .events import Shutdown, _Visit
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity


class LaunchService:
    """Visits launch descriptions, handles events, and ends when all is done or a shutdown was asked for."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False, debug: bool = False) -> None:
        self.context = LaunchContext(argv=argv, noninteractive=noninteractive)
        self._debug = debug
        self._logger = launch_logging.get_logger("launch")
        self._futures: set[asyncio.Future[None]] = set()
        self._return_code = 0

    def include_launch_description(self, launch_description: LaunchDescription) -> None:
        """Add a description, before or while the service runs."""
        self.emit_event(_Visit([launch_description]))

    def emit_event(self, event: Event) -> None:
        """Queue an event, from any thread."""
        loop = self.context.asyncio_loop
        if loop is None:
            self.context.emit_event_sync(event)
        else:
            loop.call_soon_threadsafe(self.context.emit_event_sync, event)

    def shutdown(self) -> None:
        """Ask the running service to end, from any thread; `run` then returns."""
        if self.context.asyncio_loop is not None:
            self.emit_event(Shutdown(reason="LaunchService.shutdown() called"))

    def run(self, *, shutdown_when_idle: bool = True) -> int:
        """Run until idle or shut down.

        Returns:
            0, or 1 where an exception ended the launch. The exit codes of processes do not count, nor does Ctrl-C.
        """
        return asyncio.run(self.run_async(shutdown_when_idle=shutdown_when_idle))

    async def run_async(self, *, shutdown_when_idle: bool = True) -> int:
        """As `run`, inside a running event loop."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("LaunchService can only be run in the main thread.")
        loop = asyncio.get_running_loop()
        self._logger.info(f"All log files can be found below {launch_logging.launch_config.log_dir}")
        self._logger.info("Default logging verbosity is set to INFO")
        self.context.asyncio_loop = loop
        signals = self._handle_signals(loop)
        try:
            while True:
                idle = not self._futures and self.context._events.empty()
                if idle and self.context.is_shutdown:
                    return self._return_code
                if idle and shutdown_when_idle:
                    self.context.emit_event_sync(Shutdown(reason="idle"))
                await self._process_next()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            self.context.asyncio_loop = None

    async def _process_next(self) -> None:
        """Wait for an event or for the end of an action, and handle it."""
        get_event = asyncio.ensure_future(self.context._events.get())
        await asyncio.wait({get_event, *self._futures}, return_when=asyncio.FIRST_COMPLETED)
        self._futures = {future for future in self._futures if not future.done()}
        if not get_event.done():
            get_event.cancel()
            return
        event = get_event.result()
        try:
            self._handle(event)
        except Exception as error:
            if self._debug:
                self._logger.error(traceback.format_exc())
            self._logger.error(f"Caught exception in launch (see debug for traceback): {error}")
            self._return_code = 1
            self.context.emit_event_sync(Shutdown(reason=f"Caught exception in launch: {error}"))

    def _handle(self, event: Event) -> None:
        if isinstance(event, Shutdown):
            if self.context.is_shutdown:
                return
            self.context.is_shutdown = True
        if isinstance(event, _Visit):
            for entity in event.entities:
                self._visit(entity)
        for handler in tuple(self.context._event_handlers):
            if handler.matches(event):
                for entity in as_entities(handler.handle(event, self.context)):
                    self._visit(entity)

    def _visit(self, entity: LaunchDescriptionEntity) -> None:
        if not isinstance(entity, LaunchDescriptionEntity):
            raise RuntimeError(f"expected a LaunchDescriptionEntity, got '{entity}'")
        for sub_entity in entity.visit(self.context) or []:
            self._visit(sub_entity)
        future = entity.get_asyncio_future()
        if future is not None and not future.done():
            self._futures.add(future)

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> list[signal.Signals]:
        """Answer Ctrl-C and SIGTERM by an orderly shutdown."""
        loop.add_signal_handler(signal.SIGINT, self._on_sigint)
        # The official launch warns here that processes may be orphaned; this one stops them.
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            loop.add_signal_handler(number, self._on_sigterm, number)
        return [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP]

    def _on_sigint(self) -> None:
        message = "user interrupted with ctrl-c (SIGINT)"
        if self.context.is_shutdown:
            self._logger.warning(f"{message} again, ignoring...")
            return
        self._logger.warning(message)
        self.context.emit_event_sync(Shutdown(reason="ctrl-c (SIGINT)", due_to_sigint=True))

    def _on_sigterm(self, number: signal.Signals) -> None:
        self._logger.warning(f"received {number.name}, shutting down")
        self._return_code = 1
        self.context.emit_event_sync(Shutdown(reason=number.name))
