"""The driver of an arm: where it listens and what it takes, from the rig file's section `driver`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from aloe_data.section import Section

JOINT_STATE = "sensor_msgs/msg/JointState"
FLOAT_ARRAY = "std_msgs/msg/Float64MultiArray"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
GROUP_COMMAND = "interbotix_xs_msgs/msg/JointGroupCommand"
SINGLE_COMMAND = "interbotix_xs_msgs/msg/JointSingleCommand"
DRIVER_TYPES = (JOINT_STATE, FLOAT_ARRAY, TRAJECTORY, GROUP_COMMAND)
GRIPPER_TYPES = (JOINT_STATE, FLOAT_ARRAY, TRAJECTORY, SINGLE_COMMAND)


@dataclass(frozen=True)
class DriverGripper:
    """A gripper that is commanded on a topic of its own.

    Attributes:
        topic: Where its driver listens.
        type: Type of the messages.
        name: Name that its driver knows it by; "": that of the joint.
        at_limits: What the driver is sent for the gripper's lower and upper limit, in the driver's unit; between them
            in proportion. Empty: the position in m.
    """

    topic: str
    type: str
    name: str = ""
    at_limits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Driver:
    """What takes an arm's set points.

    Attributes:
        topic: Where it listens.
        type: Type of the messages, one of `DRIVER_TYPES`.
        group: Name of the joint group, for `GROUP_COMMAND`.
        gripper: The gripper's own topic; None: it comes last among the joints.
        slack_rad: How far a held arm's set point may be from where the arm is measured; as far as its weight bends it.
        following_lag_s: Time by which the arm stays behind its set points at full speed, at most.
        elsewhere: Whether driver_relay runs on another machine, started by hand.
        joint_state_publishers: How many nodes publish the arm's topic of joint states; 0: one per arm on it.
    """

    topic: str
    type: str
    group: str = ""
    gripper: DriverGripper | None = None
    slack_rad: float = 0.02
    following_lag_s: float = 0.1
    elsewhere: bool = False
    joint_state_publishers: int = 0

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics that it listens to."""
        return (self.topic,) if self.gripper is None else (self.topic, self.gripper.topic)

    @property
    def types(self) -> tuple[str, ...]:
        """The types of their messages."""
        return (self.type,) if self.gripper is None else (self.type, self.gripper.type)


class _Arm(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def driver(self) -> Driver | None: ...


def read_driver(section: Section) -> Driver:
    """Read the section `driver` of an arm."""
    kind = section.choice("type", DRIVER_TYPES)
    if section.has("group") != (kind == GROUP_COMMAND):
        section.fail("group", f"needed by {GROUP_COMMAND}, which names a group of joints, and by nothing else")
    driver = Driver(
        topic=section.topic("topic"),
        type=kind,
        group=section.text("group") if section.has("group") else "",
        gripper=_gripper(section.section("gripper", DriverGripper)) if section.has("gripper") else None,
        slack_rad=section.number("slack_rad", 0.001, 0.2, "rad") if section.has("slack_rad") else Driver.slack_rad,
        following_lag_s=(
            section.number("following_lag_s", 0.01, 0.5, "s")
            if section.has("following_lag_s")
            else Driver.following_lag_s
        ),
        elsewhere=section.boolean("elsewhere") if section.has("elsewhere") else False,
        joint_state_publishers=(
            section.integer("joint_state_publishers", 1, 20, "nodes") if section.has("joint_state_publishers") else 0
        ),
    )
    return driver


def _gripper(section: Section) -> DriverGripper:
    return DriverGripper(
        topic=section.topic("topic"),
        type=section.choice("type", GRIPPER_TYPES),
        name=section.text("name") if section.has("name") else "",
        at_limits=section.numbers("at_limits", 2, -1e4, 1e4, "unit of the driver") if section.has("at_limits") else (),
    )


def missing_drivers(arms: tuple[_Arm, ...], rig_file: Path) -> str:
    """ "" or which arms have no section `driver`, and what to write.

    Args:
        arms: Arms of a rig that is not simulated.
        rig_file: For the message.
    """
    without = [arm.name for arm in arms if arm.driver is None]
    if not without:
        return ""
    lines = f"driver: {{topic: /{without[0]}/driver_command, type: {JOINT_STATE}}}"
    return (
        f"{rig_file}: {', '.join(without)}: no driver is named, to which driver_relay sends the commands; where the "
        f"file says command_type, write for example '{lines}' and let the driver listen there (docs/drivers.md)"
    )
