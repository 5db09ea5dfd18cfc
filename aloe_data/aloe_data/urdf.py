"""The serial chain between two links of a URDF file: just what kinematics and limits need."""

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

Vector = tuple[float, float, float]
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_KINDS = ("revolute", "continuous", "prismatic", "fixed")


class UrdfError(ValueError):
    """A URDF file that cannot be read or does not hold the asked chain."""


@dataclass(frozen=True)
class ChainJoint:
    """One joint of a chain, from base to tool.

    Attributes:
        kind: "revolute", "continuous", "prismatic" or "fixed".
        xyz, rpy: joint frame in the parent link's frame [m, rad].
        axis: unit vector in the joint frame.
        lower, upper, velocity: the file's limits [rad or m, per second]; infinite where it has none.
    """

    name: str
    kind: str
    parent: str
    child: str
    xyz: Vector
    rpy: Vector
    axis: Vector
    lower: float
    upper: float
    velocity: float


def load_chain(path: Path, base_link: str, tool_link: str) -> tuple[ChainJoint, ...]:
    """Read the joints from `base_link` to `tool_link`, in that order.

    Raises:
        UrdfError: unreadable file, unknown link, no chain between the links, unsupported joint type.
    """
    try:
        root = _parse(path.read_bytes())
    except (OSError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise UrdfError(f"{path}: cannot be read as URDF: {error}") from error
    links = [link.get("name", "") for link in root.findall("link")]
    for name in (base_link, tool_link):
        if name not in links:
            raise UrdfError(f"{path}: no link '{name}'; links of the file: {', '.join(links)}")
    by_child = {_attribute(joint.find("child"), "link", path): joint for joint in root.findall("joint")}
    chain: list[ChainJoint] = []
    link = tool_link
    while link != base_link:
        if link not in by_child or len(chain) > len(by_child):
            raise UrdfError(f"{path}: no chain of joints from '{base_link}' to '{tool_link}' (stopped at '{link}')")
        chain.append(_joint(by_child[link], path))
        link = chain[-1].parent
    return tuple(reversed(chain))


def _parse(data: bytes) -> ElementTree.Element:
    """The root element of a document in the encoding that it declares."""
    try:
        return ElementTree.fromstring(data)
    except ValueError:  # of encodings with several bytes per character, expat knows UTF-8 and "utf-16" alone
        declared = _DECLARED_ENCODING.search(data.replace(b"\0", b""))
        if declared is None:
            raise
        text = data.decode(declared[1].decode("ascii"))
        return ElementTree.fromstring(text.removeprefix("\ufeff"))


def _joint(element: ElementTree.Element, path: Path) -> ChainJoint:
    name, kind = element.get("name", ""), element.get("type", "")
    if kind not in _KINDS:
        raise UrdfError(f"{path}: joint '{name}': type '{kind}' is not supported; use one of {', '.join(_KINDS)}")
    if element.find("mimic") is not None:
        raise UrdfError(f"{path}: joint '{name}' mimics another joint; a chain to the tool link must not contain it")
    origin, axis, limit = element.find("origin"), element.find("axis"), element.find("limit")
    direction = _vector(axis, "xyz", (1.0, 0.0, 0.0), path)
    norm = sum(value * value for value in direction) ** 0.5
    if norm == 0.0:
        raise UrdfError(f"{path}: joint '{name}': the axis has length 0")
    return ChainJoint(
        name=name,
        kind=kind,
        parent=_attribute(element.find("parent"), "link", path),
        child=_attribute(element.find("child"), "link", path),
        xyz=_vector(origin, "xyz", (0.0, 0.0, 0.0), path),
        rpy=_vector(origin, "rpy", (0.0, 0.0, 0.0), path),
        axis=(direction[0] / norm, direction[1] / norm, direction[2] / norm),
        lower=_limit(limit, "lower", -float("inf"), kind),
        upper=_limit(limit, "upper", float("inf"), kind),
        velocity=_limit(limit, "velocity", float("inf"), "revolute"),
    )


def _limit(element: ElementTree.Element | None, name: str, default: float, kind: str) -> float:
    if element is None or kind == "continuous":
        return default
    return float(element.get(name, default))


def _vector(element: ElementTree.Element | None, name: str, default: Vector, path: Path) -> Vector:
    if element is None or element.get(name) is None:
        return default
    try:
        x, y, z = (float(part) for part in element.get(name, "").split())
    except ValueError as error:
        raise UrdfError(f"{path}: <{element.tag} {name}='{element.get(name)}'>: expected three numbers") from error
    return x, y, z


def _attribute(element: ElementTree.Element | None, name: str, path: Path) -> str:
    value = None if element is None else element.get(name)
    if value is None:
        raise UrdfError(f"{path}: a joint lacks <parent link=...> or <child link=...>")
    return value
