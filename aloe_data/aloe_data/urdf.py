"""The serial chain between two links of a URDF file: just what kinematics and limits need.

Source: URDF specification, https://wiki.ros.org/urdf/XML/joint.
"""

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from aloe_data.section import nearest

Vector = tuple[float, float, float]
_DECLARED_ENCODING = re.compile(rb"<\?xml[^>]*\sencoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_KINDS = ("revolute", "continuous", "prismatic", "fixed")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_EXPAND = "expand it with 'xacro FILE -o OUT.urdf', and name OUT.urdf in the rig file"


class UrdfError(ValueError):
    """A URDF file that cannot be read or does not hold the asked chain; the message names file, joint and remedy."""


@dataclass(frozen=True)
class ChainJoint:
    """One joint of a chain, from base to tool.

    Attributes:
        kind: "revolute", "continuous", "prismatic" or "fixed".
        xyz, rpy: joint frame in the parent link's frame [m, rad].
        axis: unit vector in the joint frame.
        lower, upper, velocity: the file's limits [rad or m, per second]. A continuous joint has no limits of position,
            and need not have one of velocity: they are infinite, as are those of a fixed one.
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
        UrdfError: unreadable or unprocessed file, unknown link, no chain between the links, a joint in the chain of an
            unsupported type or without proper numbers.
    """
    root = _read(path)
    links = [link.get("name", "") for link in root.findall("link")]
    for name in (base_link, tool_link):
        if name not in links:
            hint = nearest(name, links) if links else "the file has no links"
            raise UrdfError(f"{path}: no link '{name}'; {hint}")
    by_child = _joints_by_child(root, path)
    chain = _climb(by_child, tool_link, base_link)
    if chain is None:
        remedy = "correct base_link and tool_link in the rig file"
        if _climb(by_child, base_link, tool_link) is not None:
            remedy = "they are the wrong way round: swap base_link and tool_link in the rig file"
        raise UrdfError(f"{path}: no chain of joints leads from '{base_link}' to '{tool_link}'; {remedy}")
    joints = tuple(_JointReader(element, path).read() for element in reversed(chain))
    names = [joint.name for joint in joints]
    for name in names:
        if names.count(name) > 1:
            raise UrdfError(f"{path}: two joints of the chain are named '{name}'; rename one")
    return joints


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


def _read(path: Path) -> ElementTree.Element:
    """The root of a file, its own namespace removed."""
    try:
        data = path.read_bytes()
        root = _parse(data)
    except FileNotFoundError as error:
        others = ", ".join(sorted(str(other) for other in path.parent.glob("*.urdf"))) or "none"
        raise UrdfError(f"{path}: no such file; URDF files in that folder: {others}") from error
    except IsADirectoryError as error:
        raise UrdfError(f"{path}: is a folder; name the URDF file inside it") from error
    except ElementTree.ParseError as error:
        raise UrdfError(f"{path}: cannot be read as URDF: {error}; {_parse_remedy(data)}") from error
    except (OSError, ValueError, LookupError) as error:  # the others: an encoding that is not known
        reason = getattr(error, "strerror", None) or error
        raise UrdfError(f"{path}: cannot be read as URDF: {reason}") from error
    _refuse_xacro(root, path)
    namespace = root.tag[: root.tag.find("}") + 1]
    for element in root.iter():
        element.tag = element.tag.removeprefix(namespace)
    if root.tag != "robot":
        raise UrdfError(f"{path}: its outermost element is <{root.tag}>, not <robot>; name a URDF file")
    return root


def _parse_remedy(data: bytes) -> str:
    if not data.strip():
        return "the file is empty"
    if b"<xacro:" in data:
        return f"it is unprocessed xacro: {_EXPAND}"
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "it is not UTF-8 text: save it as UTF-8, or declare its encoding in the first line"
    return "correct that line"


def _refuse_xacro(root: ElementTree.Element, path: Path) -> None:
    """Macros may hide links and joints: a file with any of xacro's own elements or names is not read."""
    for element in root.iter():
        namespace, _, name = element.tag.rpartition("}")
        if "xacro" in namespace:
            raise UrdfError(f"{path}: holds <xacro:{name}>: it is unprocessed xacro; {_EXPAND}")
        if "${" in element.get("name", ""):
            what = f"<{name} name='{element.get('name')}'>"
            raise UrdfError(f"{path}: holds {what}: it is unprocessed xacro; {_EXPAND}")


def _joints_by_child(root: ElementTree.Element, path: Path) -> dict[str, ElementTree.Element]:
    """Every joint by its child link; the parent link is there as well."""
    by_child: dict[str, ElementTree.Element] = {}
    for joint in root.findall("joint"):
        name = joint.get("name", "")
        for end in ("parent", "child"):
            if _link(joint, end) is None:
                raise UrdfError(f"{path}: joint '{name}' lacks <{end} link='...'/>; add it")
        child = str(_link(joint, "child"))
        if child in by_child:
            other = by_child[child].get("name", "")
            raise UrdfError(f"{path}: link '{child}' is the child of joints '{other}' and '{name}'; remove one")
        by_child[child] = joint
    return by_child


def _link(joint: ElementTree.Element, end: str) -> str | None:
    element = joint.find(end)
    return None if element is None else element.get("link")


def _climb(by_child: dict[str, ElementTree.Element], link: str, base: str) -> list[ElementTree.Element] | None:
    """The joints from a link up to a base; None where it is not above that link."""
    chain: list[ElementTree.Element] = []
    while link != base:
        if link not in by_child or len(chain) > len(by_child):  # the root is reached, or links go round in a circle
            return None
        chain.append(by_child[link])
        link = str(_link(by_child[link], "parent"))
    return chain


class _JointReader:
    """Reads one joint of a chain; what is wrong is told with the file and the joint."""

    def __init__(self, element: ElementTree.Element, path: Path) -> None:
        self._element = element
        self._path = path
        self._name = element.get("name", "")
        self._kind = element.get("type", "")

    def read(self) -> ChainJoint:
        if self._kind not in _KINDS:
            self._fail(f"type '{self._kind}' is not supported; use one of {', '.join(_KINDS)}")
        if self._element.find("mimic") is not None and self._kind != "fixed":
            self._fail("mimics another joint; name links between which no joint does (a gripper's may lie beyond them)")
        direction = self._vector("axis", "xyz", (1.0, 0.0, 0.0))
        norm = math.hypot(*direction)
        if not 0.0 < norm < math.inf:
            self._fail(f"the axis has length {norm:g}; write the direction in which it turns or slides")
        lower, upper, velocity = self._limits()
        return ChainJoint(
            name=self._name,
            kind=self._kind,
            parent=str(_link(self._element, "parent")),
            child=str(_link(self._element, "child")),
            xyz=self._vector("origin", "xyz", (0.0, 0.0, 0.0)),
            rpy=self._vector("origin", "rpy", (0.0, 0.0, 0.0)),
            axis=(direction[0] / norm, direction[1] / norm, direction[2] / norm),
            lower=lower,
            upper=upper,
            velocity=velocity,
        )

    def _limits(self) -> tuple[float, float, float]:
        """Lower, upper and velocity."""
        limit = self._element.find("limit")
        if self._kind == "fixed" or (self._kind == "continuous" and limit is None):
            return -math.inf, math.inf, math.inf
        if limit is None:
            self._fail(f"has no <limit>, which a {self._kind} joint needs; add lower, upper, effort and velocity")
        velocity = self._velocity(limit)
        if self._kind == "continuous":
            return -math.inf, math.inf, velocity
        # By the standard, a limit that is not given is 0.
        lower = self._number("limit", "lower", limit.get("lower", "0"))
        upper = self._number("limit", "upper", limit.get("upper", "0"))
        if lower >= upper:
            missing = [
                f"'{name}' is not given, which means 0" for name in ("lower", "upper") if limit.get(name) is None
            ]
            why = "; ".join([*missing, "correct the limits"])
            self._fail(f"<limit>: lower {lower:g} is not below upper {upper:g}; {why}")
        return lower, upper, velocity

    def _velocity(self, limit: ElementTree.Element) -> float:
        text = limit.get("velocity")
        if text is None:
            if self._kind == "continuous":
                return math.inf
            self._fail("<limit> has no velocity; add the largest speed of the joint")
        velocity = self._number("limit", "velocity", text)
        if velocity <= 0.0:
            self._fail(f"<limit velocity='{text}'>: the joint may not move; write its largest speed")
        return velocity

    def _vector(self, tag: str, name: str, default: Vector) -> Vector:
        element = self._element.find(tag)
        text = None if element is None else element.get(name)
        if text is None:
            return default
        if "$" in text or "{" in text:
            self._number(tag, name, text)
        parts = text.split()
        if len(parts) != 3:
            self._fail(f"<{tag} {name}='{text}'>: expected three numbers with spaces between them")
        x, y, z = (self._number(tag, name, part) for part in parts)
        return x, y, z

    def _number(self, tag: str, name: str, text: str) -> float:
        """A finite decimal number, as XML Schema and the parsers of other programs know it."""
        if _NUMBER.fullmatch(text.strip()) and math.isfinite(float(text)):
            return float(text)
        remedy = "write a finite number"
        if "$" in text or "{" in text:
            remedy = f"expressions are xacro's: {_EXPAND}"
        elif "," in text:
            remedy = "write a decimal point instead of the comma"
        self._fail(f"<{tag} {name}='{text}'>: not a number; {remedy}")

    def _fail(self, message: str) -> NoReturn:
        raise UrdfError(f"{self._path}: joint '{self._name}': {message}")
