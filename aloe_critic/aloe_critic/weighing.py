"""One pass over all chunks of a replay: what they were worth, by a critic, by a state value or by their labels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_critic.batches import Batches
from aloe_critic.bootstrap import Drawn
from aloe_critic.losses import td_target
from aloe_critic.proposer import StoredProposer
from aloe_critic.scorer import ChunkScorer
from aloe_critic.weights import Labels, WeightConfig, by_softmax, statistics, with_shares
from aloe_data.replay import Replay
from aloe_data.segments import HAND_BACK
from aloe_policy.improvement_weights import Weights

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Progress = Callable[[int], object]
PART = 256  # chunks at a time


@dataclass(frozen=True, eq=False)
class Entries:
    """Chunks with their weights, as columns of a file; some rows may be there several times.

    Attributes:
        index: Entry of each chunk in the replay, [m].
        weight: Weight of each chunk's loss, [m].
        advantage: Advantage of each chunk, [m]; NaN where nobody asked.
        chunks: Normalised chunks to learn in place of the executed ones, float16 [m, H, A]; None: the executed ones.
        good: Whether the policy is told of each chunk that it is good, bool [m]; None: nothing is told.
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
    scorer: ChunkScorer,
    batches: Batches,
    policy: StoredProposer,
    drawn: Drawn | None = None,
    progress: Progress = lambda chunks: None,
) -> Array:
    """What each chunk promised, Adv = agg_k Q_k(s, a) - V(s) [n].

    Args:
        scorer: Critic, with the policy whose value it tells.
        batches: n chunks, as the critic reads them.
        policy: That policy's chunks in states of the same store.
        drawn: What the critic's training drew of that policy in states of the same store.
        progress: Called with the number of chunks that were done.
    """
    found = np.empty(len(batches.replay))
    for part, own in _with_own(batches, drawn):
        batch = batches.at(part)
        found[part] = scorer.estimate(batch.state, batch.actions, policy.propose(batch.row.numpy()), own).advantage
        progress(len(part))
    return found


def seen_advantages(
    scorer: ChunkScorer,
    batches: Batches,
    policy: StoredProposer,
    drawn: Drawn | None = None,
    progress: Progress = lambda chunks: None,
) -> Array:
    """What came of each chunk, Adv = R_N + gamma^N m V(s_{t+N}) - V(s_t) [n]; N and R are the replay's.

    The critic need not foresee what a chunk does: it is asked about the observed state after it. Arguments as in
    `advantages`. Source: n-step advantages as in A3C, arXiv:1602.01783, with the ensemble's V; the use is ours.
    """
    replay = batches.replay
    value = np.empty(len(replay))
    reached = np.empty(len(replay))
    for part, own in _with_own(batches, drawn):
        value[part] = scorer.values(batches.states(part), policy.propose(replay.rows[part]), own)
        progress(len(part))
    follower = _followers(replay)
    for part in _parts(np.arange(len(replay))):
        batch = batches.at(part)
        after = value[follower[part]]
        other = np.flatnonzero((follower[part] < 0) & (batch.mask.cpu().numpy() > 0))
        if len(other):
            states = batch.next_state[torch.from_numpy(other).to(batches.device)]
            after[other] = scorer.values(states, policy.propose(batch.next_row.numpy()[other]))
        worth = torch.from_numpy(after).float().to(batches.device)
        reached[part] = td_target(worth, batch.reward, batch.discount, batch.mask).cpu().numpy()
    return reached - value


def proposals(
    scorer: ChunkScorer,
    batches: Batches,
    policy: StoredProposer,
    samples: int,
    config: WeightConfig,
    progress: Progress = lambda chunks: None,
) -> Entries:
    """Chunks of the policy itself in every state, weighted among each other (POCO's E step).

    Args:
        scorer: Critic, with the policy whose value it tells.
        batches: n chunks, whose states count.
        policy: That policy's chunks in states of the same store.
        samples: N, chunks per state.
        config: How values become weights.
        progress: Called with the number of states that were done.
    """
    generator = torch.Generator().manual_seed(0)
    horizon, width = policy.noise_shape
    states = len(batches.replay)
    chunks = np.empty((samples, states, horizon, width), np.float16)
    q = np.empty((samples, states))
    for part in _parts(np.arange(states)):
        noise = torch.randn(samples, len(part), horizon, width, generator=generator).to(batches.device)
        observations = policy.observations.at(batches.replay.rows[part])
        proposed = policy.proposer.sample(observations, noise)
        judged = policy.proposer.convert(proposed, observations.joints)
        chunks[:, part] = proposed.half().cpu().numpy()
        q[:, part] = scorer.judge(batches.states(part), judged).cpu().numpy()
        progress(len(part))
    index = np.tile(np.arange(states), samples)
    return Entries(index, by_softmax(q, config).ravel(), (q - q.mean(0)).ravel(), chunks.reshape(-1, horizon, width))


def as_weights(entries: Entries, replay: Replay, meta: Mapping[str, Any], config: WeightConfig, rule: str) -> Weights:
    """Entries as what `improve` learns with.

    Args:
        entries: Chunks with their weights.
        replay: Replay that they are of.
        meta: How they were made, without statistics; see `improvement_weights`.
        config: How advantages became weights.
        rule: Rule by which they did, "" for none.
    """
    labels = labels_of(replay)
    index = entries.index
    if entries.chunks is not None:  # the policy's own: their weights compare chunks within a state
        config = replace(config, correction_share=0.0)
    source = labels.source[index]
    return Weights(
        row=replay.rows[index],
        stop=stops_of(replay)[index],
        weight=with_shares(entries.weight, source, config),
        advantage=entries.advantage,
        source=source,
        success=labels.success[index],
        chunks=entries.chunks,
        good=entries.good,
        meta={**meta, "statistics": statistics(entries.weight, source, config, rule, entries.good)},
    )


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
    order = np.argsort(replay.rows)
    after = replay.rows + replay.config.reach
    there = order[np.searchsorted(replay.rows, after, sorter=order).clip(max=len(order) - 1)]
    same = (replay.rows[there] == after) & (replay.segment_of[there] == replay.segment_of)
    return np.where(same, there, -1)


def _parts(entries: Index) -> Iterator[Index]:
    return (entries[start : start + PART] for start in range(0, len(entries), PART))
