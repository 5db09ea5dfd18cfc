"""A human in the whole suite, with real processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("launch_ros")

from aloe_control.ros.reexecute import reexecute_bag, summary
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_data.segments import AUTONOMOUS, HUMAN, episode_segments

pytestmark = pytest.mark.timeout(240)
RIG_FILE = Path(__file__).parents[3] / "config" / "rig_sim.yaml"
IMPATIENT = """
operator: nobody_else
devices:
  watcher: {kind: scripted, stall_s: 1.5, reaction_s: 0.2, hand_back: false}
"""


def test_an_episode_is_taken_over_and_finished_by_a_person_and_collecting_ends_with_enough_successes(
    rollout: Callable[..., Any], tmp_path: Path
) -> None:
    person, bags = tmp_path / "person.yaml", tmp_path / "bags"
    person.write_text(IMPATIENT)
    (bags / "ep_0006").mkdir(parents=True)
    process = rollout("collect.launch.py", human=person, policy="expert", record=bags, successes=1, episodes=4)
    assert process.wait(120) == 0, process.text
    assert "TAKE of right_arm asked for by watcher: no progress for 1.5 s" in process.text
    assert "episode 1/4  success" in process.text and "episode 2/4" not in process.text
    assert "1 takeover (right_arm 1; " in process.text
    assert not process.processes()
    episode = read_episode(bags / "ep_0007", load_rig(RIG_FILE), image_size=(24, 32))
    assert episode.facts.seed == 7, "the scene after those of the bags in the folder"
    policy, human = [s for s in episode_segments(episode) if s.kind in (AUTONOMOUS, HUMAN)]
    assert (policy.end, policy.success, human.end, human.arms) == ("takeover", False, "success", ("right_arm",))
    began_s = (episode.stamps_ns[human.start] - episode.stamps_ns[0]) / 1e9
    assert 1.5 < began_s < 4.0, "its patience (1.5 s) and its reaction (0.2 s) after the episode began"
    assert {episode.operator.at(tick, 1) for tick in range(human.start, human.stop)} == {"nobody_else"}
    assert episode.reason.at(human.start, 1) == "no progress for 1.5 s"
    steps = np.abs(np.diff(episode.executed[human.start - 2 : human.start + 3], axis=0))
    assert steps.max() < 0.1, "nothing jumps where the arm changes hands"
    again = reexecute_bag(bags / "ep_0007", load_rig(RIG_FILE))
    alone = [tick for tick in again if tick.recorded.stamp_ns < episode.stamps_ns[human.start]]
    assert len(alone) > 75
    assert max(tick.difference_rad for tick in alone) == 0.0, f"to the last bit: {summary(alone)}"


def test_a_keyboard_is_told_where_to_start_and_nothing_moves_before(rollout: Callable[..., Any]) -> None:
    process = rollout(human="keyboard", policy="expert", record="false")
    process.wait_for("waiting for human:=keyboard.* ros2 run aloe_teleop teleop_node --ros-args -p .rig:=")
    process.wait_for("/control/arm true: not armed: .*device")
    process.interrupt()
    process.wait(30)
    assert "runs:" not in process.text, "no episode has begun"
