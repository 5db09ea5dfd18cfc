"""What a critic says along a recorded episode, and which chunks mattered most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_critic.estimates import Estimates
from aloe_critic.scorer import ChunkScorer
from aloe_data.chunk import Chunk
from aloe_data.frames import Episode
from aloe_data.segments import HOLD, episode_segments

Float = NDArray[np.float64]
Index = NDArray[np.int64]
PART = 16  # chunks at a time
LEAST = 0.5  # std(Q): a smaller change is no turn


@dataclass(frozen=True)
class Turn:
    """A chunk after which Q is much higher or lower: which entry of the timeline, and by how much."""

    index: int
    change: float


@dataclass(frozen=True, eq=False)
class Timeline:
    """Opinions about n chunks as they were executed.

    Attributes:
        ticks: int64 [n], positions within the episode at which the chunks begin.
        time_s: [n], since the episode's first tick.
        estimates: of the executed chunks.
        turns: the chunks that mattered most, in order of time.
        proposed: [m, 2], times of the policy's proposals [s] and their aggregated Q.
        chunk_s: length of an executed chunk [s].
        q_std: the unit of advantages.
    """

    ticks: Index
    time_s: Float
    estimates: Estimates
    turns: tuple[Turn, ...]
    proposed: Float
    chunk_s: float
    q_std: float


def score_episode(
    scorer: ChunkScorer, episode: Episode, proposals: Sequence[tuple[Chunk, Estimates]], stride: int, marks: int
) -> Timeline:
    """Score what was executed, whoever commanded it.

    Args:
        scorer: critic and policy.
        episode: read with images of the scorer's size.
        proposals: the policy's chunks and what the critic says about them.
        stride: ticks between the beginnings of chunks.
        marks: how many turns at most.

    Raises:
        ValueError: nobody commanded the arms at an observed tick.
    """
    ticks, windows = executed_windows(episode, scorer.n_action_steps, stride)
    rows = scorer.policy.space.from_joints(windows)
    parts = [
        scorer.score(
            episode.images(ticks[k : k + PART]), episode.state[ticks[k : k + PART]], episode.prompt, rows[k : k + PART]
        )
        for k in range(0, len(ticks), PART)
    ]
    if not parts:
        raise ValueError("nobody commanded the arms at a tick with a complete observation: nothing to score")
    estimates = Estimates.joined(parts)
    turns = turning_points(
        ticks, estimates.aggregated.astype(np.float64), scorer.n_action_steps, marks, LEAST * scorer.q_std
    )
    first_ns = int(episode.stamps_ns[0])
    last_ns = int(episode.stamps_ns[-1])
    proposed = [
        ((chunk.stamp_ns - first_ns) / 1e9, float(found.aggregated[0]))
        for chunk, found in proposals
        if first_ns <= chunk.stamp_ns <= last_ns
    ]
    return Timeline(
        ticks=ticks,
        time_s=(episode.stamps_ns[ticks] - first_ns) / 1e9,
        estimates=estimates,
        turns=turns,
        proposed=np.array(proposed, dtype=np.float64).reshape(-1, 2),
        chunk_s=scorer.n_action_steps / episode.rig.rate_hz,
        q_std=scorer.q_std,
    )


def executed_windows(episode: Episode, steps: int, stride: int) -> tuple[Index, NDArray[np.float32]]:
    """Where chunks begin, and the joint set points [n, steps, S] that were executed from there on.

    As in training: a chunk ends where somebody else takes control; its last set points are then repeated. Pauses and
    ticks that were not observed have none.
    """
    starts = []
    windows = []
    for segment in episode_segments(episode):
        if segment.kind == HOLD:
            continue
        ticks = np.arange(segment.start, segment.stop, stride)
        ticks = ticks[episode.observed[ticks]]
        starts.append(ticks)
        windows.append(episode.executed[np.minimum(ticks[:, None] + np.arange(steps), segment.stop - 1)])
    if not starts:
        return np.zeros(0, np.int64), np.zeros((0, steps, episode.executed.shape[1]), np.float32)
    return np.concatenate(starts), np.concatenate(windows)


def turning_points(ticks: Index, q: Float, steps: int, marks: int, least: float) -> tuple[Turn, ...]:
    """The largest falls and rises from one executed chunk to the next, no two of them within one chunk.

    A value that hardly lasts is none: each is the median of those around it, a fifth of a chunk to either side.

    Args:
        ticks: [n], where chunks begin, ascending.
        q: [n], their value.
        steps: ticks of a chunk.
        marks: how many at most.
        least: change that counts.
    """
    after = np.flatnonzero(ticks + steps <= ticks[-1])
    steady = np.array([np.median(q[np.abs(ticks - tick) <= steps / 5]) for tick in ticks])
    change = np.interp(ticks[after] + steps, ticks, steady) - steady[after]
    chosen: list[Turn] = []
    for k in np.argsort(-np.abs(change), kind="stable"):
        index = int(after[k])
        apart = all(abs(ticks[index] - ticks[turn.index]) >= steps for turn in chosen)
        if len(chosen) < marks and abs(change[k]) >= least and apart:
            chosen.append(Turn(index, float(change[k])))
    return tuple(sorted(chosen, key=lambda turn: turn.index))


def broken(timeline: Timeline, values: NDArray[np.floating[Any]]) -> tuple[Float, Float]:
    """Times and values of a curve, broken with NaN where chunks are missing in between."""
    gaps = np.flatnonzero(np.diff(timeline.ticks) > 2 * np.median(np.diff(timeline.ticks))) + 1
    return np.insert(timeline.time_s, gaps, np.nan), np.insert(values.astype(np.float64), gaps, np.nan)
