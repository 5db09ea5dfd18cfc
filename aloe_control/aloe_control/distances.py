"""Distances of line segments to boxes and to each other, for many of them at once; exact but for rounding."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def segment_box_distance(start: Array, end: Array, lower: Array, upper: Array) -> Array:
    """Distance [M] of segments to boxes with sides along the axes; 0 where they meet.

    Along a segment half the squared distance is convex and piecewise quadratic, and its slope piecewise linear: the
    minimum lies between the two breakpoints where the slope changes its sign, and is interpolated there.

    Args:
        start: First ends [M, 3].
        end: Other ends [M, 3].
        lower: Lower corners of the boxes [M, 3].
        upper: Upper corners [M, 3].
    """
    d = end - start
    moves = np.abs(d) > 1e-12
    along = np.where(moves, d, 1.0)
    crossings = np.concatenate((np.where(moves, (lower - start) / along, 0.0), (upper - start) / along * moves), axis=1)
    ends = np.broadcast_to([0.0, 1.0], (len(d), 2))
    t = np.sort(np.concatenate((ends, _share(crossings)), axis=1), axis=1)
    slope = np.einsum("mki,mi->mk", _outside(start[:, None] + t[..., None] * d[:, None], lower, upper), d)
    after = np.minimum(np.maximum((slope <= 0.0).sum(axis=1), 1), t.shape[1] - 1)
    row = np.arange(len(d))
    s0 = slope[row, after - 1]
    s1 = slope[row, after]
    share = np.where(s1 > s0, -s0 / np.where(s1 > s0, s1 - s0, 1.0), 0.0)
    t0 = t[row, after - 1]
    nearest = t0 + (t[row, after] - t0) * _share(share)
    gap = _outside((start + nearest[:, None] * d)[:, None], lower, upper)[:, 0]
    result: Array = np.sqrt(np.einsum("mi,mi->m", gap, gap))
    return result


def segment_distance(start: Array, end: Array, other_start: Array, other_end: Array) -> Array:
    """Distance [M] between segments; 0 where they meet.

    The nearest points lie inside both segments, or one of them is an end: the least of these five distances.

    Args:
        start: First ends [M, 3] of the ones.
        end: Other ends [M, 3] of the ones.
        other_start: First ends [M, 3] of the others.
        other_end: Other ends [M, 3] of the others.

    Source: Ericson, Real-Time Collision Detection, 2005, section 5.1.9.
    """
    points = np.concatenate((start, end, other_start, other_end))
    starts = np.concatenate((other_start, other_start, start, start))
    ends = np.concatenate((other_end, other_end, end, end))
    squares = _point_segment_square(points, starts, ends).reshape(4, -1)
    inside = _lines_square(start, end - start, other_start, other_end - other_start)
    result: Array = np.sqrt(np.minimum(squares.min(axis=0), inside))
    return result


def _outside(points: Array, lower: Array, upper: Array) -> Array:
    """By how much points [M, K, 3] lie outside boxes [M, 3], along every axis."""
    result: Array = points - np.minimum(np.maximum(points, lower[:, None]), upper[:, None])
    return result


def _point_segment_square(points: Array, starts: Array, ends: Array) -> Array:
    """Squared distance [M] of points [M, 3] to segments."""
    d = ends - starts
    away = points - starts
    length = np.einsum("mi,mi->m", d, d)
    t = np.einsum("mi,mi->m", away, d) / np.where(length > 0.0, length, 1.0)
    gap = away - _share(t)[:, None] * d
    result: Array = np.einsum("mi,mi->m", gap, gap)
    return result


def _lines_square(start: Array, d: Array, other_start: Array, e: Array) -> Array:
    """Squared distance [M] of the lines' nearest points; infinite unless they lie inside both segments."""
    r = start - other_start
    dd = np.einsum("mi,mi->m", d, d)
    ee = np.einsum("mi,mi->m", e, e)
    de = np.einsum("mi,mi->m", d, e)
    dr = np.einsum("mi,mi->m", d, r)
    er = np.einsum("mi,mi->m", e, r)
    across = dd * ee - de * de
    crosses = across > 1e-12 * dd * ee  # else parallel: an end is among the nearest points
    divisor = np.where(crosses, across, 1.0)
    s = (de * er - dr * ee) / divisor
    t = (dd * er - de * dr) / divisor
    inside = crosses & (s >= 0.0) & (s <= 1.0) & (t >= 0.0) & (t <= 1.0)
    gap = r + s[:, None] * d - t[:, None] * e
    result: Array = np.where(inside, np.einsum("mi,mi->m", gap, gap), np.inf)
    return result


def _share(values: Array) -> Array:
    """Values limited to 0 to 1."""
    result: Array = np.minimum(np.maximum(values, 0.0), 1.0)
    return result
