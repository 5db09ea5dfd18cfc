"""The whole suite as a user starts it, with real processes."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from raw_rig import write_raw_rig

pytest.importorskip("launch_ros")
pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[3]
SHIPPED = ROOT / "assets" / "sorting"
Rollout = Callable[..., Any]


def read_bag(bag: Path) -> tuple[Counter[str], dict[str, list[Any]]]:
    """Messages per topic, and the decoded ones of this suite's small topics, by a reader that is not ours."""
    from rosbags.highlevel import AnyReader

    decoded: dict[str, list[Any]] = {}
    with AnyReader([bag]) as reader:
        for connection, _, raw in reader.messages():
            decoded.setdefault(connection.topic, []).append(reader.deserialize(raw, connection.msgtype))
    return Counter({topic: len(messages) for topic, messages in decoded.items()}), decoded


def verdicts(decoded: dict[str, list[Any]]) -> list[int]:
    return [e.verdict for e in decoded["/episode/events"] if e.kind == e.VERDICT]


def test_an_episode_runs_ends_by_itself_and_leaves_a_complete_bag(rollout: Rollout, tmp_path: Path) -> None:
    prompt = """no: blue left, # it's "1e3" green right"""  # which YAML would read in another way
    rig = write_raw_rig(tmp_path, ["head"])
    process = rollout(policy="expert", episodes=1, record=tmp_path, seed=3, prompt=prompt, rig=rig)
    assert process.wait(120) == 0, process.text
    assert "episode 1/1  success" in process.text
    assert "95 % interval" in process.text
    assert "messages lost" in process.text
    assert not process.processes()
    count, decoded = read_bag(tmp_path / "ep_0000")
    seconds = len(decoded["/executed_action"]) / 50
    for topic in ("head/image_raw", "left_wrist/image_raw/compressed", "right_wrist/image_raw/compressed"):
        assert count[f"/cameras/{topic}"] > 20 * seconds
    assert decoded["/cameras/head/image_raw"][0].encoding == "rgb8"
    for arm in ("left_arm", "right_arm"):
        assert count[f"/{arm}/joint_states"] > 45 * seconds
        assert count[f"/replay/{arm}/command"] > 0
    assert count["/policy/action_chunk"] > seconds
    events = [(e.kind, e.verdict) for e in decoded["/episode/events"]]
    assert events[0][0] == 0 and verdicts(decoded) == [1]
    ticks = [m.tick for m in decoded["/executed_action"]]
    assert ticks == list(range(ticks[0], ticks[0] + len(ticks))), "a control tick is missing"
    assert {s.prompt for s in decoded["/episode/state"] if s.episode_id} == {prompt}


def test_ctrl_c_leaves_a_valid_bag_and_no_process(rollout: Rollout, tmp_path: Path) -> None:
    process = rollout(policy="expert", episodes=5, record=tmp_path)
    process.wait_for("ep_0000 runs")
    process.interrupt()
    process.wait(30)
    assert not process.processes()
    count, decoded = read_bag(tmp_path / "ep_0000")
    assert count["/executed_action"] > 0
    assert verdicts(decoded) == [3]
    assert "Traceback" not in process.text


def test_a_launch_that_is_killed_takes_its_nodes_with_it_and_leaves_resting_arms_and_a_valid_bag(
    rollout: Rollout, tmp_path: Path
) -> None:
    process = rollout(policy="expert", episodes=5, record=tmp_path)
    process.wait_for("ep_0000 runs")
    process.kill_launch()
    process.wait(30)
    psutil.wait_procs(process.processes(), timeout=30)
    assert not process.processes()
    _, decoded = read_bag(tmp_path / "ep_0000")
    assert verdicts(decoded) == [3]
    assert not decoded["/intervention"][-1].armed


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no shipped checkpoint")
def test_a_policy_that_dies_leaves_holding_arms_an_aborted_episode_and_a_valid_bag(
    rollout: Rollout, tmp_path: Path
) -> None:
    process = rollout(episodes=3, record=tmp_path, timeout_s=60)
    process.wait_for("ep_0000 runs", 120)
    process.kill_node("policy_node")
    assert process.wait(60) != 0
    assert "abort" in process.text
    assert not process.processes()
    _, decoded = read_bag(tmp_path / "ep_0000")
    assert verdicts(decoded) == [3]
    last = decoded["/executed_action"][-1]
    assert all(arm.source == arm.HOLD for arm in last.arms)
    assert "policy" in next(m.fault for m in decoded["/intervention"] if m.fault)


def test_a_bag_folder_that_cannot_be_written_is_named_with_the_remedy(rollout: Rollout, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    process = rollout(policy="expert", episodes=1, record=tmp_path / "file" / "bags")
    assert process.wait(60) != 0
    assert f"cannot record into {tmp_path / 'file' / 'bags'}" in process.text
    assert "record:=FOLDER" in process.text
    assert not process.processes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"episods": 3}, "unknown parameter 'episods'; did you mean 'episodes'?"),
        ({"episodes": "many"}, "episodes: expected int, got 'many'"),
        ({"task": "sortin"}, "unknown task 'sortin'; did you mean 'sorting'"),
        ({"policy": "nowhere"}, "policy:=nowhere is no folder; choose the folder of a checkpoint, 'expert'"),
        ({"rig": "nowhere"}, "rig:=nowhere is no file and no installed rig; installed rigs: "),
        ({"human": "pedal"}, "human:=pedal is no file and no installed teleop file; installed teleop files: "),
        ({"human": "scripted", "rig": "aloha"}, "human:=scripted needs a simulated rig"),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_starts(rollout: Rollout, arguments: Any, message: str) -> None:
    process = rollout(**arguments)
    assert process.wait(60) != 0
    assert message in process.text
    assert "process started" not in process.text
    assert not process.processes()


def test_simulated_time_may_run_faster_than_the_wall_clock(rollout: Rollout, tmp_path: Path) -> None:
    process = rollout(policy="expert", episodes=1, record=tmp_path, real_time_factor=1.5)
    assert process.wait(120) == 0, process.text
    count, decoded = read_bag(tmp_path / "ep_0000")
    stamps = [m.clock.sec + m.clock.nanosec / 1e9 for m in decoded["/clock"]]
    assert stamps == sorted(stamps)
    assert stamps[-1] < 1e6, "simulated time, not the wall clock"
    assert count["/executed_action"] > 50


def test_a_bag_is_not_needed(rollout: Rollout) -> None:
    process = rollout(policy="expert", episodes=1, record="false", timeout_s=1)
    assert process.wait(60) == 0, process.text
    assert "not recorded" in process.text
