"""Set points as the messages that drivers take."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from aloe_control.ros.driver_messages import DriverError, driver_outputs
from aloe_data.driver import Driver, DriverGripper
from aloe_data.rig_file import load_rig

ARM = load_rig(Path(__file__).parents[3] / "config" / "rig_aloha.yaml").arms[0]
POSITIONS = np.array([0.1, -0.9, 1.1, 0.0, -0.3, 0.2, 0.039])
NOW_NS = 3_000_000_005


def encoded(driver: Driver) -> list:
    return [output.encode(POSITIONS, NOW_NS) for output in driver_outputs(ARM, driver, 20_000_000)]


def test_joint_states_hold_names_positions_and_the_time():
    (message,) = encoded(Driver("/d", "sensor_msgs/msg/JointState"))
    assert list(message.name) == list(ARM.joint_names)
    assert list(message.position) == list(POSITIONS)
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (3, 5)


def test_a_trajectory_is_one_point_within_a_period():
    (message,) = encoded(Driver("/d", "trajectory_msgs/msg/JointTrajectory"))
    assert list(message.joint_names) == list(ARM.joint_names)
    (point,) = message.points
    assert list(point.positions) == list(POSITIONS)
    assert (point.time_from_start.sec, point.time_from_start.nanosec) == (0, 20_000_000)
    assert message.header.stamp.sec == 0


def test_a_gripper_may_have_a_topic_of_its_own():
    gripper = DriverGripper("/g", "std_msgs/msg/Float64MultiArray")
    arm, fingers = encoded(Driver("/d", "std_msgs/msg/Float64MultiArray", gripper=gripper))
    assert list(arm.data) == list(POSITIONS[:-1])
    assert list(fingers.data) == [0.039]


@dataclass
class Sent:
    """Stands for a message of a package that is not installed here."""

    name: str = ""
    cmd: object = field(default=None)


def test_interbotix_takes_the_arm_as_a_group_and_the_gripper_alone_in_its_own_unit(monkeypatch):
    package = ModuleType("interbotix_xs_msgs")
    messages = ModuleType("interbotix_xs_msgs.msg")
    messages.JointGroupCommand = messages.JointSingleCommand = Sent
    monkeypatch.setitem(sys.modules, "interbotix_xs_msgs", package)
    monkeypatch.setitem(sys.modules, "interbotix_xs_msgs.msg", messages)
    arm, fingers = encoded(ARM.driver)
    assert arm.name == "arm"
    np.testing.assert_allclose(arm.cmd, POSITIONS[:-1], rtol=1e-6)
    assert fingers.name == "gripper"
    assert fingers.cmd == pytest.approx(0.078)


def test_a_package_that_is_not_installed_is_named_with_what_to_do():
    with pytest.raises(DriverError, match=r"'left_arm' takes interbotix_xs_msgs/msg/JointGroupCommand.*build interbot"):
        driver_outputs(ARM, ARM.driver, 20_000_000)
