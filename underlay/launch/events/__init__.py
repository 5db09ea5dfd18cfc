"""Events of the launch itself; those of processes are in `launch.events.process`."""

from collections.abc import Iterable

from ..event import Event
from ..launch_description_entity import LaunchDescriptionEntity
from ..unsupported import missing_names

__getattr__ = missing_names(__name__)


class Shutdown(Event):
    """The launch is to end: processes are stopped, and nothing new is started."""

    name = "launch.events.Shutdown"

    def __init__(self, *, reason: str = "reason not given", due_to_sigint: bool = False) -> None:
        self.reason = reason
        self.due_to_sigint = due_to_sigint


class _Visit(Event):
    """Entities are due, for example after a timer (internal: the official package has one event per cause)."""

    def __init__(self, entities: Iterable[LaunchDescriptionEntity]) -> None:
        self.entities = list(entities)
