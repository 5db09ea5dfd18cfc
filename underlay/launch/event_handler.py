"""What happens on an event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .event import Event
from .launch_context import LaunchContext
from .launch_description_entity import LaunchDescriptionEntity

SomeEntitiesType = LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]


class BaseEventHandler:
    """Matches events and answers them with entities."""

    def __init__(self, *, matcher: Callable[[Event], bool], handle_once: bool = False) -> None:
        self._matcher = matcher
        self.handle_once = handle_once

    def matches(self, event: Event) -> bool:
        return self._matcher(event)

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        if self.handle_once:
            context.unregister_event_handler(self)
        return None


class EventHandler(BaseEventHandler):
    """Answers the events that `matcher` picks with entities."""

    def __init__(
        self,
        *,
        matcher: Callable[[Event], bool],
        entities: SomeEntitiesType | None = None,
        handle_once: bool = False,
    ) -> None:
        super().__init__(matcher=matcher, handle_once=handle_once)
        self.entities = entities

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        super().handle(event, context)
        return self.entities


class OnEvent(EventHandler):
    """Answers also with what a callable(event, context) returns (internal: officially each kind does that itself)."""

    def __init__(self, *, matcher: Callable[[Event], bool], answer: Any, handle_once: bool = False) -> None:
        fixed = None if callable(answer) else answer
        super().__init__(matcher=matcher, entities=fixed, handle_once=handle_once)
        self._answer = answer

    def handle(self, event: Event, context: LaunchContext) -> SomeEntitiesType | None:
        fixed = super().handle(event, context)
        return self._answer(event, context) if callable(self._answer) else fixed
