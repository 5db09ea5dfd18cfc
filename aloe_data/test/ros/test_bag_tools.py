"""inspect, list and verify, on bags that are sound, changed, lossy or damaged."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest
from episode_bag import write_episode
from mcap.writer import CompressionType, Writer

from aloe_data import bag_file
from aloe_data.ros import inspect_bag, list_bags, verify_bags
from aloe_data.verdicts import GivenVerdict, give_verdict

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes an episode of one second as the recorder would."""
    return lambda name, *left_out, **record: write_episode(tmp_path / name, *left_out, **record)


def run(module: Any, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str | int | None:
    """Run a command; what it exits with."""
    monkeypatch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
    try:
        module.main()
    except SystemExit as error:
        return error.code
    return 0


def test_inspect_tells_and_draws_what_is_in_a_bag(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bag = make("ep_0003", ("/cameras/head/image_raw/compressed", range(300, 400)))
    assert run(inspect_bag, monkeypatch, bag, "--out", tmp_path / "pictures", "--columns", 5) == 0
    said = capsys.readouterr().out
    assert "ep_0003, seed 7, sort the cubes" in said
    assert "success, sorted" in said
    assert "closed in order" in said
    head = next(line for line in said.splitlines() if line.startswith("/cameras/head"))
    assert head.split()[1:6] == ["30", "0", "29.3", "30", "1"] and "0.150 s at   0.27 s" in head
    assert "left_arm     policy 37 %, human (eva) 63 %" in said
    assert "human           0.30s   0.80s  success, terminal (left_arm)" in said
    sheet = cv2.imread(str(tmp_path / "pictures" / "ep_0003_frames.png"))
    assert sheet.shape[1] == 5 * 130
    orange = (sheet == (14, 127, 255)).all(axis=2).sum()
    assert orange > 1000
    assert (tmp_path / "pictures" / "ep_0003_timing.png").stat().st_size > 5000


def test_list_has_a_line_per_bag_and_names_those_that_were_not_closed(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make("ep_0000", lost={"/executed_action": 3})
    make("ep_0001")
    torn = next(make("ep_0002").glob("*.mcap"))
    torn.write_bytes(torn.read_bytes()[:-100])
    give_verdict(tmp_path, GivenVerdict("ep_0001", "failure", "eva", "dropped", 0))
    assert run(list_bags, monkeypatch, tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "success      3 lost  sort the cubes" in lines[0]
    assert "failure*" in lines[1]
    assert "ep_0002_0.mcap was not finished" in lines[2]
    assert f"`ros2 run aloe_data repair {tmp_path / 'ep_0002'}` keeps what is readable" in lines[2]
    assert "2 episodes, 0.00 h" in lines[3] and "1 success, 1 failure; * verdict changed" in lines[3]


def test_list_says_which_line_of_verdicts_it_cannot_read_once_and_which_verdict_is_of_no_bag(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("ep_0000", "ep_0001"):
        make(name)
    give_verdict(tmp_path, GivenVerdict("ep_0001", "failure", "eva", "dropped", 0))
    file = tmp_path / "verdicts.jsonl"
    file.write_text(file.read_text().replace("ep_0001", "ep_001"))
    assert run(list_bags, monkeypatch, tmp_path) == 0
    assert f"{file}: there is no ep_001, of which a verdict is given" in capsys.readouterr().out
    file.write_text(file.read_text().replace("}", ",}"))
    assert run(list_bags, monkeypatch, tmp_path) == 0
    said = capsys.readouterr().out
    assert said.count(f"{file}:1: a comma before the closing bracket; correct or remove that line") == 1
    assert "0 episodes" in said


def test_verify_reads_everything_and_names_what_is_wrong(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make("ep_0000", strangers={"/executed_action": ["rosbag2_player"]})
    assert run(verify_bags, monkeypatch, tmp_path) == 0
    said_first = capsys.readouterr().out
    assert "/executed_action: rosbag2_player published it as well" in said_first and "1 bags: 1 sound" in said_first
    make("ep_0001", ("/left_arm/joint_states", range(1000)))
    make("ep_0002", ("/executed_action", range(500, 600)))
    make("ep_0003", ("/episode/events", range(500, 1000)))
    file = next(make("ep_0004").glob("*.mcap"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 4
    file.write_bytes(data)
    (make("ep_0005") / "metadata.yaml").write_text("[")
    assert run(verify_bags, monkeypatch, tmp_path) == 1
    lines = capsys.readouterr().out.splitlines()
    said = {line.split(": ")[0].rpartition("/")[2]: line for line in lines if "/ep_" in line}
    assert said["ep_0000"].endswith(": ok")
    assert "/left_arm/joint_states: no messages" in said["ep_0001"]
    assert "/executed_action: 5 messages lost" in said["ep_0002"]
    assert "1 START and 0 STOP" in said["ep_0003"]
    assert "checksum does not fit" in said["ep_0004"] and "repair" in said["ep_0004"]
    assert "metadata.yaml cannot be read: line 2" in said["ep_0005"]
    assert "6 bags: 1 sound, 5 with problems" in lines[-1]


def test_verify_says_when_damage_could_not_be_seen(
    make: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def without_checksums(stream: Any, _: str) -> Writer:  # as rosbag2's own writer by default
        writer = Writer(stream, compression=CompressionType.NONE, enable_crcs=False)
        writer.start(profile="ros2")
        return writer

    with monkeypatch.context() as patch:
        patch.setattr(bag_file, "start_mcap", without_checksums)
        make("ep_0000")
    make("ep_0001")
    assert run(verify_bags, monkeypatch, tmp_path) == 0
    bare, _, sound = capsys.readouterr().out.partition("/ep_0001")
    assert "ok\n" in bare and "ep_0000_0.mcap: written without checksums: damage inside cannot be seen" in bare
    assert "ok\n" in sound and "checksums" not in sound


@pytest.mark.parametrize("module", [inspect_bag, list_bags, verify_bags], ids=["inspect", "list", "verify"])
def test_a_folder_without_bags_is_named(module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = run(module, monkeypatch, tmp_path)
    assert isinstance(code, str) and str(tmp_path) in code
