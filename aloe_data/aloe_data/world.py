"""Where a rig's arms may be: boxes in the rig's frame, and how fast a tool may move."""

from dataclasses import dataclass

DEFAULT_TOOL_SPEED_M_S = 1.0
DEFAULT_LINK_RADIUS_M = 0.04
DEFAULT_ARM_DISTANCE_M = 0.01


@dataclass(frozen=True)
class Box:
    """A box in the rig's frame, its sides along the axes: corners x, y, z [m]."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]


@dataclass(frozen=True)
class KeepOut(Box):
    """A box that no moving link may enter; `name` is how messages call it."""

    name: str
