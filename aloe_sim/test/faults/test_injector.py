"""What the simulated devices send while a fault is on."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import NS
from aloe_sim.faults.injector import FaultInjector, SpoiltStream

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
BEAT = 100_000_000


@pytest.fixture
def injector():
    return FaultInjector(RIG)


def sent(stream: SpoiltStream, first: int, last: int) -> list:
    """(beat of the stamp, value) of what goes out when value k is measured at beat k."""
    messages = [message for beat in range(first, last + 1) for message in stream.passed(beat * BEAT, beat)]
    return [(stamp_ns // BEAT, value) for stamp_ns, value in messages]


def test_without_a_fault_everything_passes_unchanged(injector):
    assert sent(SpoiltStream(injector, "head"), 1, 3) == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    ("fault", "during"),
    [
        ("camera_freeze:head", [(2, 1), (3, 1)]),
        ("camera_stuck:head", [(1, 1), (1, 1)]),
        ("drop:head", []),
        ("clock_jump:1", [(12, 2), (13, 3)]),
        ("camera_freeze:left_wrist", [(2, 2), (3, 3)]),
    ],
)
def test_a_fault_lasts_from_its_beginning_to_its_end(injector, fault, during):
    stream = SpoiltStream(injector, "head")
    assert sent(stream, 1, 1) == [(1, 1)]
    assert injector.apply(f"begin {fault}") == ""
    assert sent(stream, 2, 3) == during
    assert injector.apply(f"end {fault}") == ""
    assert sent(stream, 4, 5) == [(4, 4), (5, 5)]


def test_a_delayed_stream_keeps_its_order_and_loses_nothing(injector):
    stream = SpoiltStream(injector, "left_arm")
    injector.apply("begin delay:left_arm:0.2")
    assert sent(stream, 1, 4) == [(1, 1), (2, 2)]
    injector.apply("end delay:left_arm")
    assert sent(stream, 5, 6) == [(3, 3), (4, 4), (5, 5), (6, 6)]


def test_a_burst_brings_everything_at_once(injector):
    stream = SpoiltStream(injector, "left_arm")
    injector.apply("begin burst:left_arm")
    assert sent(stream, 1, 3) == []
    injector.apply("end burst:left_arm")
    assert sent(stream, 4, 4) == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_some_messages_are_dropped_and_some_are_not(injector):
    stream = SpoiltStream(injector, "head")
    injector.apply("begin drop:head:0.5")
    assert 20 < len(sent(stream, 1, 100)) < 80


def test_a_spoilt_joint_state_has_a_nan(injector):
    stream = SpoiltStream(injector, "left_arm", lambda positions: positions * np.nan)
    injector.apply("begin nan_joints:left_arm")
    assert np.isnan(stream.passed(NS, np.ones(7))[0][1]).all()


def test_two_faults_of_one_stream_add_up(injector):
    stream = SpoiltStream(injector, "head")
    sent(stream, 1, 1)
    injector.apply("begin camera_freeze:head")
    injector.apply("begin delay:head:0.1")
    assert sent(stream, 2, 3) == [(2, 1)]
    injector.apply("end camera_freeze:head")
    assert injector.find("camera_freeze", "head") is None and injector.find("delay", "head") is not None


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ("camera_freeze:head", "write 'begin FAULT' or 'end FAULT'"),
        ("begin camera_freeze:haed", "did you mean 'head'"),
        ("begin kill:policy_node", "not for the simulator"),
    ],
)
def test_an_order_that_makes_no_sense_changes_nothing(injector, order, complaint):
    assert complaint in injector.apply(order)
    assert sent(SpoiltStream(injector, "head"), 1, 1) == [(1, 1)]
