"""The section `driver` of a rig file: what is read, what is refused, and what a rig without one is told to write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aloe_data.driver import DriverGripper, missing_drivers
from aloe_data.rig import Rig, RigError
from aloe_data.rig_file import load_rig

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[Any], Rig]:
    """Loads the real rig with another driver of its left arm; None: with none."""

    def load(driver: Any) -> Rig:
        tree = yaml.safe_load((CONFIG / "rig_aloha.yaml").read_text())
        for arm in tree["arms"]:
            arm["urdf"] = str(CONFIG / "vx300s.urdf")
        if driver is None:
            del tree["arms"][0]["driver"]
            tree["arms"][0]["command_type"] = "std_msgs/msg/Float64MultiArray"
        else:
            tree["arms"][0]["driver"] = driver
        path = tmp_path / "rig.yaml"
        path.write_text(yaml.safe_dump(tree))
        return load_rig(path)

    return load


def test_the_shipped_real_rig_names_interbotix_driver_and_its_gripper() -> None:
    driver = load_rig(CONFIG / "rig_aloha.yaml").arms[0].driver
    assert driver is not None
    assert driver.group == "arm"
    assert driver.topics == ("/left_arm/commands/joint_group", "/left_arm/commands/joint_single")
    assert driver.gripper is not None
    assert driver.gripper.at_limits == (0.042, 0.114)
    assert driver.slack_rad == 0.02
    assert driver.following_lag_s == 0.1


def test_a_rig_file_of_former_times_loads_and_is_told_what_to_write(load: Callable[[Any], Rig]) -> None:
    rig = load(None)
    assert rig.arms[0].driver is None
    problem = missing_drivers(rig.arms, Path("my_rig.yaml"))
    assert problem.startswith("my_rig.yaml: left_arm: no driver is named")
    assert "'driver: {topic: /left_arm/driver_command, type: sensor_msgs/msg/JointState}'" in problem
    assert missing_drivers(load({"topic": "/d", "type": "sensor_msgs/msg/JointState"}).arms, Path("f")) == ""


def test_a_gripper_may_have_a_topic_of_its_own(load: Callable[[Any], Rig]) -> None:
    gripper = {"topic": "/grip", "type": "std_msgs/msg/Float64MultiArray"}
    driver = load({"topic": "/d", "type": "std_msgs/msg/Float64MultiArray", "gripper": gripper}).arms[0].driver
    assert driver is not None
    assert driver.gripper == DriverGripper("/grip", "std_msgs/msg/Float64MultiArray")


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        ({"topic": "/d", "type": "my_msgs/msg/Joints"}, ["arms[0].driver.type", "my_msgs/msg/Joints"]),
        ({"topic": "d", "type": "sensor_msgs/msg/JointState"}, ["arms[0].driver.topic", "absolute"]),
        ({"type": "sensor_msgs/msg/JointState"}, ["arms[0].driver.topic", "missing"]),
        ({"topic": "/d", "type": "interbotix_xs_msgs/msg/JointGroupCommand"}, ["arms[0].driver.group", "needed"]),
        ({"topic": "/d", "type": "sensor_msgs/msg/JointState", "group": "arm"}, ["arms[0].driver.group", "nothing"]),
        ({"topic": "/left_arm/command", "type": "sensor_msgs/msg/JointState"}, ["'/left_arm/command' is used twice"]),
        ({"topic": "/d", "type": "sensor_msgs/msg/JointState", "slack_rad": 2.0}, ["slack_rad", "[rad]"]),
        (
            {"topic": "/d", "type": "sensor_msgs/msg/JointState", "following_lag_s": 5.0},
            ["following_lag_s", "[s]"],
        ),
        ({"topic": "/d", "type": "sensor_msgs/msg/JointState", "elsewere": True}, ["did you mean 'elsewhere'"]),
    ],
)
def test_a_driver_that_cannot_be_is_refused_by_key(driver: Any, words: list[str], load: Callable[[Any], Rig]) -> None:
    with pytest.raises(RigError) as caught:
        load(driver)
    for word in words:
        assert word in str(caught.value)
