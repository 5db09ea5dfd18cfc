"""The base of conditions."""

from __future__ import annotations

from collections.abc import Callable

from .launch_context import LaunchContext


class Condition:
    """Wraps a predicate over the launch's context."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool]) -> None:
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        return self._predicate(context)
