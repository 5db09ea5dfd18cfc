"""One joint of a URDF file, with what is wrong with it.

Source: URDF specification, https://wiki.ros.org/urdf/XML/joint.
"""

import math
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

Vector = tuple[float, float, float]
EXPAND = "expand it with 'xacro FILE -o OUT.urdf', and name OUT.urdf in the rig file"
_KINDS = ("revolute", "continuous", "prismatic", "fixed")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


class UrdfError(ValueError):
    """A URDF file that cannot be read or does not hold the asked chain; the message names file, joint and remedy."""


@dataclass(frozen=True)
class ChainJoint:
    """One joint of a chain, from base to tool.

    Attributes:
        kind: "revolute", "continuous", "prismatic" or "fixed".
        xyz, rpy: Joint frame in the parent link's frame [m, rad].
        axis: Unit vector in the joint frame.
        lower, upper, velocity: Limits of the file [rad or m, per second]. A continuous joint has no limits of position,
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


def link_of(joint: ElementTree.Element, end: str) -> str | None:
    """The link at an end of a joint, "parent" or "child"; None where it names none."""
    element = joint.find(end)
    return None if element is None else element.get("link")


class JointReader:
    """Reads one joint of a chain; what is wrong is told with the file and the joint.

    Args:
        element: Joint as the file describes it.
        path: Path of the file, for messages.
    """

    def __init__(self, element: ElementTree.Element, path: Path) -> None:
        self._element = element
        self._path = path
        self._name = element.get("name", "")
        self._kind = element.get("type", "")

    def read(self) -> ChainJoint:
        """The joint.

        Raises:
            UrdfError: another type than those of ChainJoint, or a number that is missing or none.
        """
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
            parent=str(link_of(self._element, "parent")),
            child=str(link_of(self._element, "child")),
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
            remedy = f"expressions are xacro's: {EXPAND}"
        elif "," in text:
            remedy = "write a decimal point instead of the comma"
        self._fail(f"<{tag} {name}='{text}'>: not a number; {remedy}")

    def _fail(self, message: str) -> NoReturn:
        raise UrdfError(f"{self._path}: joint '{self._name}': {message}")
