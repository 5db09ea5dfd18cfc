"""A launch description: the entities of a launch in their order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .launch_context import LaunchContext
from .launch_description_entity import LaunchDescriptionEntity

if TYPE_CHECKING:
    from .actions import DeclareLaunchArgument


class LaunchDescription(LaunchDescriptionEntity):
    """Entities that are visited one after the other."""

    def __init__(self, initial_entities: Iterable[LaunchDescriptionEntity] | None = None) -> None:
        self.entities = list(initial_entities or [])

    def visit(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        return self.entities

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        return self.entities

    def add_entity(self, entity: LaunchDescriptionEntity) -> None:
        self.entities.append(entity)

    def add_action(self, action: LaunchDescriptionEntity) -> None:
        self.add_entity(action)

    def get_launch_arguments(self, conditional_inclusion: bool = False) -> list[DeclareLaunchArgument]:
        """Return the declared arguments, also those in groups and included files, each name once."""
        found: dict[str, DeclareLaunchArgument] = {}
        for argument, conditional in _declared(self, conditional_inclusion):
            if argument.name not in found:
                argument._conditionally_included = conditional
                found[argument.name] = argument
        return list(found.values())


def _declared(entity: LaunchDescriptionEntity, conditional: bool) -> Iterator[tuple[DeclareLaunchArgument, bool]]:
    from .actions import DeclareLaunchArgument

    if isinstance(entity, DeclareLaunchArgument):
        yield entity, conditional
        return
    for sub_entity in entity.describe_sub_entities():
        yield from _declared(sub_entity, conditional or getattr(entity, "condition", None) is not None)
    for _, sub_entities in entity.describe_conditional_sub_entities():
        for sub_entity in sub_entities:
            yield from _declared(sub_entity, True)
