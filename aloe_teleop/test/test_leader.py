"""Leader arms."""

from typing import Any

import numpy as np
import pytest

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode
from aloe_teleop.device import JointReading, View
from aloe_teleop.devices.leader import Leader, LeaderConfig

MS = 1_000_000
HERE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.02]


def leader(rig: Rig, **config: Any) -> Leader:
    return Leader("left_leader", LeaderConfig(arm="left_arm", topic="/left_leader/joint_states", **config), rig)


def view(rig: Rig, leader_at: list[float], stamp_ns: int = 0, names: tuple[str, ...] = ()) -> View:
    arm = rig.arm("left_arm")
    return View(
        joints={"left_arm": JointReading(0, arm.joint_names, HERE)},
        streams={"left_leader": JointReading(stamp_ns, names or arm.joint_names, leader_at)},
    )


def moved(joint: int, by: float) -> list[float]:
    return [value + by * (index == joint) for index, value in enumerate(HERE)]


def test_the_leaders_joints_are_the_followers_set_points(rig: Rig) -> None:
    command = leader(rig).poll(0, view(rig, HERE)).commands["left_arm"]
    assert (command.mode, command.relative) == (CommandMode.JOINT_POSITION, False)
    assert list(command.data) == HERE
    assert leader(rig, engage="relative").poll(0, view(rig, HERE)).commands["left_arm"].relative


def test_other_names_signs_and_offsets_are_translated(rig: Rig) -> None:
    names = tuple(f"l{i}" for i in range(7))
    device = leader(rig, joints=names, scale=(-1.0,) * 6 + (0.5,), offset=(0.1,) * 7)
    reading = view(rig, HERE[::-1], names=names[::-1])
    expected = [0.1 - value for value in HERE[:6]] + [0.1 + 0.5 * HERE[6]]
    np.testing.assert_allclose(device.poll(0, reading).commands["left_arm"].data, expected)


def test_taking_is_refused_with_how_far_which_joint_is_off(rig: Rig) -> None:
    arm, device = rig.arm("left_arm"), leader(rig)
    assert device.refusal(arm, 0, view(rig, HERE)) == ""
    assert device.refusal(arm, 0, view(rig, moved(2, -0.31))) == (
        "left_leader does not stand as left_arm does: elbow is 0.31 rad too low (at most 0.15); "
        "move the leader there and ask again"
    )
    assert "gripper is 0.02 m too high (at most 0.015)" in device.refusal(arm, 0, view(rig, moved(6, 0.02)))
    assert "left_arm has published no joint state" in device.refusal(arm, 0, View())


@pytest.mark.parametrize("engage", ["gradual", "relative"])
def test_an_engagement_that_needs_no_alignment_asks_for_none(rig: Rig, engage: str) -> None:
    assert leader(rig, engage=engage).refusal(rig.arm("left_arm"), 0, view(rig, moved(0, 2.0))) == ""


@pytest.mark.parametrize(
    ("reading", "message"),
    [
        ((HERE, -150 * MS), "left_leader (/left_leader/joint_states): silent for more than 0.1 s"),
        ((HERE, 150 * MS), "its stamps lie in the future"),
        (([*HERE[:6], float("nan")], 0), "position of gripper is not a number"),
        ((HERE[:5], 0), "7 names but 5 positions"),
    ],
)
def test_a_leader_that_cannot_be_followed_gives_no_command(rig: Rig, reading: Any, message: str) -> None:
    device = leader(rig)
    sample = device.poll(0, view(rig, *reading))
    assert sample.commands == {}
    assert message in sample.problem
    assert message in device.refusal(rig.arm("left_arm"), 0, view(rig, *reading))


def test_a_leader_that_has_never_spoken_is_named(rig: Rig) -> None:
    assert "no joint state yet; start the leader's driver" in leader(rig).poll(0, View()).problem


@pytest.mark.parametrize("field", ["joints", "scale", "offset"])
def test_another_number_of_joints_is_refused(rig: Rig, field: str) -> None:
    values = tuple("abcdef") if field == "joints" else (1.0,) * 6
    with pytest.raises(ConfigError, match=f"{field}: left_arm has 7 joints, gripper included, not 6"):
        leader(rig, **{field: values})
