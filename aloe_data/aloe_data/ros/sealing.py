"""Seals on messages: whatever has a field `seal` is sealed by its sender and checked by its receiver."""

import struct
from array import array
from collections.abc import Callable
from functools import cache
from typing import Any

from aloe_msgs.msg import Seal as SealMessage

from aloe_data.seal import Seal, SealChecker, Sealer
from aloe_data.session import Session

_NUMBERS = {
    "boolean": "<?",
    "octet": "<B",
    "float": "<f",
    "double": "<d",
    "int8": "<b",
    "uint8": "<B",
    "int16": "<h",
    "uint16": "<H",
    "int32": "<i",
    "uint32": "<I",
    "int64": "<q",
    "uint64": "<Q",
}
_LENGTH = struct.Struct("<I")


class MessageSealer:
    """Seals the messages of one node.

    Args:
        session: Session of the launch that started the node.
        node: Name of the node.
    """

    def __init__(self, session: Session, node: str) -> None:
        self._sealer = Sealer(session, node)

    @property
    def sender(self) -> str:
        """Name of this node and of its incarnation, as receivers see it."""
        return self._sealer.sender

    def seal(self, topic: str, message: Any) -> Any:
        """The message, with its seal set.

        Args:
            topic: Name of the topic or service that it is sent on.
            message: Message, request or goal with a field `seal`; nothing of it may change afterwards.
        """
        seal = self._sealer.seal(topic, content_of(message))
        message.seal = SealMessage(
            session=seal.session, sender=seal.sender, counter=seal.counter, tag=array("B", seal.tag)
        )
        return message


class MessageChecker:
    """Checks the seals of the messages that one node receives.

    Args:
        session: Session of the launch that started the node.
    """

    def __init__(self, session: Session) -> None:
        self._checker = SealChecker(session)

    def problem(self, topic: str, message: Any) -> str:
        """ "" for a message of this session that is heard for the first time, else what is wrong with it.

        Args:
            topic: Name of the topic or service that it came on.
            message: Message, request or goal with a field `seal`.
        """
        seal = message.seal
        read = Seal(seal.session, seal.sender, seal.counter, bytes(seal.tag))
        return self._checker.problem(topic, read, content_of(message))


def content_of(message: Any) -> bytes:
    """Every field of a message but its seal, in an unambiguous form that sending does not change."""
    return b"".join(pack(getattr(message, name)) for name, pack in _packers(type(message)))


@cache
def _packers(message_class: type) -> tuple[tuple[str, Callable[[Any], bytes]], ...]:
    """Name and packer of each field of a class of messages."""
    fields = message_class.get_fields_and_field_types()  # type: ignore[attr-defined]
    return tuple((name, _packer(kind)) for name, kind in fields.items() if name != "seal")


def _packer(kind: str) -> Callable[[Any], bytes]:
    if kind in _NUMBERS:
        return struct.Struct(_NUMBERS[kind]).pack
    if "[" in kind or kind.startswith("sequence"):
        return _pack_sequence
    if kind.startswith(("string", "wstring")):
        return _pack_text
    return content_of


def _pack_text(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


def _pack_sequence(values: Any) -> bytes:
    """Length and values of an array: numbers, texts or messages."""
    if hasattr(values, "tobytes"):  # array.array and numpy.ndarray, which have the type of the field
        return _LENGTH.pack(len(values)) + values.tobytes()
    packed = b"".join(_pack_text(value) if isinstance(value, str) else content_of(value) for value in values)
    return _LENGTH.pack(len(values)) + packed
