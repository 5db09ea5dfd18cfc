"""Seals: who may be listened to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.seal import Seal, SealChecker, Sealer
from aloe_data.session import Session

OURS = Session("ours", "11" * 32, "host", "boot", 1, "")
OTHERS = Session("others", "22" * 32, "host", "boot", 1, "")


def test_a_message_of_this_session_counts_once():
    seal, checker = Sealer(OURS, "teleop_node").seal("/t", b"content"), SealChecker(OURS)
    assert checker.problem("/t", seal, b"content") == ""
    assert "repeated or out of order" in checker.problem("/t", seal, b"content")


def test_messages_that_overtake_each_other_count_in_order_alone():
    sealer, checker = Sealer(OURS, "n"), SealChecker(OURS)
    first, second = sealer.seal("/t", b"1"), sealer.seal("/t", b"2")
    assert checker.problem("/t", second, b"2") == ""
    assert "out of order" in checker.problem("/t", first, b"1")


def test_a_lost_message_does_not_shut_its_sender_out():
    sealer, checker = Sealer(OURS, "n"), SealChecker(OURS)
    sealer.seal("/t", b"lost")
    assert checker.problem("/t", sealer.seal("/t", b"next"), b"next") == ""


def test_a_played_bag_is_named():
    seal = Sealer(OTHERS, "teleop_node").seal("/t", b"content")
    assert "session 'others', not of this one: a played bag" in SealChecker(OURS).problem("/t", seal, b"content")


def test_a_message_without_a_seal_is_named():
    assert "without a seal" in SealChecker(OURS).problem("/t", Seal("", "", 0, b""), b"content")


def test_a_stranger_cannot_shut_a_sender_out_with_a_high_number():
    sealer, checker = Sealer(OURS, "n"), SealChecker(OURS)
    assert checker.problem("/t", Seal("ours", sealer.sender, 10**9, b"x" * 32), b"") != ""
    assert checker.problem("/t", sealer.seal("/t", b"good"), b"good") == ""


def test_a_node_that_is_started_again_is_another_sender():
    checker = SealChecker(OURS)
    for _ in range(2):
        assert checker.problem("/t", Sealer(OURS, "n").seal("/t", b""), b"") == ""


@given(st.sampled_from(["topic", "session", "sender", "counter", "tag", "content"]), st.data())
def test_whatever_is_changed_the_seal_is_false(what, data):
    seal, topic, content = Sealer(OURS, "n").seal("/t", b"content"), "/t", b"content"
    if what == "topic":
        topic = data.draw(st.text().filter(lambda text: text != "/t"))
    elif what == "content":
        content = data.draw(st.binary().filter(lambda value: value != b"content"))
    elif what == "counter":
        seal = replace(seal, counter=data.draw(st.integers(0, 2**64 - 1).filter(lambda n: n != 1)))
    elif what == "tag":
        seal = replace(seal, tag=data.draw(st.binary(max_size=40).filter(lambda tag: tag != seal.tag)))
    else:
        seal = replace(seal, **{what: data.draw(st.text().filter(lambda text: text != getattr(seal, what)))})
    assert SealChecker(OURS).problem(topic, seal, content)


@pytest.mark.parametrize("key", ["22" * 32, "11" * 31 + "12"])
def test_the_name_of_the_session_is_not_enough(key):
    seal = Sealer(replace(OURS, key=key), "n").seal("/t", b"content")
    assert "false seal" in SealChecker(OURS).problem("/t", seal, b"content")
