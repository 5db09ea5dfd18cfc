"""The state of a running launch."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .substitution import Substitution

if TYPE_CHECKING:
    from .event import Event
    from .event_handler import BaseEventHandler


class LaunchContext:
    """Launch configurations, environment, event handlers and the queue of events."""

    def __init__(self, *, argv: Iterable[str] | None = None, noninteractive: bool = False) -> None:
        self.argv = list(argv or [])
        self.noninteractive = noninteractive
        self.launch_configurations: dict[str, str] = {}
        self.environment: dict[str, str] = dict(os.environ)
        self.is_shutdown = False
        self.asyncio_loop: asyncio.AbstractEventLoop | None = None
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._event_handlers: deque[BaseEventHandler] = deque()
        self._saved_configurations: list[dict[str, str]] = []
        self._saved_environments: list[dict[str, str]] = []

    def emit_event_sync(self, event: Event) -> None:
        """Queue an event; it is handled after those before it."""
        self._events.put_nowait(event)

    async def emit_event(self, event: Event) -> None:
        self.emit_event_sync(event)

    def register_event_handler(self, event_handler: BaseEventHandler) -> None:
        """Add a handler; the newest is asked first."""
        self._event_handlers.appendleft(event_handler)

    def unregister_event_handler(self, event_handler: BaseEventHandler) -> None:
        self._event_handlers.remove(event_handler)

    def perform_substitution(self, substitution: Substitution) -> str:
        return substitution.perform(self)

    def _push_launch_configurations(self) -> None:
        self._saved_configurations.append(dict(self.launch_configurations))

    def _pop_launch_configurations(self) -> None:
        self.launch_configurations = self._saved_configurations.pop()

    def _push_environment(self) -> None:
        self._saved_environments.append(dict(self.environment))

    def _pop_environment(self) -> None:
        self.environment = self._saved_environments.pop()
