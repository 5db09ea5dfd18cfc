"""Who publishes what one node owns: a second publisher, such as a bag that is being played, spoils a recording."""

from collections.abc import Mapping


class Owners:
    """Remembers the owner of every topic, the publisher that was there alone; others are strangers.

    Attributes:
        strangers: Names of the strangers of this recording by topic, whether or not they are still there.
    """

    def __init__(self) -> None:
        self.strangers: dict[str, list[str]] = {}
        self._owner: dict[str, bytes] = {}
        self._present: dict[str, list[str]] = {}

    def begin(self) -> None:
        """A recording begins: strangers that are gone are forgotten."""
        self.strangers = {topic: names for topic, names in self._present.items() if names}

    def look(self, topic: str, publishers: Mapping[bytes, str]) -> list[str]:
        """The publishers of a topic are these, by id ("": not known by name yet); names strangers that are new.

        Where several were there from the beginning nobody knows whose the topic is: all are strangers.
        """
        if len(publishers) == 1:
            self._owner[topic] = next(iter(publishers))
        owner = self._owner.get(topic)
        known = self._present.get(topic, [])
        present = sorted(name for number, name in publishers.items() if name and number != owner)
        self._present[topic] = present
        if present:
            self.strangers[topic] = sorted({*self.strangers.get(topic, []), *present})
        return [name for name in present if name not in known]
