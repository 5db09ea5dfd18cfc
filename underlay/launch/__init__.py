"""Stand-in for the ROS 2 package `launch`: descriptions of processes to run, and the service that runs them."""

from . import actions, conditions, event_handlers, events, launch_description_sources, logging, substitutions
from .action import Action
from .conditions import Condition
from .event import Event
from .event_handler import EventHandler, SomeEntitiesType
from .launch_context import LaunchContext
from .launch_description import LaunchDescription
from .launch_description_entity import LaunchDescriptionEntity
from .launch_description_source import LaunchDescriptionSource
from .launch_introspector import LaunchIntrospector
from .launch_service import LaunchService
from .substitution import SomeSubstitutionsType, Substitution
from .unsupported import missing_names

__getattr__ = missing_names(__name__)
__all__ = [
    "Action",
    "Condition",
    "Event",
    "EventHandler",
    "LaunchContext",
    "LaunchDescription",
    "LaunchDescriptionEntity",
    "LaunchDescriptionSource",
    "LaunchIntrospector",
    "LaunchService",
    "SomeEntitiesType",
    "SomeSubstitutionsType",
    "Substitution",
    "actions",
    "conditions",
    "event_handlers",
    "events",
    "launch_description_sources",
    "logging",
    "substitutions",
]
