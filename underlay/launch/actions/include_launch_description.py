"""The action that includes another launch file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..action import Action
from ..launch_context import LaunchContext
from ..launch_description_entity import LaunchDescriptionEntity
from ..launch_description_source import LaunchDescriptionSource
from ..substitution import SomeSubstitutionsType
from ..utilities import perform
from .launch_arguments import SetLaunchConfiguration


class IncludeLaunchDescription(Action):
    """Visits another launch description, after setting its arguments.

    As officially, the arguments stay set in the scope that includes; put the include into a `GroupAction` to end them.
    """

    def __init__(
        self,
        launch_description_source: LaunchDescriptionSource | SomeSubstitutionsType,
        *,
        launch_arguments: Iterable[tuple[SomeSubstitutionsType, SomeSubstitutionsType]] | None = None,
        **kwargs: Any,
    ) -> None:
        from ..launch_description_sources import AnyLaunchDescriptionSource

        super().__init__(**kwargs)
        if not isinstance(launch_description_source, LaunchDescriptionSource):
            launch_description_source = AnyLaunchDescriptionSource(launch_description_source)
        self.launch_description_source = launch_description_source
        self.launch_arguments = list(launch_arguments or [])

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.try_get_launch_description_without_context()
        return [] if description is None else [description]

    def execute(self, context: LaunchContext) -> list[LaunchDescriptionEntity]:
        description = self.launch_description_source.get_launch_description(context)
        given = [perform(context, name) for name, _ in self.launch_arguments]
        for argument in description.get_launch_arguments():
            if argument._conditionally_included or argument.default_value is not None or argument.name in given:
                continue
            raise RuntimeError(
                f"Included launch description missing required argument '{argument.name}' "
                f"(description: '{argument.description}'), given: [{', '.join(given)}]"
            )
        settings = [SetLaunchConfiguration(name, value) for name, value in self.launch_arguments]
        return [*settings, description]
