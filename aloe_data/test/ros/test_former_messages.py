"""Bags that were recorded before a message changed keep their meaning, or say which field lost it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction
from mcap.reader import make_reader
from mcap.writer import Writer
from rclpy.serialization import serialize_message
from rosbag2_py import LocalMessageDefinitionSource
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from aloe_data.recording import RecordingError
from aloe_data.ros.bag_reader import changed_types, read_messages
from aloe_data.ros.former_messages import FormerType

EXECUTED, EVENT = "aloe_msgs/msg/ExecutedAction", "aloe_msgs/msg/EpisodeEvent"
Edit = tuple[str, str]


def definition(kind: str) -> str:
    return str(LocalMessageDefinitionSource().get_full_text(kind).encoded_message_definition)


def edited(kind: str, *edits: Edit) -> str:
    """The installed definition with lines exchanged, as it was before."""
    text = "\n".join(line.partition("#")[0].rstrip() for line in definition(kind).splitlines())
    for now, before in edits:
        assert now in text, f"'{now}' is not in {kind}"
        text = text.replace(now, before, 1)
    return text


def recorded(kind: str, text: str, message: Any) -> bytes:
    """A message that was recorded by a former definition: fields that it does not have yet are left out."""
    installed, former = get_typestore(Stores.EMPTY), get_typestore(Stores.EMPTY)
    installed.register(get_types_from_msg(definition(kind), kind))
    former.register(get_types_from_msg(text, kind))

    def as_before(value: Any, name: str) -> Any:
        values = {}
        for field, (_, detail) in former.get_msgdef(name).fields:
            item = getattr(value, field, 7)
            if hasattr(item, "__msgtype__"):
                item = as_before(item, item.__msgtype__)
            elif isinstance(item, list) and item and hasattr(item[0], "__msgtype__"):
                item = [as_before(child, child.__msgtype__) for child in item]
            elif isinstance(item, np.ndarray):
                item = item.astype(detail[0][1][0])
            values[field] = item
        return former.types[name](**values)

    whole = installed.get_msgdef(kind)  # of what rclpy leaves behind a message, deserialize_cdr wants nothing
    same, _ = whole.deserialize_cdr_le(serialize_message(message)[4:], 0, whole.cls, installed)
    return bytes(former.serialize_cdr(as_before(same, kind), kind))


def tick() -> ExecutedAction:
    arm = ArmAction(arm="left_arm", requested=[0.5, -1.0], executed=[0.25, 1.0], source=2, operator_id="eva")
    return ExecutedAction(tick=7, armed=True, arms=[arm, ArmAction(arm="right_arm")], chunk_id=3, policy_version="é")


def read(kind: str, text: str, message: Any) -> Any:
    return FormerType(kind, text, definition(kind)).read(recorded(kind, text, message))


def test_a_field_that_was_added_has_its_default_also_inside_a_list() -> None:
    text = edited(EXECUTED, ("uint64 chunk_id\n", ""), ("string operator_id\n", ""))
    expected = tick()
    expected.chunk_id, expected.arms[0].operator_id = 0, ""
    assert read(EXECUTED, text, tick()) == expected


def test_fields_that_were_removed_or_moved_lose_and_mix_nothing() -> None:
    text = edited(EXECUTED, ("uint64 tick\n", ""), ("bool armed\n", "bool armed\nuint32 was_here\nuint64 tick\n"))
    assert read(EXECUTED, text, tick()) == tick()


def test_numbers_of_another_width_keep_their_value() -> None:
    text = edited(EXECUTED, ("uint64 tick\n", "uint16 tick\n"), ("float64[] executed\n", "float32[] executed\n"))
    assert read(EXECUTED, text, tick()) == tick()


@pytest.mark.parametrize(
    ("edit", "message", "expected"),
    [
        (("uint32 step\n", "int64 step\n"), {"step": 2**31}, None),
        (("uint8 source\n", "int16 source\n"), {"arms": [ArmAction(source=200)]}, None),
        (("bool armed\n", "string armed\n"), {}, "armed of aloe_msgs/msg/ExecutedAction has the value 'x'"),
        (("string policy_version\n", "uint8 policy_version\n"), {}, "policy_version of .* is a text now"),
        (("ArmAction[] arms\n", "ArmAction arms\n"), {}, "arms of .* has a single value in the bag and is a list now"),
    ],
)
def test_what_cannot_be_converted_names_message_field_and_remedy(
    edit: Edit, message: dict[str, Any], expected: str | None
) -> None:
    text = edited(EXECUTED, edit)
    former = get_typestore(Stores.EMPTY)
    former.register(get_types_from_msg(text, EXECUTED))
    if expected is None:
        assert read(EXECUTED, text, ExecutedAction(**message)) == ExecutedAction(**message)
        return
    values = {"armed": "x", "policy_version": 7} | {"arms": empty(former, "aloe_msgs/msg/ArmAction")}
    said = empty(former, EXECUTED)
    field = edit[1].split()[1]
    setattr(said, field, values[field])
    data = bytes(former.serialize_cdr(said, EXECUTED))
    with pytest.raises(RecordingError, match=expected) as refusal:
        FormerType(EXECUTED, text, definition(EXECUTED)).read(data)
    assert "read the bag with the aloe_msgs that it was recorded with" in str(refusal.value)


def empty(store: Any, name: str) -> Any:
    """A message with nothing in it."""
    values: dict[str, Any] = {}
    for field, (kind, detail) in store.get_msgdef(name).fields:
        if kind.name == "NAME":
            values[field] = empty(store, detail)
        elif kind.name == "BASE":
            values[field] = "" if detail[0] == "string" else 0
        else:
            is_number = detail[0][0].name == "BASE" and detail[0][1][0] != "string"
            values[field] = np.zeros(0, detail[0][1][0]) if is_number else []
    return store.types[name](**values)


@pytest.mark.parametrize(("value", "fits"), [(2**53, True), (2**53 + 1, False), (-1, False)])
def test_a_value_that_the_installed_type_cannot_hold_is_refused_not_rounded(value: int, fits: bool) -> None:
    now = "float64 number\n" if value > 0 else "uint64 number\n"
    kind = "std_msgs/msg/Float64" if value > 0 else "std_msgs/msg/UInt64"
    now = now.replace("number", "data")
    former = get_typestore(Stores.EMPTY)
    former.register(get_types_from_msg("int64 data\n", kind))
    data = bytes(former.serialize_cdr(former.types[kind](data=value), kind))
    reader = FormerType(kind, "int64 data\n", now)
    if fits:
        assert reader.read(data).data == value
    else:
        with pytest.raises(RecordingError, match=f"data of {kind} has int64 values that do not fit"):
            reader.read(data)


def test_a_constant_that_changed_its_number_is_refused() -> None:
    text = edited(EVENT, ("uint8 STOP=1\n", "uint8 STOP=5\n"))
    with pytest.raises(RecordingError, match="STOP of aloe_msgs/msg/EpisodeEvent was 5 when it was recorded and is 1"):
        FormerType(EVENT, text, definition(EVENT))


def test_a_bag_is_read_by_the_definitions_that_it_holds(write: Callable[..., Path]) -> None:
    event = EpisodeEvent(kind=EpisodeEvent.STOP, episode_id="ep_0004", verdict=EpisodeEvent.SUCCESS, prompt="sort")
    bag = write([(1, "/episode/events", event), (2, "/executed_action", tick())])
    text = edited(EVENT, ("string source\n", ""), ("uint8 verdict\n", ""), ("uint64 seed\n", "uint8 verdict\n"))
    rewrite(next(bag.glob("*.mcap")), EVENT, text)
    messages = {topic: message for topic, message, _ in read_messages(bag)}
    assert messages["/executed_action"] == tick()
    assert messages["/episode/events"] == event
    assert changed_types(bag).keys() == {EVENT}
    assert "now also string source, uint64 seed" in changed_types(bag)[EVENT]


def rewrite(file: Path, kind: str, text: str) -> None:
    """Record a file again, with another definition of one type."""
    with file.open("rb") as old, file.with_suffix(".new").open("wb") as new:
        writer = Writer(new)
        writer.start(profile="ros2")
        channels: dict[str, int] = {}
        for schema, channel, message in make_reader(old).iter_messages():
            assert schema is not None
            changed = schema.name == kind
            if channel.topic not in channels:
                data = text.encode() if changed else schema.data
                number = writer.register_schema(schema.name, "ros2msg", data)
                channels[channel.topic] = writer.register_channel(channel.topic, "cdr", number, channel.metadata)
            data = message.data
            if changed:
                data = recorded(kind, text, deserialize(data))
            writer.add_message(channels[channel.topic], message.log_time, data, message.log_time)
        writer.finish()
    file.with_suffix(".new").replace(file)


def deserialize(data: bytes) -> EpisodeEvent:
    from rclpy.serialization import deserialize_message

    return deserialize_message(data, EpisodeEvent)
