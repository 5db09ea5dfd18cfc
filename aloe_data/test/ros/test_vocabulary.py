"""The numbers that the suite works with are those of its messages."""

from enum import IntEnum
from typing import Any

import pytest

pytest.importorskip("aloe_msgs.msg")
from aloe_msgs.msg import (
    ArmAction,
    ArmAuthority,
    ChunkRefused,
    EpisodeEvent,
    InterventionRequest,
    TeleopCommand,
)

from aloe_data.vocabulary import Authority, CommandMode, RefusalReason, RequestKind, Verdict


def constants(message: type) -> dict[str, Any]:
    """Constants of a message by name; they stand on its metaclass, beside the private parts of rosidl."""
    names = [name for name in dir(type(message)) if name.isupper() and not name.startswith("_")]
    return {name: getattr(message, name) for name in names}


@pytest.mark.parametrize(
    ("message", "words", "others"),
    [
        (ArmAction, Authority, set()),
        (ArmAuthority, Authority, set()),
        (TeleopCommand, CommandMode, set()),
        (InterventionRequest, RequestKind, set()),
        (EpisodeEvent, Verdict, {"START", "STOP", "VERDICT"}),  # kinds of events
        (ChunkRefused, RefusalReason, set()),
    ],
)
def test_every_constant_of_a_message_has_its_word_and_its_number(
    message: type, words: type[IntEnum], others: set[str]
) -> None:
    told = {name: value for name, value in constants(message).items() if name not in others}
    assert told == {word.name: word.value for word in words}
