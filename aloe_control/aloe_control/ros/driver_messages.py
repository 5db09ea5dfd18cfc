"""Set points as the messages that a driver takes; their packages are imported when a rig file names them."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from builtin_interfaces.msg import Duration
from rosidl_runtime_py.utilities import get_message

from aloe_data.driver import FLOAT_ARRAY, GROUP_COMMAND, JOINT_STATE, SINGLE_COMMAND, TRAJECTORY, Driver, DriverGripper
from aloe_data.rig import Arm, Joint
from aloe_data.ros.convert import ns_to_stamp
from aloe_data.vocabulary import NS

_INSTALL = {
    "interbotix_xs_msgs": "build interbotix_ros_core (branch for this ROS) and source its workspace",
    "trajectory_msgs": "install ros-jazzy-trajectory-msgs",
}
_POINT = "trajectory_msgs/msg/JointTrajectoryPoint"


class DriverError(ValueError):
    """A driver that no relay can speak to; the message names arm, type and remedy."""


@dataclass(frozen=True)
class Output:
    """One topic that an arm's set points go to.

    Attributes:
        topic: Its name.
        message_class: Class of its messages.
        encode: Makes a message of all set points [dof] and the time now [ns].
    """

    topic: str
    message_class: type
    encode: Callable[[Sequence[float], int], Any]


def driver_outputs(arm: Arm, driver: Driver, period_ns: int) -> list[Output]:
    """The topics that an arm's set points go to.

    Args:
        arm: The arm.
        driver: What takes them.
        period_ns: Time from one set point to the next, in which a trajectory is to get there.

    Raises:
        DriverError: A type whose package is not installed.
    """
    names = list(arm.joint_names)
    if driver.gripper is not None:
        names.pop()
    make = _maker(arm, driver.type, names, driver.group, period_ns)
    outputs = [Output(driver.topic, _class(arm, driver.type), partial(_encode_arm, make, len(names)))]
    if driver.gripper is not None:
        gripper = driver.gripper
        name = gripper.name or arm.gripper.name
        make = _maker(arm, gripper.type, [name], name, period_ns)
        encode = partial(_encode_gripper, make, arm.gripper, gripper)
        outputs.append(Output(gripper.topic, _class(arm, gripper.type), encode))
    return outputs


def _encode_arm(make: Callable[..., Any], count: int, positions: Sequence[float], now_ns: int) -> Any:
    return make(array("d", positions[:count]), now_ns)


def _encode_gripper(
    make: Callable[..., Any], joint: Joint, gripper: DriverGripper, positions: Sequence[float], now_ns: int
) -> Any:
    value = float(positions[-1])
    if gripper.at_limits:
        closed, opened = gripper.at_limits
        share = (value - joint.lower) / (joint.upper - joint.lower)
        value = closed + share * (opened - closed)
    return make(array("d", [value]), now_ns)


def _maker(arm: Arm, kind: str, names: list[str], group: str, period_ns: int) -> Callable[..., Any]:
    """What makes a message of this type of values and the time now."""
    message_class = _class(arm, kind)
    if kind == JOINT_STATE:
        return partial(_joint_state, message_class, names)
    if kind == FLOAT_ARRAY:
        return lambda values, now_ns: message_class(data=values)
    if kind == TRAJECTORY:
        return partial(_trajectory, message_class, _class(arm, _POINT), names, period_ns)
    if kind == GROUP_COMMAND:
        return lambda values, now_ns: message_class(name=group, cmd=array("f", values))
    assert kind == SINGLE_COMMAND
    return lambda values, now_ns: message_class(name=group, cmd=values[0])


def _joint_state(message_class: type, names: list[str], values: "array[float]", now_ns: int) -> Any:
    message = message_class(name=names, position=values)
    message.header.stamp = ns_to_stamp(now_ns)
    return message


def _trajectory(
    message_class: type, point_class: type, names: list[str], period_ns: int, values: "array[float]", now_ns: int
) -> Any:
    """One point, to be reached within a period from now: a stamp of zero means at once."""
    point = point_class(positions=values, time_from_start=Duration(sec=period_ns // NS, nanosec=period_ns % NS))
    return message_class(joint_names=names, points=[point])


def _class(arm: Arm, kind: str) -> type:
    package = kind.split("/")[0]
    try:
        return get_message(kind)
    except (ImportError, AttributeError, LookupError, ValueError) as error:
        remedy = _INSTALL.get(package, f"install {package}")
        raise DriverError(
            f"the driver of '{arm.name}' takes {kind}, but {package} is not installed ({error}): {remedy}"
        ) from error
