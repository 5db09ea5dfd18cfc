"""A launch description in words."""

from __future__ import annotations

from collections.abc import Iterable

from .actions import EmitEvent, ExecuteProcess, LogInfo, RegisterEventHandler
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .substitution import SomeSubstitutionsType
from .utilities import normalize_to_list_of_substitutions


class LaunchIntrospector:
    """Describes the entities of a launch description, without launching anything."""

    def format_launch_description(self, launch_description: LaunchDescription) -> str:
        """Return the description with one line per entity, and what event handlers answer below them."""
        return "\n".join([str(launch_description), *_tree(launch_description.entities)])


def _tree(entities: Iterable[LaunchDescriptionEntity], indention: str = "") -> list[str]:
    lines = []
    remaining = list(entities)
    while remaining:
        entity = remaining.pop(0)
        lines.append(f"{indention}{'├' if remaining else '└'}── {_described(entity)}")
        for _, answers in (
            entity.describe_conditional_sub_entities() if isinstance(entity, RegisterEventHandler) else ()
        ):
            lines += _tree(answers, indention + ("│   " if remaining else "    "))
    return lines


def _described(entity: LaunchDescriptionEntity) -> str:
    if isinstance(entity, LogInfo):
        return f"LogInfo({_words(entity.msg)})"
    if isinstance(entity, EmitEvent):
        return f"EmitEvent(event='{entity.event.name}')"
    if isinstance(entity, ExecuteProcess):
        return f"ExecuteProcess(cmd=[{', '.join(_words(part) for part in entity.cmd)}], shell={entity.shell})"
    return f"Action('{entity}')"


def _words(text: SomeSubstitutionsType) -> str:
    return " + ".join(part.describe() for part in normalize_to_list_of_substitutions(text))
