"""Event handlers for the events that launches react to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .action import Action
from .event import Event
from .event_handler import OnEvent
from .events import Shutdown
from .events.process import ProcessExited, ProcessStarted
from .unsupported import missing_names

__getattr__ = missing_names(__name__)


def _of_process(kind: type[Event], target: Action | Callable[[Action], bool] | None) -> Callable[[Event], bool]:
    from .actions.execute_process import ExecuteProcess

    if target is None:
        return lambda event: isinstance(event, kind)
    if isinstance(target, ExecuteProcess):
        return lambda event: isinstance(event, kind) and event.action is target  # type: ignore[attr-defined]
    if callable(target):
        return lambda event: isinstance(event, kind) and target(event.action)  # type: ignore[attr-defined, operator]
    raise ValueError(f"target_action must be an ExecuteProcess, a callable or None, got {target!r}")


class OnProcessExit(OnEvent):
    """Answers the end of a process: of `target_action`, of those for which it returns true, or of any."""

    def __init__(self, *, target_action: Any = None, on_exit: Any, handle_once: bool = False) -> None:
        super().__init__(matcher=_of_process(ProcessExited, target_action), answer=on_exit, handle_once=handle_once)


class OnProcessStart(OnEvent):
    """Answers the start of a process, chosen as by `OnProcessExit`."""

    def __init__(self, *, target_action: Any = None, on_start: Any, handle_once: bool = False) -> None:
        super().__init__(matcher=_of_process(ProcessStarted, target_action), answer=on_start, handle_once=handle_once)


class OnShutdown(OnEvent):
    """Answers the shutdown of the launch."""

    def __init__(self, *, on_shutdown: Any, handle_once: bool = False) -> None:
        super().__init__(matcher=lambda event: isinstance(event, Shutdown), answer=on_shutdown, handle_once=handle_once)
