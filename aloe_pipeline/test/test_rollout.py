import re
from pathlib import Path

import pytest

from aloe_data.config import ConfigError
from aloe_data.installed_files import find_operator_file, find_rig_file
from aloe_data.operator_devices import device_kinds
from aloe_data.rig_file import load_rig
from aloe_data.rollout_summary import EpisodeOutcome, Takeovers, episode_line, summary_lines
from aloe_data.statistics import TickStatistics
from aloe_data.vocabulary import Verdict
from aloe_pipeline.node_plan import plan_nodes
from aloe_pipeline.rollout import RolloutConfig, find_checkpoint, resumed, rollout_config

FILES = Path(__file__).parents[2] / "config"


def plan(rig: str = "sim", **config: object) -> dict[str, dict[str, object]]:
    """Parameters by node."""
    asked = RolloutConfig(rig=rig, policy=str(FILES), **config)  # type: ignore[arg-type]
    file = find_rig_file(rig, FILES)
    loaded = load_rig(file)
    teleop = find_operator_file(asked.human, asked.operator, loaded, FILES)
    return {p.executable: dict(p.parameters) for p in plan_nodes(asked, file, loaded, teleop, FILES)}


def test_arguments_come_as_text_and_leave_with_their_types() -> None:
    config = rollout_config({"episodes": "5", "headless": "false", "real_time_factor": "2", "policy": "123"})
    assert config == RolloutConfig(episodes=5, headless=False, real_time_factor=2.0, policy="123")


def test_what_launch_itself_understands_is_left_to_it() -> None:
    asked = {"prompt": "no", "sigterm_timeout": "20", "launch-prefix": "nice", "emulate_tty": "true"}
    assert rollout_config(asked) == RolloutConfig(prompt="no")


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


def test_a_checkpoint_is_a_folder_or_the_one_that_comes_for_the_task(tmp_path: Path) -> None:
    (tmp_path / "sorting").mkdir()
    (tmp_path / "sorting" / "sha256").touch()  # which a store of demonstrations beside it has not
    assert find_checkpoint("", tmp_path, "sorting") == tmp_path / "sorting"
    assert find_checkpoint(str(tmp_path), tmp_path, "") == tmp_path
    with pytest.raises(ConfigError, match=r"nowhere is no folder.*expert.*sorting"):
        find_checkpoint(str(tmp_path / "nowhere"), tmp_path, "sorting")
    for task in ("knitting", ""):
        with pytest.raises(ConfigError, match=rf"for the task '{task}'.*comes for .sorting"):
            find_checkpoint("", tmp_path, task)


def test_the_summary_counts_aborted_episodes_apart() -> None:
    success = EpisodeOutcome("ep_0000", Verdict.SUCCESS, 5.9, "/bags/ep_0000", 0, "the goal is reached")
    abort = EpisodeOutcome("ep_0001", Verdict.ABORT, 1.0, "/bags/ep_0001", 2, "policy_node is silent")
    text = "\n".join(summary_lines([success, abort], TickStatistics(300, 0, 0.4), 36.0))
    assert "1 of 1 (100 %, 95 % interval 21 to 100 %)" in text
    assert "aborted      1" in text
    assert "100 successes/h" in text
    assert "300 ticks, 0 missed, jitter p99 0.40 ms" in text
    assert "2 messages lost" in text
    assert episode_line(2, 3, abort).endswith("/bags/ep_0001  policy_node is silent")
    assert "the goal" not in episode_line(1, 3, success)


def test_without_a_human_no_takeover_is_asked_for() -> None:
    nodes = plan()
    assert set(nodes) == {"control_node", "episode_node", "recorder_node", "sim_node", "policy_node"}
    assert "takeover" not in nodes["control_node"]
    assert nodes["control_node"]["takeovers"] is False
    assert nodes["sim_node"]["human"] is False


def test_motion_is_bonded_to_who_keeps_its_time_and_who_records_it() -> None:
    assert plan()["control_node"]["bonds"] == "episode_node,recorder_node"
    assert plan(record="false")["control_node"]["bonds"] == "episode_node"


def test_on_a_real_rig_without_takeovers_somebody_still_says_ready_and_stops(tmp_path: Path) -> None:
    nodes = plan(rig="aloha", prompt="pack the phone")
    assert nodes["control_node"]["takeovers"] is False and "takeover" not in nodes["control_node"]
    assert nodes["teleop_node"]["config"] == str(FILES / "teleop_pedals.yaml")
    assert nodes["episode_node"]["ready_hint"] == "press KEY_KPENTER on stop_pad"
    chosen = plan(rig="aloha", prompt="pack the phone", operator="gamepad")
    assert chosen["teleop_node"]["config"] == str(FILES / "teleop_gamepad.yaml")
    taken = plan(rig="aloha", prompt="pack the phone", human="leader")
    assert taken["control_node"]["takeovers"] is True
    lacking = tmp_path / "mine.yaml"
    lacking.write_text("operator: me\ndevices:\n  feet: {kind: pedals, device: Foot, estop: KEY_A}\n")
    with pytest.raises(ConfigError, match=r"mine.yaml: no device has a key for reset, ready, without which"):
        plan(rig="aloha", prompt="pack the phone", operator=str(lacking))
    with pytest.raises(ConfigError, match="operator:=pedal is no file and no installed teleop file"):
        plan(rig="aloha", prompt="pack the phone", operator="pedal")


def test_with_a_human_motion_needs_the_takeover_device() -> None:
    nodes = plan(human="scripted")
    assert nodes["control_node"]["takeover"] == "required"
    assert nodes["sim_node"]["human"] is True
    assert nodes["teleop_node"]["config"] == str(FILES / "teleop_scripted.yaml")


def test_a_device_for_people_does_not_make_the_simulator_compute_an_expert(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("operator: me\ndevices:\n  feet: {kind: pedals}\n  hand: {kind: leader}\n")
    assert device_kinds(file) == {"pedals", "leader"}
    assert plan(human=str(file))["sim_node"]["human"] is False


def test_a_critic_sees_the_policy_of_the_rollout_and_its_own_arguments(tmp_path: Path) -> None:
    nodes = plan(critic=str(tmp_path), critic_force=True, critic_low_advantage=2.0)
    asked = nodes["critic_node"]
    assert (asked["critic"], asked["checkpoint"]) == (str(tmp_path), nodes["policy_node"]["checkpoint"])
    assert (asked["force"], asked["other_policy"], asked["low_advantage"], asked["high_spread"]) == (True, False, 2, 1)
    assert "critic_node" not in plan()


def test_a_guided_policy_takes_the_place_of_the_policy_and_the_critic_still_says_what_it_thinks(tmp_path: Path) -> None:
    nodes = plan(critic=str(tmp_path), guided=True, critic_force=True)
    assert "policy_node" not in nodes and "critic_node" in nodes
    guided = nodes["guided_policy_node"]
    assert (guided["critic"], guided["force"], guided["other_policy"]) == (str(tmp_path), True, False)
    assert guided["checkpoint"] == plan()["policy_node"]["checkpoint"]
    with pytest.raises(ConfigError, match="guided:=true needs critic:=FOLDER"):
        plan(guided=True)


def test_how_much_of_a_chunk_is_followed_is_told_to_whoever_proposes(tmp_path: Path) -> None:
    assert plan()["policy_node"]["n_action_steps"] == 25
    assert plan(n_action_steps=10)["policy_node"]["n_action_steps"] == 10
    nodes = plan(n_action_steps=10, critic=str(tmp_path), guided=True)
    assert nodes["guided_policy_node"]["n_action_steps"] == 10


def test_a_critic_that_cannot_judge_or_ask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder; choose the one that train_critic wrote"):
        plan(critic=str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="somebody who can take over"):
        plan(critic=str(tmp_path), critic_ask_takeover=True)
    asked = RolloutConfig(policy="expert", critic=str(tmp_path))
    with pytest.raises(ConfigError, match="judges the chunks of a trained policy"):
        plan_nodes(asked, FILES / "rig_sim.yaml", load_rig(FILES / "rig_sim.yaml"), None, FILES)


def test_a_keyboard_is_left_to_a_terminal_but_motion_waits_for_it() -> None:
    nodes = plan(human="keyboard")
    assert "teleop_node" not in nodes
    assert nodes["episode_node"]["arm_timeout_s"] == 600.0
    assert nodes["control_node"]["takeover"] == "required"


def test_what_needs_a_simulator_is_refused_on_a_real_rig() -> None:
    with pytest.raises(ConfigError, match="human:=scripted needs a simulated rig"):
        plan(rig="aloha", human="scripted")
    with pytest.raises(ConfigError, match=r"rig_aloha.yaml describes a real rig, which has no task of its own"):
        plan(rig="aloha", human="pedals")
    nodes = plan(rig="aloha", human="pedals", prompt="pack the phone")
    assert "sim_node" not in nodes
    assert nodes["driver_relay"]["arms"] == "left_arm,right_arm"
    assert "driver_relay" not in plan()


def test_an_arm_whose_relay_runs_elsewhere_gets_none_here(tmp_path: Path) -> None:
    text = (FILES / "rig_aloha.yaml").read_text().replace("urdf: ", f"urdf: {FILES}/")
    path = tmp_path / "rig.yaml"
    path.write_text(text.replace("      group: arm\n", "      group: arm\n      elsewhere: true\n", 1))
    nodes = plan(rig=str(path), human="pedals", prompt="pack the phone")
    assert nodes["driver_relay"]["arms"] == "right_arm"


def test_a_real_rig_without_drivers_is_told_what_to_write(tmp_path: Path) -> None:
    text = (FILES / "rig_aloha.yaml").read_text().replace("urdf: ", f"urdf: {FILES}/")
    path = tmp_path / "rig.yaml"
    path.write_text(re.sub(r"    driver:\n(      .*\n)+", "    command_type: sensor_msgs/msg/JointState\n", text))
    with pytest.raises(ConfigError, match="left_arm, right_arm: no driver is named"):
        plan(rig=str(path), human="pedals", prompt="pack the phone")
    with pytest.raises(ConfigError, match=r"no installed teleop file; installed teleop files: .*pedals"):
        plan(human="pedal")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.yaml: top level: expected a mapping .* got nothing"),
        ("- a", "mine.yaml: top level: expected a mapping .* got \\['a'\\]"),
        ("operator: me\ndevices:", "mine.yaml: devices: expected a mapping .*line 2"),
        ("devices: {x: 3}", "devices.x: expected a mapping"),
        ("devices:\n  x: {kind: leader, topic: no}", "devices.x.topic: .* False; put it in quotes .line 2"),
        ("devices:\n  x: {kind: leader, topic: /a b}", "devices.x.topic: '/a b' is not an absolute ROS name .*line 2"),
        ("devices:\n  on: {kind: pedals}", "devices: the key True is no text; put it in quotes .line 2"),
        ("devices:\n\tx: {kind: pedals}", "line 2, column 1: .*indent with spaces"),
    ],
)
def test_a_teleop_file_that_cannot_be_read_is_refused_before_anything_starts(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        device_kinds(file)


def test_collecting_goes_on_with_the_scene_after_the_last_episode(tmp_path: Path) -> None:
    config = RolloutConfig(record=str(tmp_path), seed=40)
    assert resumed(config).seed == 40
    (tmp_path / "ep_0002").mkdir()
    assert resumed(config).seed == 43
    with pytest.raises(ConfigError, match="record:=FOLDER"):
        resumed(RolloutConfig(record="false"))


def test_takeovers_are_counted_in_all_and_by_arm() -> None:
    takeovers = Takeovers()
    for left, right in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (0, 0), (0, 1), (0, 0)):
        takeovers.add_tick({"left": bool(left), "right": bool(right)})
    assert (takeovers.count, takeovers.arms) == (2, {"left": 1, "right": 2})
    assert str(takeovers) == "2 takeovers (left 1, right 2; 50 % of the time)"
    outcome = EpisodeOutcome("ep_0000", Verdict.SUCCESS, 5.9, "", 0, "", takeovers)
    assert "2 takeovers" in episode_line(1, 3, outcome)
    calm = EpisodeOutcome("ep_0001", Verdict.SUCCESS, 5.9, "", 0, "", Takeovers(ticks=8))
    assert "takeover" not in episode_line(2, 3, calm)
    text = "\n".join(summary_lines([outcome, calm], TickStatistics(16, 0, 0.4), 36.0))
    assert "human        2 takeovers (left 1, right 2; 25 % of the time) in 1 episode" in text
