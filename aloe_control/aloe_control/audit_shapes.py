"""The shape of an arm as rows of points, read from its URDF once more: shared with nothing that keeps arms apart.

Source: URDF specification, https://wiki.ros.org/urdf/XML/link.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from aloe_data.kinematics import ArmKinematics, rotation_about, rotation_from_rpy
from aloe_data.rig import Arm
from aloe_data.urdf_joint import ChainJoint

Array = npt.NDArray[np.float64]
_SPACING_M = 0.02
_THINNEST_M = 0.015


class ArmPoints:
    """Points on the axes of an arm's links, tool last.

    Args:
        arm: Arm whose URDF says how its links are shaped; where it does not, they are lines from joint to joint.

    Attributes:
        radius_m: Radius of the link around each point [P].
        moves: Whether any joint moves the point [P].
    """

    def __init__(self, arm: Arm) -> None:
        kinematics = ArmKinematics(arm)
        self._base = kinematics.base_rotation, kinematics.base_xyz
        self._steps = [(joint, np.array(joint.xyz), rotation_from_rpy(joint.rpy)) for joint in kinematics.chain]
        self._rows: list[Array] = []  # per part that no joint moves in itself: points [p, 3] in its own frame
        radii: list[Array] = []
        parts = list(_parts(kinematics.chain, arm.base_link))
        links = _links(arm)
        for number, (names, end) in enumerate(parts):
            is_last = number == len(parts) - 1
            rows = [row for name, at in names.items() for row in _shapes(links.get(name), at)]
            rows = rows or _line(end, arm.link_radius_m, is_last)
            rows += [(end[None], 0.0)] if is_last else []
            points = [points for points, _ in rows]
            self._rows.append(np.concatenate(points) if points else np.zeros((0, 3)))
            radii += [np.full(len(points), radius) for points, radius in rows]
        self.radius_m = np.concatenate(radii)
        self.moves = np.arange(len(self.radius_m)) >= len(self._rows[0])

    def at(self, positions: Array) -> Array:
        """The points [P, 3] in the rig's frame, m, at joint positions [dof]."""
        rotation, place = self._base
        points = [place + self._rows[0] @ rotation.T]
        moving = 0
        for joint, xyz, turned in self._steps:
            place = place + rotation @ xyz
            rotation = rotation @ turned
            if joint.kind == "fixed":
                continue
            if joint.kind == "prismatic":
                place = place + rotation @ np.array(joint.axis) * positions[moving]
            else:
                rotation = rotation @ rotation_about(joint.axis, positions[moving])
            moving += 1
            points.append(place + self._rows[moving] @ rotation.T)
        return np.concatenate(points)


def _parts(chain: tuple[ChainJoint, ...], base: str) -> Iterator[tuple[dict[str, Array], Array]]:
    """What no joint moves in itself, from the base on: places [4, 4] of its links, and its far end [3]."""
    links = {base: np.eye(4)}
    at = np.eye(4)
    for joint in chain:
        step = np.eye(4)
        step[:3, :3] = rotation_from_rpy(joint.rpy)
        step[:3, 3] = joint.xyz
        at = at @ step
        if joint.kind != "fixed":
            yield links, at[:3, 3]
            links = {}
            at = np.eye(4)
        links[joint.child] = at
    yield links, at[:3, 3]


def _links(arm: Arm) -> dict[str, ElementTree.Element]:
    """The <link> elements of an arm's URDF by name, its namespaces removed."""
    root = ElementTree.fromstring(arm.urdf.read_bytes())
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return {link.get("name", ""): link for link in root.findall("link")}


def _shapes(link: ElementTree.Element | None, at: Array) -> Iterator[tuple[Array, float]]:
    """The rows of points of a link, with their radius, in the frame of its part."""
    for collision in [] if link is None else link.findall("collision"):
        place = np.eye(4)
        origin = collision.find("origin")
        if origin is not None:
            place[:3, :3] = rotation_from_rpy(_numbers(origin.get("rpy", "0 0 0")))
            place[:3, 3] = _numbers(origin.get("xyz", "0 0 0"))
        place = at @ place
        for shape in collision.iterfind("geometry/*"):
            half, radius = _axis(shape)
            if half is not None:
                ends = [place[:3, :3] @ (side * half) + place[:3, 3] for side in (-1.0, 1.0)]
                yield _row(*ends), max(radius, _THINNEST_M)


def _axis(shape: ElementTree.Element) -> tuple[Array | None, float]:
    """Half of the axis [3] of the capsule around a shape, and its radius; None: not a shape that is read."""
    if shape.tag == "sphere":
        return np.zeros(3), float(shape.get("radius", "0"))
    if shape.tag == "cylinder":
        return np.array([0.0, 0.0, 0.5 * float(shape.get("length", "0"))]), float(shape.get("radius", "0"))
    if shape.tag == "box":
        half = 0.5 * _numbers(shape.get("size", "0 0 0"))
        along = np.arange(3) == half.argmax()
        return half * along, float(np.linalg.norm(half * ~along))
    return None, 0.0


def _line(end: Array, radius_m: float, is_last: bool) -> list[tuple[Array, float]]:
    """From joint to joint; the last one's round end reaches the tool and no further."""
    length = float(np.linalg.norm(end))
    if not length:
        return [(np.zeros((1, 3)), radius_m)] if is_last else []
    reach = max(length - radius_m, 0.0) / length if is_last else 1.0
    return [(_row(np.zeros(3), end * reach), radius_m)]


def _row(start: Array, end: Array) -> Array:
    """Points [p, 3] from start to end."""
    count = 2 + int(np.linalg.norm(end - start) / _SPACING_M)
    return start + np.linspace(0.0, 1.0, count)[:, None] * (end - start)


def _numbers(text: str) -> Array:
    return np.array([float(part) for part in text.split()])
