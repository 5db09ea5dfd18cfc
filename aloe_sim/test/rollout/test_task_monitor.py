"""What the task monitor says of sorting; states are written into MuJoCo's results, no time passes."""

from pathlib import Path

import numpy as np
import pytest

from aloe_data.rig_file import load_rig
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.task_monitor import Situation, assess
from aloe_sim.tasks.registry import make_expert
from aloe_sim.tasks.sorting.task import BINS_XY_M, CUBE_HALF_M

RIG = load_rig(Path(__file__).parents[3] / "config" / "rig_sim.yaml")
LEFT_BIN, RIGHT_BIN = (np.array([*BINS_XY_M[side], 0.02]) for side in ("left", "right"))


class Scene:
    """Cube 0 belongs to the left, cube 1 to the right; both lie between the bins and no arm is near."""

    def __init__(self) -> None:
        self.sim = SimRig(RIG)
        self._expert = make_expert(self.sim)
        colours = [a.colour for a in self.sim.task.assignments]  # type: ignore[attr-defined]
        self.sim.task.set_prompt(f"put {colours[0]} in the left bin and {colours[1]} in the right bin")
        self.put(0, [0.35, 0.1, CUBE_HALF_M])
        self.put(1, [0.35, -0.1, CUBE_HALF_M])

    def put(self, cube: int, xyz: object) -> None:
        self.sim.data.body(f"cube{cube}").xpos[:] = xyz

    def grasp(self, arm: str, xyz: object) -> None:
        self.sim.data.site(f"{arm}/tool").xpos[:] = xyz
        self.sim.data.joint(f"{arm}/finger_left").qpos[0] = CUBE_HALF_M

    def situation(self) -> Situation:
        return assess(self.sim, self._expert)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_cubes_where_they_start_are_no_trouble_and_each_needs_the_arm_of_its_side(scene: Scene) -> None:
    assert scene.situation() == Situation(0.0, False, "", "", ("left_arm", "right_arm"))


def test_a_cube_in_its_bin_needs_no_arm(scene: Scene) -> None:
    scene.put(0, LEFT_BIN)
    assert scene.situation() == Situation(0.5, False, "", "", ("right_arm",))
    scene.put(1, RIGHT_BIN)
    assert scene.situation() == Situation(1.0, True, "", "", ())


def test_a_cube_beside_its_bin_was_dropped(scene: Scene) -> None:
    scene.put(0, [0.36, 0.22, CUBE_HALF_M])
    scene.put(1, RIGHT_BIN)
    situation = scene.situation()
    assert "was dropped" in situation.trouble
    assert situation.arms == ("left_arm",)


def test_a_cube_in_the_air_is_not_dropped_yet(scene: Scene) -> None:
    scene.put(0, [0.36, 0.22, 0.2])
    assert scene.situation().trouble == ""


def test_a_cube_in_the_hand_of_the_wrong_arm_is_trouble_for_both_arms(scene: Scene) -> None:
    lifted = [0.35, 0.05, 0.12]
    scene.put(0, lifted)
    scene.put(1, RIGHT_BIN)
    scene.grasp("right_arm", lifted)
    situation = scene.situation()
    assert "right_arm holds" in situation.trouble and "belongs in the left bin" in situation.trouble
    assert situation.arms == ("left_arm", "right_arm")


def test_a_cube_in_the_right_hand_on_its_way_is_no_trouble_until_it_is_over_the_wrong_bin(scene: Scene) -> None:
    for xyz, words in (([0.35, 0.2, 0.12], ""), ([*RIGHT_BIN[:2], 0.12], "over the right bin")):
        scene.put(0, xyz)
        scene.grasp("left_arm", xyz)
        assert words in scene.situation().trouble
        assert bool(words) == bool(scene.situation().trouble)


def test_an_arm_outside_the_workspace_is_among_the_arms_to_take(scene: Scene) -> None:
    scene.put(0, LEFT_BIN)
    scene.sim.data.site("left_arm/tool").xpos[:] = [-0.1, 0.3, 0.3]
    situation = scene.situation()
    assert "left_arm is outside the workspace" in situation.trouble
    assert situation.arms == ("left_arm", "right_arm")
