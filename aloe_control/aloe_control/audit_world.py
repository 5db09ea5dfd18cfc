"""Whether the arms stay where they may be: by brute force, from points on the axes of all that the URDF says of links.

Each link is a row of points with a radius. A row understates how close a link is, by less than `_TOLERANCE_M`.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import numpy.typing as npt

from aloe_control.audit_pace import Pace
from aloe_control.audit_shapes import ArmPoints
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]
_TOLERANCE_M = 0.002
_SPEED_TOLERANCE = 1e-3  # share of a tool's limit


class WorldAudit:
    """The places of a rig's arms, command by command.

    An arm that begins inside a limit may come out of it, but go no deeper.

    Args:
        rig: Rig with boxes, distances and tool speeds.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._arms = {arm.name: ArmPoints(arm) for arm in rig.arms}
        self._paces = {arm.name: Pace(np.array([arm.max_tool_speed_m_s / rig.rate_hz])) for arm in rig.arms}
        self.end()

    def end(self) -> None:
        """The next commands are first ones, or follow unknown ones."""
        self._floors: dict[str, float] = {}
        self._tools: dict[str, Array] = {}
        for pace in self._paces.values():
            pace.forget()

    def restart(self, arm: str) -> None:
        """An arm begins anew where it is measured."""
        self._tools.pop(arm, None)
        for name in [name for name in self._floors if f"'{arm}'" in name]:
            del self._floors[name]

    def step(self, commands: Mapping[str, Array], periods: float) -> list[str]:
        """Take the commands of a tick.

        Args:
            commands: By arm, its joint positions [dof].
            periods: Measured time since the commands before; 0 or less where it is not known.

        Returns:
            What is wrong with them.
        """
        points = {name: self._arms[name].at(positions) for name, positions in commands.items()}
        margins = self._box_margins(points) | self._pair_margins(points)
        found = []
        for words, margin in margins.items():
            floor = self._floors.setdefault(words, min(margin, 0.0))
            if margin < floor - _TOLERANCE_M:
                found.append(f"{words} by {-margin:.3f} m")
        return [*found, *self._fast(points, periods)]

    def _box_margins(self, points: Mapping[str, Array]) -> dict[str, float]:
        """By what would be wrong: how far each arm is from it, m."""
        margins = {}
        for arm in self._rig.arms:
            if arm.name not in points:
                continue
            shape = self._arms[arm.name]
            tool = points[arm.name][-1]
            if arm.workspace is not None:
                inside = np.minimum(tool - arm.workspace.lower, arm.workspace.upper - tool)
                margins[f"the tool of '{arm.name}' leaves its workspace"] = float(inside.min())
            for box in arm.keep_out:
                place = points[arm.name][shape.moves]
                outside = np.maximum(np.maximum(box.lower - place, place - box.upper), 0.0)
                gap = np.linalg.norm(outside, axis=1) - shape.radius_m[shape.moves]
                margins[f"'{arm.name}' enters '{box.name}'"] = float(gap.min())
        return margins

    def _pair_margins(self, points: Mapping[str, Array]) -> dict[str, float]:
        margins = {}
        for one, other in combinations(points, 2):
            first = self._arms[one]
            second = self._arms[other]
            apart = np.linalg.norm(points[one][:, None] - points[other], axis=2)
            gap = apart - first.radius_m[:, None] - second.radius_m - self._rig.min_arm_distance_m
            gap[~first.moves[:, None] & ~second.moves] = np.inf  # how bases stand is nobody's motion
            gap[-1] = np.inf  # the tools' own points have no shape
            gap[:, -1] = np.inf
            margins[f"'{one}' and '{other}' come closer than they may"] = float(gap.min())
        return margins

    def _fast(self, points: Mapping[str, Array], periods: float) -> list[str]:
        found = []
        for arm in self._rig.arms:
            if arm.name not in points:
                continue
            tool = points[arm.name][-1]
            way_m = float(np.linalg.norm(tool - self._tools.get(arm.name, tool)))
            self._tools[arm.name] = tool
            share = self._paces[arm.name].step(np.array([way_m]), periods)[0]
            too_far = way_m > arm.max_tool_speed_m_s / self._rig.rate_hz * (1.0 + _SPEED_TOLERANCE)
            if too_far or share > 1.0 + _SPEED_TOLERANCE:
                speed = way_m * self._rig.rate_hz
                found.append(f"the tool of '{arm.name}' moves at {speed:.2f} m/s (limit {arm.max_tool_speed_m_s:g})")
        return found
