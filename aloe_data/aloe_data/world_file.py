"""Reading of what a rig file says about the space around its arms."""

import dataclasses
import re

from aloe_data.section import Section
from aloe_data.world import (
    DEFAULT_ARM_DISTANCE_M,
    DEFAULT_LINK_RADIUS_M,
    DEFAULT_TOOL_SPEED_M_S,
    Box,
    KeepOut,
)

_FAR_M = 10.0
_THINNEST_M = 0.015  # more than an arm may stand inside a box when it is armed: see world_model


@dataclasses.dataclass(frozen=True)
class ArmSpace:
    """What the file says about the space of one arm; the fields are those of `rig.Arm`."""

    workspace: Box | None
    keep_out: tuple[KeepOut, ...]
    max_tool_speed_m_s: float
    link_radius_m: float


def read_arm_space(arm: Section) -> ArmSpace:
    """The space of an arm; what the file does not say has its default."""
    keep_out = tuple(_keep_out(section) for section in arm.sections("keep_out", KeepOut)) if arm.has("keep_out") else ()
    names = [box.name for box in keep_out]
    for name in names:
        if names.count(name) > 1:
            arm.fail("keep_out", f"two boxes are named '{name}'; rename one")
    return ArmSpace(
        workspace=_box(arm.section("workspace", Box)) if arm.has("workspace") else None,
        keep_out=keep_out,
        max_tool_speed_m_s=_number(arm, "max_tool_speed_m_s", 0.01, 10.0, "m/s", DEFAULT_TOOL_SPEED_M_S),
        link_radius_m=_number(arm, "link_radius_m", _THINNEST_M, 0.5, "m", DEFAULT_LINK_RADIUS_M),
    )


def read_arm_distance(top: Section) -> float:
    """The least distance between two arms, m."""
    return _number(top, "min_arm_distance_m", 0.0, 1.0, "m", DEFAULT_ARM_DISTANCE_M)


def _keep_out(section: Section) -> KeepOut:
    name = section.text("name")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        section.fail("name", f"'{name}' must be lower-case letters, digits and underscores, as in 'table'")
    box = _box(section)
    return KeepOut(lower=box.lower, upper=box.upper, name=name)


def _box(section: Section) -> Box:
    lower = section.numbers("lower", 3, -_FAR_M, _FAR_M, "m")
    upper = section.numbers("upper", 3, -_FAR_M, _FAR_M, "m")
    for axis, low, high in zip("xyz", lower, upper, strict=True):
        if low >= high:
            section.fail("lower", f"{axis}: {low:g} is not below upper {high:g}; swap or correct them")
    return Box(lower, upper)


def _number(section: Section, key: str, low: float, high: float, unit: str, default: float) -> float:
    return section.number(key, low, high, unit) if section.has(key) else default
