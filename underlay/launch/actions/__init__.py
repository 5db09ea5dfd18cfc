"""Actions: what a launch can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .. import logging as launch_logging
from ..action import Action
from ..event import Event
from ..event_handler import BaseEventHandler, SomeEntitiesType
from ..events import Shutdown as ShutdownEvent
from ..events import _Visit
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..substitution import SomeSubstitutionsType
from ..unsupported import missing_names, refuse_arguments
from ..utilities import normalize_to_list_of_substitutions, perform, perform_substitutions
from .execute_process import ExecuteProcess
from .include_launch_description import IncludeLaunchDescription
from .launch_arguments import DeclareLaunchArgument, SetLaunchConfiguration

__getattr__ = missing_names(__name__)
__all__ = [
    "DeclareLaunchArgument",
    "EmitEvent",
    "ExecuteProcess",
    "GroupAction",
    "IncludeLaunchDescription",
    "LogInfo",
    "OpaqueFunction",
    "RegisterEventHandler",
    "SetEnvironmentVariable",
    "SetLaunchConfiguration",
    "Shutdown",
    "TimerAction",
]


class SetEnvironmentVariable(Action):
    """Sets an environment variable for the processes that start later in the same scope."""

    def __init__(self, name: SomeSubstitutionsType, value: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = normalize_to_list_of_substitutions(name)
        self.value = normalize_to_list_of_substitutions(value)

    def execute(self, context: LaunchContext) -> None:
        context.environment[perform_substitutions(context, self.name)] = perform_substitutions(context, self.value)


class _Call(Action):
    """Calls a function of the context (internal)."""

    def __init__(self, function: Callable[[LaunchContext], None]) -> None:
        super().__init__()
        self._function = function

    def execute(self, context: LaunchContext) -> None:
        self._function(context)


class GroupAction(Action):
    """Actions under one condition; with `scoped`, what they set ends with the group."""

    def __init__(
        self,
        actions: Iterable[Action],
        *,
        scoped: bool = True,
        forwarding: bool = True,
        launch_configurations: Mapping[str, SomeSubstitutionsType] | None = None,
        **kwargs: Any,
    ) -> None:
        if not forwarding:
            refuse_arguments(self, {"forwarding": forwarding})
        super().__init__(**kwargs)
        self._actions = list(actions)
        self._scoped = scoped
        self._configurations = dict(launch_configurations or {})

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return list(self._actions)

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        settings = [SetLaunchConfiguration(name, value) for name, value in self._configurations.items()]
        if not self._scoped:
            return [*settings, *self._actions]
        return [
            _Call(LaunchContext._push_environment),
            _Call(LaunchContext._push_launch_configurations),
            *settings,
            *self._actions,
            _Call(LaunchContext._pop_launch_configurations),
            _Call(LaunchContext._pop_environment),
        ]


class LogInfo(Action):
    """Prints a message as `[INFO] [launch.user]: ...`."""

    def __init__(self, *, msg: SomeSubstitutionsType, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.msg = normalize_to_list_of_substitutions(msg)

    def execute(self, context: LaunchContext) -> None:
        launch_logging.get_logger("launch.user").info(perform_substitutions(context, self.msg))


class OpaqueFunction(Action):
    """Calls function(context, *args, **kwargs); entities that it returns are visited."""

    def __init__(
        self,
        *,
        function: Callable[..., Iterable[LaunchDescriptionEntity] | None],
        args: Iterable[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **left_over_kwargs: Any,
    ) -> None:
        super().__init__(**left_over_kwargs)
        self._function, self._args, self._kwargs = function, list(args or []), dict(kwargs or {})

    def execute(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        return self._function(context, *self._args, **self._kwargs)


class EmitEvent(Action):
    """Queues an event."""

    def __init__(self, *, event: Event, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event = event

    def execute(self, context: LaunchContext) -> None:
        context.emit_event_sync(self.event)


class Shutdown(EmitEvent):
    """Ends the launch; as `on_exit` of a process it makes the launch last as long as that process."""

    def __init__(self, *, reason: SomeSubstitutionsType = "reason not given", **kwargs: Any) -> None:
        super().__init__(event=ShutdownEvent(), **kwargs)
        self._reason = reason

    def execute(self, context: LaunchContext) -> None:
        if not context.is_shutdown:
            context.emit_event_sync(ShutdownEvent(reason=perform(context, self._reason)))


class RegisterEventHandler(Action):
    """Adds an event handler."""

    def __init__(self, event_handler: BaseEventHandler, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.event_handler = event_handler

    def describe_conditional_sub_entities(self) -> list[tuple[str, list[LaunchDescriptionEntity]]]:
        entities = getattr(self.event_handler, "entities", None)
        return [] if entities is None else [("on event", as_entities(entities))]

    def execute(self, context: LaunchContext) -> None:
        context.register_event_handler(self.event_handler)


class TimerAction(Action):
    """Visits its actions after a period in seconds; a shutdown before that cancels it."""

    def __init__(
        self,
        *,
        period: float | SomeSubstitutionsType,
        actions: Iterable[LaunchDescriptionEntity],
        cancel_on_shutdown: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(period, int):
            raise TypeError(f"TimerAction: expected 'period' to be a float or a substitution, got {period!r}")
        self._period: SomeSubstitutionsType = str(period) if isinstance(period, float) else period
        self.actions = list(actions)
        self._cancel_on_shutdown = cancel_on_shutdown
        self._future: asyncio.Future[None] | None = None

    def describe_conditional_sub_entities(self) -> list[tuple[str, list[LaunchDescriptionEntity]]]:
        return [("after a period", self.actions)]

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        return self._future

    def cancel(self) -> None:
        """Drop the actions if they are not yet due."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def execute(self, context: LaunchContext) -> None:
        from ..event_handlers import OnShutdown

        assert context.asyncio_loop is not None
        if context.is_shutdown and self._cancel_on_shutdown:
            return
        self._future = future = context.asyncio_loop.create_future()

        def due() -> None:
            if not future.done():
                context.emit_event_sync(_Visit(self.actions))
                future.set_result(None)

        context.asyncio_loop.call_later(float(perform(context, self._period)), due)
        if self._cancel_on_shutdown:
            context.register_event_handler(OnShutdown(on_shutdown=lambda event, context: self.cancel()))


def as_entities(entities: SomeEntitiesType | None) -> list[LaunchDescriptionEntity]:
    """Return one entity, several or none as a list."""
    if entities is None:
        return []
    return [entities] if isinstance(entities, LaunchDescriptionEntity) else [e for e in entities if e is not None]
