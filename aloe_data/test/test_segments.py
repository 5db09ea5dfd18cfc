"""Segments: every tick in one, never two in control of one, and the bootstrap stops only where it should."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.segments import Segment, SegmentConfig, cut
from aloe_data.vocabulary import VERDICT_WORDS

ARMS = ("left_arm", "right_arm")
STINTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 12)), min_size=1, max_size=12)
CONFIGS = st.builds(
    SegmentConfig,
    takeover=st.sampled_from(["split", "spliced"]),
    blip_ticks=st.integers(0, 6),
    again_ticks=st.integers(0, 20),
)


def ticks(stints: list[tuple[int, int, int]]) -> np.ndarray:
    """Sources [T, 2] from stints of (left, right, length)."""
    return np.concatenate([np.tile(np.uint8([[left, right]]), (n, 1)) for left, right, n in stints])


def told(stints: list[tuple[int, int, int]], verdict: str = "success", **config: object) -> list[tuple[object, ...]]:
    return [
        (s.kind, len(s), s.end, s.terminal, s.arms) for s in cut(ticks(stints), ARMS, verdict, SegmentConfig(**config))
    ]


@settings(max_examples=60)
@given(STINTS, st.sampled_from(VERDICT_WORDS), CONFIGS)
def test_every_tick_is_in_one_segment_and_no_segment_mixes_policy_and_human(
    stints: list[tuple[int, int, int]], verdict: str, config: SegmentConfig
) -> None:
    source = ticks(stints)
    segments = cut(source, ARMS, verdict, config)
    assert [s.start for s in segments] == [0, *(s.stop for s in segments[:-1])]
    assert segments[-1].stop == len(source)
    for segment in segments:
        inside = source[segment.start : segment.stop]
        holds = (inside.max(axis=1) == 0).sum()
        controls = set(inside.max(axis=1).tolist()) - {0}
        assert controls == {"hold": set(), "autonomous": {1}, "human": {2}}[segment.kind]
        assert segment.kind == "hold" or holds == 0 or config.blip_ticks > 0
        assert segment.arms == tuple(arm for arm, column in zip(ARMS, inside.T, strict=True) if 2 in column)


@settings(max_examples=60)
@given(STINTS, st.sampled_from(VERDICT_WORDS), st.sampled_from(["split", "spliced"]))
def test_terminals_are_those_of_a_plain_loop_over_ticks(
    stints: list[tuple[int, int, int]], verdict: str, takeover: str
) -> None:
    control = ticks(stints).max(axis=1)
    acting = np.flatnonzero(control).tolist()
    expected = {tick for tick in acting[-1:] if verdict in ("success", "failure")}
    for tick, after in pairwise(acting):
        if (control[tick], control[after]) == (1, 2) and takeover == "split":
            expected.add(tick)
    segments = cut(ticks(stints), ARMS, verdict, SegmentConfig(takeover=takeover, blip_ticks=0, again_ticks=0))
    assert {s.stop - 1 for s in segments if s.terminal} == expected
    assert {s.stop - 1 for s in segments if s.success} == {t for t in acting[-1:] if verdict == "success"}


def test_a_takeover_fails_what_was_before_it_and_the_correction_ends_as_the_episode() -> None:
    assert told([(1, 1, 20), (2, 1, 30)]) == [
        ("autonomous", 20, "takeover", True, ()),
        ("human", 30, "success", True, ("left_arm",)),
    ]
    assert told([(1, 1, 20), (2, 2, 30)], takeover="spliced")[0] == ("autonomous", 20, "takeover", False, ())


def test_after_a_hand_back_the_policy_waits_and_goes_on_in_a_segment_of_its_own() -> None:
    assert told([(1, 1, 20), (2, 0, 30), (0, 0, 12), (1, 1, 40)], "failure") == [
        ("autonomous", 20, "takeover", True, ()),
        ("human", 30, "hand-back", False, ("left_arm",)),
        ("hold", 12, "pause", False, ()),
        ("autonomous", 40, "failure", True, ()),
    ]


def test_a_correction_after_which_somebody_takes_over_again_at_once_has_failed() -> None:
    stints = [(1, 1, 20), (2, 1, 30), (1, 1, 15), (2, 1, 40)]
    assert told(stints, again_ticks=15)[1:] == [
        ("human", 30, "again", True, ("left_arm",)),
        ("autonomous", 15, "takeover", True, ()),
        ("human", 40, "success", True, ("left_arm",)),
    ]
    assert told(stints, again_ticks=14)[1] == ("human", 30, "hand-back", False, ("left_arm",)), "later: other trouble"
    assert told(stints, again_ticks=15, takeover="spliced")[1] == ("human", 30, "again", False, ("left_arm",))


def test_a_touch_is_no_correction_and_a_pause_no_hand_back() -> None:
    touch = [(2, 1, 30), (1, 1, 15), (2, 1, 3), (1, 1, 15), (2, 2, 30)]
    assert [row[2] for row in told(touch, again_ticks=20)] == ["hand-back", "touch", "hand-back", "takeover", "success"]
    assert [row[2] for row in told([(2, 1, 30), (0, 0, 15), (2, 1, 30)], again_ticks=20)] == [
        "pause",
        "pause",
        "success",
    ]


def test_a_correction_that_passes_from_arm_to_arm_is_one() -> None:
    assert told([(1, 1, 9), (2, 1, 10), (2, 2, 10), (1, 2, 10)])[1:] == [
        ("human", 30, "success", True, ("left_arm", "right_arm"))
    ]


def test_a_hold_before_the_human_does_not_hide_the_takeover() -> None:
    assert [row[2] for row in told([(1, 1, 20), (0, 0, 30), (2, 2, 30)])] == ["takeover", "pause", "success"]


def test_short_pauses_and_touches_are_none() -> None:
    assert told([(1, 1, 20), (0, 0, 5), (1, 1, 20)]) == [("autonomous", 45, "success", True, ())]
    assert [row[2] for row in told([(1, 1, 20), (0, 0, 6), (1, 1, 20)])] == ["pause", "pause", "success"]
    assert told([(1, 1, 20), (2, 1, 3), (1, 1, 20)])[:2] == [
        ("autonomous", 20, "touch", False, ()),
        ("human", 3, "hand-back", False, ("left_arm",)),
    ]


@pytest.mark.parametrize("verdict", ["timeout", "abort", "none"])
def test_timeout_abort_and_silence_are_no_terminals(verdict: str) -> None:
    assert told([(0, 0, 9), (1, 1, 20), (0, 0, 9)], verdict)[1:] == [
        ("autonomous", 20, verdict, False, ()),
        ("hold", 9, verdict, False, ()),
    ]


def test_an_episode_in_which_nobody_acts_holds() -> None:
    assert cut(ticks([(0, 0, 7)]), ARMS, "success") == (Segment(0, 7, "hold", "success", False),)
