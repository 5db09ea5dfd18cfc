"""The shapes that a URDF file gives to links for collisions, each enclosed in a capsule.

Source: URDF specification, https://wiki.ros.org/urdf/XML/link.
"""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aloe_data.kinematics import Array, rotation_from_rpy
from aloe_data.urdf import read_robot
from aloe_data.urdf_joint import UrdfError


@dataclass(frozen=True, eq=False)
class Capsule:
    """All points within `radius_m` of the line from `start` to `end` [3], m, in the frame of a link."""

    start: Array
    end: Array
    radius_m: float


def load_collisions(path: Path, links: Iterable[str]) -> dict[str, tuple[Capsule, ...]]:
    """Capsules around the cylinders, spheres and boxes of each link; meshes are not read.

    Raises:
        UrdfError: a shape without proper numbers; the message names file, link and remedy.
    """
    elements = {link.get("name", ""): link for link in read_robot(path).findall("link")}
    return {name: _capsules(elements[name], f"{path}: link '{name}'") for name in links}


def _capsules(link: ElementTree.Element, where: str) -> tuple[Capsule, ...]:
    found = []
    for collision in link.findall("collision"):
        shape = _shape(collision.find("geometry"), where)
        if shape is None:
            continue
        half, radius = shape
        xyz, rotation = _origin(collision.find("origin"), where)
        along = rotation @ half
        found.append(Capsule(xyz - along, xyz + along, radius))
    return tuple(found)


def _shape(geometry: ElementTree.Element | None, where: str) -> tuple[Array, float] | None:
    """Half of the capsule's axis [3] and its radius; None for what is not read."""
    if geometry is None:
        return None
    for shape in geometry:
        if shape.tag == "sphere":
            return np.zeros(3), _size(shape, "radius", 1, where)[0]
        if shape.tag == "cylinder":
            half = 0.5 * _size(shape, "length", 1, where)[0]
            return np.array([0.0, 0.0, half]), _size(shape, "radius", 1, where)[0]
        if shape.tag == "box":
            return _around_box(0.5 * np.array(_size(shape, "size", 3, where)))
    return None


def _around_box(half: Array) -> tuple[Array, float]:
    """The capsule along the longest side; its radius reaches the corners of the other two."""
    longest = int(np.argmax(half))
    axis = np.zeros(3)
    axis[longest] = half[longest]
    return axis, float(np.linalg.norm(np.delete(half, longest)))


def _origin(origin: ElementTree.Element | None, where: str) -> tuple[Array, Array]:
    if origin is None:
        return np.zeros(3), np.eye(3)
    xyz = _numbers(origin, "xyz", origin.get("xyz", "0 0 0"), 3, where)
    rpy = _numbers(origin, "rpy", origin.get("rpy", "0 0 0"), 3, where)
    return np.array(xyz), rotation_from_rpy(rpy)


def _size(shape: ElementTree.Element, name: str, count: int, where: str) -> tuple[float, ...]:
    sizes = _numbers(shape, name, shape.get(name, ""), count, where)
    if min(sizes) <= 0.0:
        raise UrdfError(f"{where}: <{shape.tag} {name}='{shape.get(name)}'>: a size must be above 0")
    return sizes


def _numbers(element: ElementTree.Element, name: str, text: str, count: int, where: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split())
    except ValueError:
        values = ()
    if len(values) != count or not np.isfinite(values).all():
        wanted = "a number" if count == 1 else f"{count} numbers with spaces between them"
        raise UrdfError(f"{where}: <{element.tag} {name}='{text}'>: expected {wanted}")
    return values
