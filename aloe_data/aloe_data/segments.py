"""Cutting an episode into segments by who was in control; what a learner bootstraps over and where it stops.

A tick is the human's when a human commands any arm in it, else the policy's when the policy does, else it holds. Runs
of equal ticks are segments:

    autonomous, ends with the episode in success or failure    terminal
    autonomous, ends in a human takeover                       terminal, a failure (`takeover: split`)
    human, ends with the episode in success or failure         terminal
    human, handed back and taken over again within `again_ticks`   terminal, a failure: it did not help (ours)
    anything else (hand-back, pause, timeout, abort)           not terminal: bootstrap

Source: ALOE, arXiv:2602.12691: the failed part before a takeover is a failed segment, the correction one of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import parameter
from aloe_data.frames import Episode

HOLD = "hold"
AUTONOMOUS = "autonomous"
HUMAN = "human"
HAND_BACK = "hand-back"
AGAIN = "again"
_KINDS = (HOLD, AUTONOMOUS, HUMAN)  # by the values of ArmAction.source
_VERDICTS_THAT_END = ("success", "failure")


@dataclass(frozen=True)
class SegmentConfig:
    """How episodes are cut."""

    takeover: str = parameter(
        "split", choices=("split", "spliced"), doc="split: a takeover ends the policy's segment as a failure"
    )
    blip_ticks: int = parameter(
        5, unit="ticks", low=0, doc="a pause up to this long is none, and a human's touch up to this long no takeover"
    )
    again_ticks: int = parameter(
        200, unit="ticks", low=0, doc="a takeover within so long of a hand-back says that the correction had failed"
    )


@dataclass(frozen=True)
class Segment:
    """Ticks [start, stop) of an episode under one control.

    Attributes:
        kind: "autonomous", "human" or "hold" (nobody commands; not for learning).
        end: Cause of its end: the verdict of the episode ("success", "failure", "timeout", "abort", "none"),
            "takeover", "touch" (a human for a moment only), "hand-back", "again" (handed back, and taken over again
            soon), or "pause" (held, then went on under the same control).
        terminal: Whether the bootstrap stops at its end; then `success` says with which outcome.
        arms: Names of the arms that a human commanded in it, in the rig's order.
    """

    start: int
    stop: int
    kind: str
    end: str
    terminal: bool
    arms: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def success(self) -> bool:
        """It ends in the episode's success."""
        return self.terminal and self.end == "success"


def episode_segments(episode: Episode, config: SegmentConfig = SegmentConfig()) -> tuple[Segment, ...]:
    """The segments of a recorded episode, in order; together they hold every tick once."""
    return cut(episode.source, [arm.name for arm in episode.rig.arms], episode.facts.verdict, config)


def cut(
    source: NDArray[np.uint8], arms: Sequence[str], verdict: str, config: SegmentConfig = SegmentConfig()
) -> tuple[Segment, ...]:
    """Segments of T ticks.

    Args:
        source: [T, A], who commanded each arm (0 hold, 1 policy, 2 human).
        arms: Names of the A arms.
        verdict: Verdict of the episode, one of `vocabulary.VERDICT_WORDS`.
        config: Parameters of the cutting.
    """
    runs = _without_blips(_runs(source.max(axis=1)), config.blip_ticks)
    ends = _ends(runs, verdict, config.blip_ticks)
    ends = [AGAIN if end == HAND_BACK and _again(runs[k:], config) else end for k, end in enumerate(ends)]
    terminal = (*_VERDICTS_THAT_END, "takeover", AGAIN) if config.takeover == "split" else _VERDICTS_THAT_END
    return tuple(
        Segment(start, stop, kind, end, kind != HOLD and end in terminal, _held(source[start:stop], arms))
        for (start, stop, kind), end in zip(runs, ends, strict=True)
    )


_Run = tuple[int, int, str]  # start, stop, kind


def _runs(control: NDArray[np.uint8]) -> list[_Run]:
    """Longest runs of ticks under the same control."""
    edges = [0, *(np.flatnonzero(np.diff(control)) + 1).tolist(), len(control)]
    return [(start, stop, _KINDS[control[start]]) for start, stop in pairwise(edges)]


def _without_blips(runs: list[_Run], blip_ticks: int) -> list[_Run]:
    """Short pauses belong to what they interrupt, if the same control goes on after them."""
    joined: list[_Run] = []
    for index, (start, stop, kind) in enumerate(runs):
        before = joined[-1][2] if joined else ""
        after = runs[index + 1][2] if index + 1 < len(runs) else ""
        pause = kind == HOLD and stop - start <= blip_ticks and before == after
        if joined and (pause or kind == before):
            joined[-1] = (joined[-1][0], stop, before)
        else:
            joined.append((start, stop, kind))
    return joined


def _ends(runs: list[_Run], verdict: str, blip_ticks: int) -> list[str]:
    """What ended each run; pauses aside, it is what came after it."""
    ends: list[str] = []
    after: _Run | None = None
    for run in reversed(runs):
        ends.append(verdict if after is None else _change(run, after, blip_ticks))
        after = after if run[2] == HOLD else run
    return ends[::-1]


def _change(run: _Run, after: _Run, blip_ticks: int) -> str:
    if run[2] == HOLD or run[2] == after[2]:
        return "pause"
    if run[2] == HUMAN:
        return HAND_BACK
    return "takeover" if after[1] - after[0] > blip_ticks else "touch"


def _again(runs: list[_Run], config: SegmentConfig) -> bool:
    """Whether the first run, a human's, is followed soon by another one that is more than a touch."""
    first, *after = runs
    taken = (start for start, stop, kind in after if kind == HUMAN and stop - start > config.blip_ticks)
    return first[1] - first[0] > config.blip_ticks and next(taken, np.inf) - first[1] <= config.again_ticks


def _held(source: NDArray[np.uint8], arms: Sequence[str]) -> tuple[str, ...]:
    human = (source == _KINDS.index(HUMAN)).any(axis=0)
    return tuple(name for name, by_human in zip(arms, human, strict=True) if by_human)
