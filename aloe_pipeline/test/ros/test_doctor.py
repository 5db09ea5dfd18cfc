"""The doctor's command, where nothing runs."""

import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("launch_ros")
from ament_index_python.packages import get_package_prefix

from aloe_data import machine_checks
from aloe_data.ros import stream_probe
from aloe_pipeline.ros import doctor


def test_without_a_graph_it_says_at_once_what_is_missing_and_what_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "99")
    monkeypatch.setattr(stream_probe, "_DISCOVERY_S", 0.1)
    monkeypatch.setattr(machine_checks, "_MOST", 1 << 20)
    monkeypatch.setattr(sys, "argv", ["doctor", "--record", str(tmp_path / "bags"), "--teleop", "leader"])
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    lines = capfd.readouterr().out.splitlines()
    levels = {line[6:17].strip(): line[:5].strip() for line in lines}
    assert ended.value.code == 1
    assert levels["topics"] == "FAIL" and "/left_leader/joint_states" in lines[0]
    assert levels["policy"] == "OK" and not {"qos", "rate", "clock", "images", "contents"} & levels.keys()
    assert levels["devices"] == "FAIL", "its pedals are not plugged in"
    assert not (tmp_path / "bags").exists()


def test_it_is_an_executable_of_the_package() -> None:
    assert os.access(Path(get_package_prefix("aloe_pipeline")) / "lib" / "aloe_pipeline" / "doctor", os.X_OK)
