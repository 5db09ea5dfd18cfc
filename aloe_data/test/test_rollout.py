from pathlib import Path

import pytest

from aloe_data.config import ConfigError
from aloe_data.episode import Verdict
from aloe_data.rollout import RolloutConfig, find_checkpoint, find_rig_file, rollout_config
from aloe_data.rollout_summary import Outcome, episode_line, summary_lines
from aloe_data.statistics import TickStatistics


def test_arguments_come_as_text_and_leave_with_their_types() -> None:
    config = rollout_config({"episodes": "5", "headless": "false", "real_time_factor": "2", "policy": "123"})
    assert config == RolloutConfig(episodes=5, headless=False, real_time_factor=2.0, policy="123")


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("episods", "3", "did you mean 'episodes'"),
        ("episodes", "many", "expected int, got 'many'"),
        ("episodes", "0", "outside 1"),
        ("headless", "maybe", "expected bool"),
    ],
)
def test_a_wrong_argument_is_named_with_the_remedy(name: str, value: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        rollout_config({name: value})


def test_a_rig_is_a_file_or_an_installed_name(tmp_path: Path) -> None:
    (tmp_path / "rig_sim.yaml").touch()
    assert find_rig_file("sim", tmp_path) == tmp_path / "rig_sim.yaml"
    assert find_rig_file(str(tmp_path / "rig_sim.yaml"), tmp_path / "other") == tmp_path / "rig_sim.yaml"
    with pytest.raises(ConfigError, match="installed rigs: sim"):
        find_rig_file("my_robot", tmp_path)


def test_a_checkpoint_is_a_folder_or_the_shipped_one(tmp_path: Path) -> None:
    assert find_checkpoint("", tmp_path) == tmp_path
    with pytest.raises(ConfigError, match="expert"):
        find_checkpoint(str(tmp_path / "nowhere"), tmp_path)


def test_the_summary_counts_aborted_episodes_apart() -> None:
    success = Outcome("ep_0000", Verdict.SUCCESS, 5.9, "/bags/ep_0000", 0, "the goal is reached")
    abort = Outcome("ep_0001", Verdict.ABORT, 1.0, "/bags/ep_0001", 2, "policy_node is silent")
    text = "\n".join(summary_lines([success, abort], TickStatistics(300, 0, 0.4), 36.0))
    assert "1 of 1 (100 %, 95 % interval 21 to 100 %)" in text
    assert "aborted      1" in text
    assert "100 successes/h" in text
    assert "300 ticks, 0 missed, jitter p99 0.40 ms" in text
    assert "2 messages lost" in text
    assert episode_line(2, 3, abort).endswith("/bags/ep_0001  policy_node is silent")
    assert "the goal" not in episode_line(1, 3, success)
