"""Seals on messages: nothing of a message may be changed, and sending changes nothing."""

from array import array
from collections.abc import Callable
from typing import Any

import pytest
from aloe_msgs.action import RunEpisodes
from aloe_msgs.msg import ActionChunk, ArmCommand, Heartbeat, InterventionRequest, TeleopCommand
from aloe_msgs.srv import EnableMotion, LoadPolicy, StartEpisode
from rclpy.serialization import deserialize_message, serialize_message

from aloe_data.ros.sealed_inputs import SealedInputs
from aloe_data.ros.sealing import MessageChecker, MessageSealer
from aloe_data.session import Session

SESSION = Session("ours", "11" * 32, "host", "boot", 1, "")
MESSAGES: dict[str, Callable[[], Any]] = {
    "chunk": lambda: ActionChunk(chunk_id=3, rate_hz=50.0, inference_s=0.123456789, data=array("f", [0.1, 0.2])),
    "command": lambda: ArmCommand(arm="left_arm", tick=7, positions=[0.1, float("nan"), -0.0]),
    "heartbeat": lambda: Heartbeat(node="episode_node", state="running ä"),
    "request": lambda: InterventionRequest(request=0, arms=["left_arm", "right_arm"], operator_id="o", device="d"),
    "human": lambda: TeleopCommand(arm="left_arm", data=[1.0, 2.0], sequence=2**63, deadman=True),
    "arming": lambda: EnableMotion.Request(enable=True),
    "start": lambda: StartEpisode.Request(episode_id="ep_0001", prompt="sort", seed=4),
    "load": lambda: LoadPolicy.Request(path="/policy", force=True),
    "run": lambda: RunEpisodes.Goal(episodes=2, timeout_s=0.1),
}


@pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
def test_a_sealed_message_is_known_after_it_was_sent(make):
    sealed = MessageSealer(SESSION, "node").seal("/t", make())
    received = deserialize_message(serialize_message(sealed), type(sealed))
    assert MessageChecker(SESSION).problem("/t", received) == ""


@pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
def test_the_seal_covers_every_field(make):
    fields = [name for name in type(make()).get_fields_and_field_types() if name != "seal"]
    for name in fields:
        sealed = MessageSealer(SESSION, "node").seal("/t", make())
        setattr(sealed, name, _other(getattr(sealed, name)))
        assert "false seal" in MessageChecker(SESSION).problem("/t", sealed), name


def test_texts_that_read_alike_in_a_row_are_told_apart():
    sealed = MessageSealer(SESSION, "node").seal("/t", InterventionRequest(operator_id="ab", device="c"))
    sealed.operator_id = "a"
    sealed.device = "bc"
    assert "false seal" in MessageChecker(SESSION).problem("/t", sealed)


def _other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return [*value, "another"]
    if isinstance(value, array):
        return array(value.typecode, [*value[:-1], 9])
    changed = deserialize_message(serialize_message(value), type(value))
    first = next(iter(type(value).get_fields_and_field_types()))
    setattr(changed, first, _other(getattr(changed, first)))
    return changed


class Listener:
    """Stands for a node that listens, and keeps its log."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def get_logger(self) -> "Listener":
        return self

    def error(self, text: str) -> None:
        self.errors.append(text)

    def get_publishers_info_by_topic(self, topic: str) -> list[Any]:
        return []


def test_who_floods_a_topic_with_ever_new_names_fills_neither_log_nor_memory_and_hides_nobody_elsewhere():
    listener = Listener()
    inputs = SealedInputs(listener, SESSION)
    for number in range(1000):
        message = Heartbeat()
        message.seal.session = f"{number}\n" + "x" * 10_000
        message.seal.tag = [1]
        assert inputs.refusal("/heartbeat", message)
    assert inputs.refusal("/chunks", ActionChunk())
    assert inputs.refused_count == 1001
    assert len(inputs.problems()) == len(listener.errors) <= 6
    assert "/chunks: a message without a seal" in listener.errors[-1]
    assert all(len(text) < 300 and "\n" not in text for text in listener.errors)
