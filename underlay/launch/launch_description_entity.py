"""What launch descriptions are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .launch_context import LaunchContext


class LaunchDescriptionEntity:
    """Something that a launch visits."""

    def visit(self, context: LaunchContext) -> Iterable[LaunchDescriptionEntity] | None:
        """Do the entity's part and return the entities to be visited next."""
        raise NotImplementedError

    def describe(self) -> str:
        return f"{type(self).__name__}()"

    def describe_sub_entities(self) -> list[LaunchDescriptionEntity]:
        """Entities that will be visited in any case."""
        return []

    def describe_conditional_sub_entities(self) -> list[tuple[str, list[LaunchDescriptionEntity]]]:
        """Entities that may be visited, with the condition in words."""
        return []

    def get_asyncio_future(self) -> asyncio.Future[None] | None:
        """The future of what goes on after the visit; the launch is not idle before it is done."""
        return None
