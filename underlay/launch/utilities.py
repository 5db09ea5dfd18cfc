"""Helpers that actions and substitutions share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .substitution import SomeSubstitutionsType, Substitution

if TYPE_CHECKING:
    from .launch_context import LaunchContext


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Turn text, a substitution or a sequence of these into a list of substitutions.

    Raises:
        TypeError: for anything else, such as a path, as the official function does.
    """
    from .substitutions import TextSubstitution

    parts: Iterable[Any] = [subs] if isinstance(subs, (str, Substitution)) else subs
    result: list[Substitution] = []
    for part in parts:
        if isinstance(part, Substitution):
            result.append(part)
        elif isinstance(part, str):
            result.append(TextSubstitution(text=part))
        else:
            raise TypeError(
                f"Failed to normalize given item of type '{type(part)}', when only 'str' or 'launch.Substitution' "
                f"were expected: {part!r}"
            )
    return result


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Perform the substitutions and join their texts."""
    return "".join(substitution.perform(context) for substitution in subs)


def perform(context: LaunchContext, subst: SomeSubstitutionsType) -> str:
    """Normalize and perform in one step."""
    return perform_substitutions(context, normalize_to_list_of_substitutions(subst))
