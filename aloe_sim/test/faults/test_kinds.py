"""Faults as they are written: what is understood, and what is refused."""

from pathlib import Path

import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.faults.kinds import KINDS, Fault, FaultError, describe, parse_fault

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("camera_freeze:head", Fault("camera_freeze", "head")),
        ("delay:left_arm:0.3", Fault("delay", "left_arm", 0.3)),
        ("drop:right_wrist", Fault("drop", "right_wrist", 1.0)),
        ("clock_jump:-2", Fault("clock_jump", "", -2.0)),
        ("stall:/policy/action_chunk", Fault("stall", "/policy/action_chunk")),
        (" nan_chunk ", Fault("nan_chunk")),
    ],
)
def test_a_fault_is_read_with_its_target_and_value(text, fault):
    assert parse_fault(text, RIG) == fault


def test_every_kind_is_described_and_can_be_read_as_it_writes_itself():
    for name, kind in KINDS.items():
        target = {"": "", "camera": ":head", "arm": ":left_arm", "stream": ":head"}.get(kind.target, ":policy_node")
        fault = parse_fault(name + target, RIG)
        assert parse_fault(str(fault), RIG) == fault
        assert kind.effect in describe() and kind.expected in describe()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("camera_freez:head", "did you mean 'camera_freeze'"),
        ("camera_freeze:haed", "did you mean 'head'"),
        ("camera_freeze:left_arm", "no camera 'left_arm'"),
        ("kill", "which node"),
        ("delay:head:soon", "'soon' is not a number"),
        ("delay:head:nan", "outside"),
        ("nan_chunk:3", "says too much"),
    ],
)
def test_what_is_no_fault_is_refused_with_what_is_valid(text, complaint):
    with pytest.raises(FaultError, match=complaint):
        parse_fault(text, RIG)
