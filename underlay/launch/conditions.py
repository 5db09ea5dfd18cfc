"""Conditions decide whether an action is executed."""

from __future__ import annotations

from collections.abc import Callable

from .launch_context import LaunchContext
from .substitution import SomeSubstitutionsType
from .unsupported import missing_names
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

__getattr__ = missing_names(__name__)


class Condition:
    """Wraps a predicate over the launch's context."""

    def __init__(self, *, predicate: Callable[[LaunchContext], bool]) -> None:
        self._predicate = predicate

    def evaluate(self, context: LaunchContext) -> bool:
        return self._predicate(context)


class InvalidConditionExpressionError(ValueError):
    """A condition's text is not a truth value."""


class IfCondition(Condition):
    """Holds where the text is 'true' or '1', in any case; 'false' and '0' do not hold, all else is an error."""

    def __init__(self, predicate_expression: SomeSubstitutionsType) -> None:
        self._expression = normalize_to_list_of_substitutions(predicate_expression)

    def evaluate(self, context: LaunchContext) -> bool:
        text = perform_substitutions(context, self._expression).strip().lower()
        if text not in ("true", "1", "false", "0"):
            raise InvalidConditionExpressionError(f"invalid condition expression '{text}': expected true or false")
        return text in ("true", "1")


class UnlessCondition(IfCondition):
    """Holds where `IfCondition` does not."""

    def evaluate(self, context: LaunchContext) -> bool:
        return not super().evaluate(context)
