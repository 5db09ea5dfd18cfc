"""The description of a rig: the one place for its facts (cameras, arms, limits, topics), from `config/rig_*.yaml`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from aloe_data.driver import Driver
from aloe_data.network import Network
from aloe_data.section import nearest
from aloe_data.world import DEFAULT_ARM_DISTANCE_M, DEFAULT_LINK_RADIUS_M, DEFAULT_TOOL_SPEED_M_S, Box, KeepOut

ACTION_SPACES = ("joint_position", "ee_pose")
OTHER_ARMS = ("continue", "hold")
UNITS = ("rad", "m")
IMAGE_TYPES = {"compressed": "sensor_msgs/msg/CompressedImage", "raw": "sensor_msgs/msg/Image"}  # by transport
COMMAND_TYPES = ("sensor_msgs/msg/JointState", "std_msgs/msg/Float64MultiArray")
EE_POSE_FIELDS = ("x", "y", "z", "r11", "r21", "r31", "r12", "r22", "r32", "gripper")
_Named = TypeVar("_Named", "Camera", "Arm")


class RigError(ValueError):
    """A rig description that cannot be used; the message names file, key and remedy."""


@dataclass(frozen=True)
class Joint:
    """One joint and the limits that commands to it obey, in its unit, and per s, s^2, s^3.

    `unit` is "rad" or "m": joints of the arm have that of their type in the URDF file; grippers are in m unless the rig
    file says otherwise.
    """

    name: str
    lower: float
    upper: float
    max_velocity: float
    max_acceleration: float
    max_jerk: float
    unit: str = "rad"


@dataclass(frozen=True)
class Camera:
    """One camera stream: its topic, image size [px], rate [Hz] and the age [s] at which it counts as stale.

    Attributes:
        transport: "compressed" (JPEG or PNG) or "raw" (pixels), which decides the type of the topic's messages.
    """

    name: str
    topic: str
    width: int
    height: int
    rate_hz: float
    max_age_s: float
    transport: str = "compressed"

    @property
    def is_raw(self) -> bool:
        """Whether its images come as pixels."""
        return self.transport == "raw"

    @property
    def message_type(self) -> str:
        """Type of the topic's messages."""
        return IMAGE_TYPES[self.transport]


@dataclass(frozen=True)
class Arm:
    """One arm: topics, chain from `base_link` to `tool_link` of its URDF, joints in command order, gripper, home.

    `driver` is what takes the set points of a real arm. `command_type` stands in older rig files and means nothing.

    Attributes:
        workspace: Box that the tool stays in; None: anywhere.
        keep_out: Boxes that no moving link enters.
        max_tool_speed_m_s: Largest speed of the tool in the rig's frame.
        link_radius_m: Radius of the links whose shape the URDF does not say.
    """

    name: str
    joint_state_topic: str
    command_topic: str
    rate_hz: float
    max_age_s: float
    urdf: Path
    base_link: str
    tool_link: str
    base_xyz: tuple[float, ...]
    base_rpy: tuple[float, ...]
    joints: tuple[Joint, ...]
    gripper: Joint
    home: tuple[float, ...]
    driver: Driver | None = None
    command_type: str = ""
    workspace: Box | None = None
    keep_out: tuple[KeepOut, ...] = ()
    max_tool_speed_m_s: float = DEFAULT_TOOL_SPEED_M_S
    link_radius_m: float = DEFAULT_LINK_RADIUS_M

    @property
    def all_joints(self) -> tuple[Joint, ...]:
        """Joints in command order, gripper last."""
        return (*self.joints, self.gripper)

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Joint names in command order, gripper last."""
        return tuple(joint.name for joint in self.all_joints)

    @property
    def dof(self) -> int:
        """Number of joints, gripper included."""
        return len(self.joints) + 1


@dataclass(frozen=True)
class Simulation:
    """What only a simulated rig has: its task, the service that resets the scene, and where the cameras are mounted.

    `cameras` maps a camera's name to its mount, see `Rig.mounts`. All is empty on a real rig.
    """

    task: str = ""
    reset_service: str = ""
    cameras: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Takeover:
    """How people take arms over.

    Attributes:
        max_age_s: Age from which on a human's command moves nothing; an arm in human hands then holds.
        device_max_age_s: Silence after which a device counts as absent.
        other_arms: Conduct of the arms that were not taken while another one is: "continue" with the policy, or "hold".
    """

    max_age_s: float = 0.1
    device_max_age_s: float = 0.5
    other_arms: str = "continue"


@dataclass(frozen=True)
class Rig:
    """A whole rig; states and actions list the arms in the order of `arms`.

    No two arms come closer to each other than `min_arm_distance_m`.
    """

    name: str
    simulated: bool
    rate_hz: float
    action_space: str
    policy_max_age_s: float
    cameras: tuple[Camera, ...]
    arms: tuple[Arm, ...]
    takeover: Takeover = field(default_factory=Takeover)
    simulation: Simulation = field(default_factory=Simulation)
    calibration: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    network: Network = field(default_factory=Network)
    min_arm_distance_m: float = DEFAULT_ARM_DISTANCE_M

    @property
    def mounts(self) -> Mapping[str, Mapping[str, Any]]:
        """Where cameras are mounted, by name; of a real rig what its calibration says, which may be nothing.

        parent: "world" or an arm, then in its last link's frame; xyz [m]; xy_axes: image right and up in the parent's
        frame; fovy_deg: vertical field of view.
        """
        return self.calibration or self.simulation.cameras

    @property
    def state_dim(self) -> int:
        """Number of values in an observation's state: joint positions of all arms."""
        return sum(arm.dof for arm in self.arms)

    @property
    def action_dim(self) -> int:
        """Number of values in one row of an action chunk."""
        return len(self.action_layout)

    @cached_property
    def action_layout(self) -> tuple[str, ...]:
        """Name of every value of an action row, such as "left_arm.x" or "left_arm.waist"."""
        return tuple(f"{arm.name}.{value}" for arm in self.arms for value in self._action_fields(arm))

    def action_slice(self, arm_name: str) -> slice:
        """Where an arm's values stand in an action row."""
        return self._slice(arm_name, [len(self._action_fields(arm)) for arm in self.arms])

    def state_slice(self, arm_name: str) -> slice:
        """Where an arm's joint positions (gripper last) stand in a state."""
        return self._slice(arm_name, [arm.dof for arm in self.arms])

    def camera(self, name: str) -> Camera:
        """The camera of that name."""
        return _by_name(self.cameras, name, "camera")

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return _by_name(self.arms, name, "arm")

    def arms_on(self, joint_state_topic: str) -> tuple["Arm", ...]:
        """The arms whose joints are published on a topic; several may share one."""
        return tuple(arm for arm in self.arms if arm.joint_state_topic == joint_state_topic)

    @property
    def arms_by_topic(self) -> dict[str, tuple["Arm", ...]]:
        """The arms of every topic of joint states, in the order of the first arm on each."""
        return {arm.joint_state_topic: self.arms_on(arm.joint_state_topic) for arm in self.arms}

    def contract_fields(self) -> dict[str, Any]:
        """What a policy depends on, as plain values, so that a mismatch can be explained by field."""
        return {
            "cameras": {camera.name: [camera.width, camera.height] for camera in self.cameras},
            "arms": {arm.name: list(arm.joint_names) for arm in self.arms},
            "action_space": self.action_space,
            "rate_hz": self.rate_hz,
        }

    @cached_property
    def contract(self) -> str:
        """sha256 (hex) over `contract_fields`; the order of cameras and arms counts."""
        return hashlib.sha256(json.dumps(self.contract_fields()).encode()).hexdigest()

    def _action_fields(self, arm: Arm) -> tuple[str, ...]:
        return EE_POSE_FIELDS if self.action_space == "ee_pose" else arm.joint_names

    def _slice(self, arm_name: str, sizes: list[int]) -> slice:
        index = self.arms.index(self.arm(arm_name))
        start = sum(sizes[:index])
        return slice(start, start + sizes[index])


def _by_name(items: tuple[_Named, ...], name: str, kind: str) -> _Named:
    for item in items:
        if item.name == name:
            return item
    raise RigError(f"no {kind} '{name}' in the rig; {nearest(name, [item.name for item in items])}")
