"""Distances in closed form, against points tried one by one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_control.distances import segment_box_distance, segment_distance

COORDINATE = st.one_of(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), st.floats(-2.0, 2.0))
POINT = st.tuples(COORDINATE, COORDINATE, COORDINATE).map(np.array)
SHARES = np.linspace(0.0, 1.0, 101)[:, None]


def along(start, end):
    return start + SHARES * (end - start)


@settings(max_examples=100, deadline=None)
@given(POINT, POINT, POINT, st.tuples(*[st.floats(0.01, 2.0)] * 3).map(np.array))
def test_a_segment_is_as_far_from_a_box_as_its_nearest_point(start, end, lower, size):
    points = along(start, end)
    outside = points - np.clip(points, lower, lower + size)
    tried = np.linalg.norm(outside, axis=1).min()
    found = segment_box_distance(start[None], end[None], lower[None], (lower + size)[None])[0]
    between = np.linalg.norm(end - start) / len(SHARES)
    assert tried - between - 1e-9 <= found <= tried + 1e-9


@settings(max_examples=100, deadline=None)
@given(POINT, POINT, POINT, POINT)
def test_two_segments_are_as_far_apart_as_their_nearest_points(start, end, other_start, other_end):
    tried = np.linalg.norm(along(start, end)[:, None] - along(other_start, other_end)[None], axis=2).min()
    found = segment_distance(start[None], end[None], other_start[None], other_end[None])[0]
    between = (np.linalg.norm(end - start) + np.linalg.norm(other_end - other_start)) / len(SHARES)
    assert tried - between - 1e-9 <= found <= tried + 1e-9


def test_many_are_measured_at_once_and_each_for_itself():
    rng = np.random.default_rng(0)
    a, b, c, d = rng.normal(size=(4, 30, 3))
    alone = [segment_distance(*(x[i : i + 1] for x in (a, b, c, d)))[0] for i in range(30)]
    assert (segment_distance(a, b, c, d) == alone).all()
    low, high = np.minimum(c, d), np.maximum(c, d)
    alone = [segment_box_distance(*(x[i : i + 1] for x in (a, b, low, high)))[0] for i in range(30)]
    assert (segment_box_distance(a, b, low, high) == alone).all()
