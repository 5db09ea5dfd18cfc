"""Seals: by which messages of one session are told from those of strangers, of replayed bags and of former sessions.

A seal is an HMAC-SHA256 (RFC 2104) over the topic, the session, the sender, a rising counter and the content, with the
session's key. Who merely reads the traffic can neither make one nor use one twice.
"""

import hmac
import secrets
from dataclasses import dataclass

from aloe_data.session import Session

_PLAYED = "a played bag, or another launch"
_SHOWN = 60  # characters of a name that a stranger chose, in messages for people


@dataclass(frozen=True)
class Seal:
    """Fields as in aloe_msgs/Seal."""

    session: str
    sender: str
    counter: int
    tag: bytes


class Sealer:
    """Seals what one node sends.

    Args:
        session: Session of the launch that started the node.
        node: Name of the node.
    """

    def __init__(self, session: Session, node: str) -> None:
        self._session = session
        # A node that is started again is another sender: its counters begin anew.
        self.sender = f"{node}-{secrets.token_hex(4)}"
        self._counters: dict[str, int] = {}

    def seal(self, topic: str, content: bytes) -> Seal:
        """The seal of the next message on a topic.

        Args:
            topic: Name of the topic or service.
            content: Every field of the message but the seal.
        """
        counter = self._counters.get(topic, 0) + 1
        self._counters[topic] = counter
        tag = _tag(self._session, topic, self.sender, counter, content)
        return Seal(self._session.name, self.sender, counter, tag)


class SealChecker:
    """Tells messages of this session from all others; each counts once.

    Args:
        session: Session of the launch that started the node.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._counters: dict[tuple[str, str], int] = {}

    def problem(self, topic: str, seal: Seal, content: bytes) -> str:
        """ "" for a message of this session that is heard for the first time, else what is wrong with it.

        Args:
            topic: Name of the topic or service that it came on.
            seal: Seal that it carries.
            content: Every field of the message but the seal.
        """
        if not seal.tag:
            return f"{topic}: a message without a seal: its sender was not started by this launch"
        if seal.session != self._session.name:
            return f"{topic}: a message of session {_shown(seal.session)}, not of this one: {_PLAYED}"
        expected = _tag(self._session, topic, seal.sender, seal.counter, content)
        if not hmac.compare_digest(expected, seal.tag):
            return f"{topic}: a message with a false seal, said to be of {_shown(seal.sender)}"
        # Kept only for true seals: strangers cannot fill the memory, nor shut a sender out with a high number.
        if seal.counter <= self._counters.get((topic, seal.sender), 0):
            return f"{topic}: message {seal.counter} of '{seal.sender}' is repeated or out of order"
        self._counters[(topic, seal.sender)] = seal.counter
        return ""


def _shown(name: str) -> str:
    """A name as it may stand in a log: short, and on one line."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def _tag(session: Session, topic: str, sender: str, counter: int, content: bytes) -> bytes:
    # No name holds a zero byte, so that no two different heads read alike.
    head = "\0".join((topic, session.name, sender, str(counter), ""))
    return hmac.digest(session.secret, head.encode() + content, "sha256")
