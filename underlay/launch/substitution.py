"""The base of all substitutions: text that is known only when the launch runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class Substitution:
    """A piece of text that `perform` works out from the launch's context."""

    def describe(self) -> str:
        return f"{type(self).__name__}()"

    def perform(self, context: LaunchContext) -> str:
        raise NotImplementedError


SomeSubstitutionsType = str | Substitution | Iterable[str | Substitution]
