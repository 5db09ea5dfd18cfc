"""One pass over all chunks of a replay: what they were worth, by a critic, by a state value or by their labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.batches import Batches
from aloe_critic.bootstrap import Drawn
from aloe_critic.losses import td_target
from aloe_critic.scorer import ChunkScorer
from aloe_critic.weights import Labels, WeightConfig, by_softmax
from aloe_data.replay import Replay
from aloe_data.segments import HAND_BACK

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[int], object]
PART = 256  # chunks at a time


@dataclass(frozen=True, eq=False)
class Entries:
    """Chunks with their weights, as columns of a file; some rows may be there several times.

    Attributes:
        index: of each chunk in the replay [m].
        weight, advantage: [m].
        chunks: float16 [m, H, A], normalised, to learn in place of the executed ones; None: the executed ones.
        good: bool [m], what the policy is to be told of each; None: nothing.
    """

    index: Index
    weight: Array
    advantage: Array
    chunks: NDArray[np.float16] | None = None
    good: NDArray[np.bool_] | None = None


def labels_of(replay: Replay) -> Labels:
    """Who acted in each chunk of a replay, and how its segment ended; see `Labels`."""
    success, terminal = np.array([(segment.success, segment.terminal) for segment in replay.segments], bool).T
    won = np.isin(replay.episode_of_segment, replay.episode_of_segment[success])
    handed_back = np.array([segment.end == HAND_BACK for segment in replay.segments])
    of = replay.segment_of
    return Labels(replay.source_of, (success | handed_back & won)[of], (terminal & ~success)[of])


def stops_of(replay: Replay) -> Index:
    """Where each chunk's segment ends, a row of the store [n]."""
    return np.array([segment.stop for segment in replay.segments])[replay.segment_of]


def advantages(
    scorer: ChunkScorer, batches: Batches, drawn: Drawn | None = None, progress: Progress = lambda chunks: None
) -> Array:
    """What each chunk promised, Adv = agg_k Q_k(s, a) - V(s) [n].

    Args:
        scorer: the critic, with the policy whose value it tells.
        batches: n chunks.
        drawn: what its training drew of that policy in states of the same store.
        progress: called with the number of chunks that were done.
    """
    found = np.empty(len(batches.replay))
    for part, own in _with_own(batches, drawn):
        batch = batches.at(part)
        found[part] = scorer.estimate(batch.state, batch.actions, own).advantage
        progress(len(part))
    return found


def seen_advantages(
    scorer: ChunkScorer, batches: Batches, drawn: Drawn | None = None, progress: Progress = lambda chunks: None
) -> Array:
    """What came of each chunk, Adv = R_N + gamma^N m V(s_{t+N}) - V(s_t) [n]; N and R are the replay's.

    The critic need not foresee what a chunk does: it is asked about the state that was seen after it. Arguments as in
    `advantages`. Source: n-step advantages as in A3C, arXiv:1602.01783, with the ensemble's V; the use is ours.
    """
    replay = batches.replay
    value, reached = np.empty(len(replay)), np.empty(len(replay))
    for part, own in _with_own(batches, drawn):
        value[part] = scorer.values(batches.states(part), own)
        progress(len(part))
    follower = _followers(replay)
    for part in _parts(np.arange(len(replay))):
        batch, after = batches.at(part), value[follower[part]]
        if len(other := np.flatnonzero((follower[part] < 0) & (batch.mask.cpu().numpy() > 0))):
            after[other] = scorer.values(batch.next_state[torch.from_numpy(other).to(batches.device)])
        worth = torch.from_numpy(after).float().to(batches.device)
        reached[part] = td_target(worth, batch.reward, batch.discount, batch.mask).cpu().numpy()
    return reached - value


def proposals(
    scorer: ChunkScorer, batches: Batches, samples: int, config: WeightConfig, progress: Progress = lambda chunks: None
) -> Entries:
    """Chunks of the policy itself in every state, weighted among each other (POCO's E step).

    Args:
        scorer: the critic and the policy.
        batches: n chunks, whose states count.
        samples: N, chunks per state.
        config: of the weights.
        progress: called with the number of states that were done.
    """
    generator, policy = torch.Generator().manual_seed(0), scorer.policy
    horizon, width = policy.action_horizon, scorer.critic.network.sizes.action_dim
    states = len(batches.replay)
    chunks, q = np.empty((samples, states, horizon, width), np.float16), np.empty((samples, states))
    for part in _parts(np.arange(states)):
        noise = torch.randn(samples, len(part), horizon, width, generator=generator).to(batches.device)
        proposed, said = scorer.propose(batches.states(part), noise)
        chunks[:, part], q[:, part] = proposed.half().cpu().numpy(), said.cpu().numpy()
        progress(len(part))
    index = np.tile(np.arange(states), samples)
    return Entries(index, by_softmax(q, config).ravel(), (q - q.mean(0)).ravel(), chunks.reshape(-1, horizon, width))


def _with_own(batches: Batches, drawn: Drawn | None) -> Iterator[tuple[Index, torch.Tensor | None]]:
    """All chunks in parts, with what is drawn already of the policy in their states [M, part, h, A]."""
    replay = batches.replay
    start = np.array([segment.start for segment in replay.segments])[replay.segment_of]
    known = np.zeros(len(replay), bool) if drawn is None else drawn.at(replay.rows, start)[0]
    for chosen in (known, ~known):
        for part in _parts(np.flatnonzero(chosen)):
            own = None
            if drawn is not None and known[part[0]]:
                own = drawn.at(replay.rows[part], start[part])[1].transpose(0, 1).float().to(batches.device)
            yield part, own


def _followers(replay: Replay) -> Index:
    """For each chunk the one of its segment that begins `reach` ticks later [n]; -1: none."""
    order, after = np.argsort(replay.rows), replay.rows + replay.config.reach
    there = order[np.searchsorted(replay.rows, after, sorter=order).clip(max=len(order) - 1)]
    same = (replay.rows[there] == after) & (replay.segment_of[there] == replay.segment_of)
    return np.where(same, there, -1)


def _parts(entries: Index) -> Iterator[Index]:
    return (entries[start : start + PART] for start in range(0, len(entries), PART))
