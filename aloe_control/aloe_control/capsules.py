"""The arms as capsules: what of their shape is known to the world model."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.arm_frames import BASE, placement
from aloe_data.kinematics import ArmKinematics
from aloe_data.rig import Arm
from aloe_data.urdf_collision import Capsule, load_collisions

Array = npt.NDArray[np.float64]

THINNEST_M = 0.015  # thinner shapes count as this thick: an arm may be armed while it is a little inside a box


@dataclass(frozen=True, eq=False)
class LinkCapsule:
    """A capsule of an arm: points `start` and `end` [3], m, in the frame of number `frame` (see `ArmFrames`)."""

    frame: int
    start: Array
    end: Array
    radius_m: float

    @property
    def moves(self) -> bool:
        """Whether any joint moves it."""
        return self.frame != BASE


@dataclass(frozen=True, eq=False)
class ArmShape:
    """The capsules of an arm, and where its tool is [3] in the frame of its last joint, m."""

    capsules: tuple[LinkCapsule, ...]
    tool: Array


def arm_shape(arm: Arm) -> ArmShape:
    """Read the shape of an arm from its URDF file.

    The links between two joints are what their <collision> shapes say; where there are none, a line from joint to
    joint (and to the tool) with the radius of `link_radius_m`.

    Raises:
        UrdfError: the file's shapes cannot be read.
    """
    groups, tool = _rigid_groups(arm)
    shapes = load_collisions(arm.urdf, [name for group in groups for name in group.links])
    capsules: list[LinkCapsule] = []
    for frame, group in enumerate(groups):
        known = [_placed(capsule, at, frame) for name, at in group.links.items() for capsule in shapes[name]]
        is_last = frame == len(groups) - 1
        capsules += known or _line(frame, group.end, arm.link_radius_m, is_tip=is_last)
    return ArmShape(tuple(capsules), tool)


@dataclass(frozen=True, eq=False)
class _Group:
    """Links that no joint moves against each other.

    Attributes:
        links: Place of each link in the group's frame [4, 4].
        end: Place of the next joint, or of the tool, in that frame [3].
    """

    links: dict[str, Array]
    end: Array


def _rigid_groups(arm: Arm) -> tuple[list[_Group], Array]:
    """The groups from base to tool, and the tool in the last one's frame."""
    groups = []
    links = {arm.base_link: np.eye(4)}
    at = np.eye(4)
    for joint in ArmKinematics(arm).chain:
        at = at @ placement(joint)
        if joint.kind == "fixed":
            links[joint.child] = at
            continue
        groups.append(_Group(links, at[:3, 3]))
        links = {joint.child: np.eye(4)}
        at = np.eye(4)
    groups.append(_Group(links, at[:3, 3]))
    return groups, at[:3, 3]


def _placed(capsule: Capsule, at: Array, frame: int) -> LinkCapsule:
    start = at[:3, :3] @ capsule.start + at[:3, 3]
    end = at[:3, :3] @ capsule.end + at[:3, 3]
    return LinkCapsule(frame, start, end, max(capsule.radius_m, THINNEST_M))


def _line(frame: int, end: Array, radius_m: float, *, is_tip: bool) -> list[LinkCapsule]:
    """The line from a frame's origin to `end`; none where joints share a place, as their neighbours cover it."""
    length = float(np.linalg.norm(end))
    if is_tip and length > 0.0:
        # The round end reaches the tool and no further: tools touch what they work on.
        end = end * max(length - radius_m, 0.0) / length
    if length == 0.0 and not is_tip:
        return []
    return [LinkCapsule(frame, np.zeros(3), np.array(end), radius_m)]
