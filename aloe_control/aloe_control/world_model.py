"""What the arms must stay clear of: their workspaces, keep-out boxes, and each other.

An arm is a handful of capsules (see `capsules`); everything is measured in m in the rig's frame. A **margin** is how
much clearer than its limit something is: below 0 the limit is broken. Objects, people, cables and what a gripper holds
are not seen, and no arm is checked against itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.arm_frames import BASE, ArmFrames
from aloe_control.capsules import ArmShape, arm_shape
from aloe_control.distances import segment_box_distance, segment_distance
from aloe_data.rig import Rig
from aloe_data.world import KeepOut

Array = npt.NDArray[np.float64]
Pair = tuple[int, int]

WORKSPACE: Final = "workspace"
ARMS: Final = "arms"


@dataclass(frozen=True, eq=False)
class Shape:
    """Where the arms are in N configurations: ends of all capsules [N, capsules, 3], and the tools [N, arms, 3]."""

    start: Array
    end: Array
    tools: Array

    def rows(self, rows: slice) -> "Shape":
        """Some of the configurations."""
        return Shape(self.start[rows], self.end[rows], self.tools[rows])


class WorldModel:
    """Margins of a rig's arms in many configurations at once.

    Args:
        rig: Its arms with their boxes, and the least distance between them.

    Attributes:
        constraints: For every column of `own_margins`: number of the arm, and what it is called in `clip_reason`.
        pairs: Pairs of arms that are kept apart.

    Raises:
        UrdfError: the shape of an arm cannot be read.
    """

    def __init__(self, rig: Rig) -> None:
        self._frames = ArmFrames(rig)
        self._arm_distance_m = rig.min_arm_distance_m
        shapes = [arm_shape(arm) for arm in rig.arms]
        self._collect_points(rig, shapes)
        self._collect_boxes(rig)
        self.pairs: tuple[Pair, ...] = tuple(combinations(range(len(rig.arms)), 2))
        self._capsules = [np.flatnonzero(self._arm_of == number) for number in range(len(rig.arms))]
        self._pair_limits = {pair: self._limits_between(*pair) for pair in self.pairs}

    def _limits_between(self, arm: int, other: int) -> Array:
        """Least distances between the axes of the capsules of two arms, m."""
        first = self._capsules[arm]
        second = self._capsules[other]
        limits: Array = self._radius[first, None] + self._radius[second] + self._arm_distance_m
        limits[~self._moves[first, None] & ~self._moves[second]] = -np.inf  # how bases stand is nobody's motion
        return limits

    def _collect_points(self, rig: Rig, shapes: Sequence[ArmShape]) -> None:
        """Which points of which frames make up the capsules of all arms, and their tools."""
        n_frames = 1 + max(len(arm.joints) for arm in rig.arms)
        capsules = [(number, capsule) for number, shape in enumerate(shapes) for capsule in shape.capsules]
        self._radius = np.array([capsule.radius_m for _, capsule in capsules])
        self._moves = np.array([capsule.frame != BASE for _, capsule in capsules])
        self._arm_of = np.array([number for number, _ in capsules])
        tools = [number * n_frames + len(arm.joints) for number, arm in enumerate(rig.arms)]
        self._frame_of = np.array([number * n_frames + capsule.frame for number, capsule in capsules] + tools)
        points = [np.column_stack((capsule.start, capsule.end)) for _, capsule in capsules]
        points += [np.column_stack((shape.tool, shape.tool)) for shape in shapes]
        self._points = np.concatenate((np.array(points), np.ones((len(points), 1, 2))), axis=1)

    def _collect_boxes(self, rig: Rig) -> None:
        """Walls of the workspaces [arms, 3]; and every moving capsule with every box of its arm, box by box."""
        spaces = [arm.workspace for arm in rig.arms]
        self._walls_low = np.array([space.lower if space else (-np.inf,) * 3 for space in spaces])
        self._walls_high = np.array([space.upper if space else (np.inf,) * 3 for space in spaces])
        constraints = [(number, WORKSPACE) for number in range(len(rig.arms))]
        boxes: list[KeepOut] = []
        capsules: list[int] = []
        begins: list[int] = []
        for number, arm in enumerate(rig.arms):
            own = np.flatnonzero((self._arm_of == number) & self._moves)
            for box in arm.keep_out:
                constraints.append((number, f"keep_out:{box.name}"))
                begins.append(len(capsules))
                capsules += own.tolist()
                boxes += [box] * len(own)
        self.constraints: tuple[tuple[int, str], ...] = tuple(constraints)
        self._box_capsule = np.array(capsules, int)
        self._box_begins = np.array(begins, int)
        self._box_low = np.array([box.lower for box in boxes]).reshape(-1, 3)
        self._box_high = np.array([box.upper for box in boxes]).reshape(-1, 3)

    def shape(self, q: Array) -> Shape:
        """The arms at states q [N, S]."""
        frames = self._frames.of(q)
        frames = frames.reshape(len(q), -1, 4, 4)
        points = (frames[:, self._frame_of, :3] @ self._points).swapaxes(2, 3)
        n_capsules = len(self._radius)
        return Shape(points[:, :n_capsules, 0], points[:, :n_capsules, 1], points[:, n_capsules:, 0])

    def own_margins(self, shape: Shape) -> Array:
        """Margins [N, constraints] of single arms, m; where it is above 0, a margin to a box may be understated."""
        inside = np.minimum(shape.tools - self._walls_low, self._walls_high - shape.tools).min(axis=2)
        if not len(self._box_begins):
            return inside
        boxes = np.minimum.reduceat(self._box_margins(shape), self._box_begins, axis=1)
        return np.concatenate((inside, boxes), axis=1)

    def _box_margins(self, shape: Shape) -> Array:
        """Margins of capsules to boxes [N, capsules x boxes]."""
        start = shape.start[:, self._box_capsule]
        end = shape.end[:, self._box_capsule]
        # What lies apart along an axis is at least that far apart; only the others are measured exactly.
        before = self._box_low - np.maximum(start, end)
        behind = np.minimum(start, end) - self._box_high
        margins: Array = np.maximum(before, behind).max(axis=2) - self._radius[self._box_capsule]
        near = margins < 0.0
        if near.any():
            column = np.nonzero(near)[1]
            distance = segment_box_distance(start[near], end[near], self._box_low[column], self._box_high[column])
            margins[near] = distance - self._radius[self._box_capsule[column]]
        return margins

    def pair_margin(self, pair: Pair, one: Shape, other: Shape) -> float:
        """Least margin between two arms over time, m; where it is above 0, it may be understated.

        Args:
            pair: The two arms.
            one: Shape of which the first arm is taken, one row per moment.
            other: Shape of which the second one is taken, in the same moments.
        """
        first = self._capsules[pair[0]]
        second = self._capsules[pair[1]]
        limit = self._pair_limits[pair]
        gap = _box_gap(one.start[:, first], one.end[:, first], other.start[:, second], other.end[:, second]) - limit
        near = gap < 0.0
        if not near.any():
            return float(gap.min())
        i, j = np.nonzero(near)
        ends = [one.start[:, first[i]], one.end[:, first[i]], other.start[:, second[j]], other.end[:, second[j]]]
        distance = segment_distance(*(points.reshape(-1, 3) for points in ends)).reshape(len(one.start), -1)
        far = float(gap[~near].min(initial=np.inf))
        return min(far, float((distance - limit[near]).min()))


def _box_gap(start: Array, end: Array, other_start: Array, other_end: Array) -> Array:
    """How far boxes around motions of segments [K, G, 3] and [K, H, 3] lie apart [G, H]; below 0: they overlap."""
    low = np.minimum(start, end).min(axis=0)[:, None]
    high = np.maximum(start, end).max(axis=0)[:, None]
    other_low = np.minimum(other_start, other_end).min(axis=0)
    other_high = np.maximum(other_start, other_end).max(axis=0)
    result: Array = np.maximum(other_low - high, low - other_high).max(axis=2)
    return result
