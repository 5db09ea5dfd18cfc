"""The base of events."""


class Event:
    """Something that happened in the launch, to which event handlers may react."""

    name = "Event"
