"""When faults happen: what a file may say, and what is due at a moment."""

from pathlib import Path

import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.faults.kinds import Fault, FaultError
from aloe_sim.faults.schedule import Planned, Schedule, plan, read_schedule

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    return path


def test_a_lasting_fault_needs_an_end_and_a_single_one_has_none():
    with pytest.raises(FaultError, match="how long"):
        plan(1.0, Fault("camera_freeze", "head"), None)
    with pytest.raises(FaultError, match="happens once"):
        plan(1.0, Fault("nan_chunk"), 2.0)
    with pytest.raises(FaultError, match="times lie between"):
        plan(-1.0, Fault("nan_chunk"), None)


def test_a_file_gives_a_schedule(tmp_path):
    path = written(tmp_path, "- {at: 3, fault: 'camera_freeze:head', for: 2}\n- {at: 8, fault: 'kill:policy_node'}\n")
    assert read_schedule(path, RIG) == [
        Planned(3.0, Fault("camera_freeze", "head"), 2.0),
        Planned(8.0, Fault("kill", "policy_node"), 0.0),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {at: 3, fault: 'camera_freeze:head'}", r"faults.yaml: faults\[0\].fault: .*how long"),
        ("- {at: 3, fault: nan_chunk, during: 2}", r"unknown key 'during'"),
        ("- {fault: nan_chunk}", r"faults\[0\].at: missing"),
        ("faults", "expected a list"),
        ("[", "not valid YAML: line 1"),
    ],
)
def test_a_file_that_is_no_schedule_is_refused_with_file_and_entry(tmp_path, text, complaint):
    with pytest.raises(FaultError, match=complaint):
        read_schedule(written(tmp_path, text), RIG)


def test_beginnings_and_ends_come_in_order_and_once():
    freeze, kill = Fault("camera_freeze", "head"), Fault("kill", "policy_node")
    schedule = Schedule([Planned(2.0, kill, 0.0), Planned(1.0, freeze, 3.0)])
    assert schedule.next(0.5) is None
    assert schedule.next(2.5) == (True, freeze)
    assert schedule.next(2.5) == (True, kill)
    assert schedule.next(3.9) is None and not schedule.finished
    assert schedule.next(4.0) == (False, freeze)
    assert schedule.finished and schedule.next(9.0) is None
