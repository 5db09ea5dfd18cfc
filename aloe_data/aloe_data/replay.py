"""Samples of chunk transitions from a store of episodes, whatever their number: only an index is in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.config import ConfigError, parameter
from aloe_data.episode_index import StoredEpisode
from aloe_data.episode_store import EpisodeStore
from aloe_data.frame_store import FrameStore
from aloe_data.segments import HOLD, Segment, SegmentConfig, cut
from aloe_data.sources import BY_HUMAN, DEMO, SOURCES, source_of
from aloe_data.transitions import RewardConfig, chunk_returns
from aloe_data.verdicts import verdict_now

Array = NDArray[Any]


@dataclass(frozen=True)
class ReplayConfig:
    """What is sampled."""

    n_action_steps: int = parameter(25, unit="ticks", low=1, doc="h, executed steps of a chunk")
    n_step: int = parameter(1, low=1, doc="chunks whose rewards are added up before the value of the state after them")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    demo_share: float = parameter(-1.0, low=-1.0, high=1.0, doc="of a batch from demonstrations; -1: as they come")
    human_share: float = parameter(-1.0, low=-1.0, high=1.0, doc="of a batch from human segments; -1: as they come")
    seed: int = parameter(0, low=0, doc="of the sampling")

    @property
    def reach(self) -> int:
        """Ticks from a chunk's beginning to the state whose value counts, if the segment is that long."""
        return self.n_action_steps * self.n_step


@dataclass(frozen=True, eq=False)
class Transitions:
    """B chunk transitions, of a rig with S joints, C cameras and features of shape F.

    Attributes:
        state, next_state: Joint positions, float32 [B, S], at the chunk's beginning and `reach` ticks later, or at the
            last tick of its segment that was observed.
        features, next_features: Features of these two states, float16 [B, C, *F].
        executed: Joint set points, float32 [B, h, S]; past the segment's end the last one again.
        valid: 1 within the segment, 0 past its end, float32 [B, h].
        reward, discount, mask: Parts of the return, float32 [B], see `transitions.Returns`.
        source: Index into SOURCES, int64 [B].
        segment: Number of the segment, int64 [B]; `Replay.segments` has them.
        episode: Number of the episode, int64 [B]; `Replay.episodes` has their prompts and policy versions.
        row: Row of the chunk's first tick in the store, int64 [B].
        next_row: Row of the state after it, int64 [B].
    """

    state: Array
    next_state: Array
    features: Array
    next_features: Array
    executed: Array
    valid: Array
    reward: Array
    discount: Array
    mask: Array
    source: Array
    segment: Array
    episode: Array
    row: Array
    next_row: Array


@dataclass
class _Index:
    """Where chunks may begin: one entry each, as columns."""

    row: list[Array] = field(default_factory=list)
    segment: list[Array] = field(default_factory=list)


class Replay:
    """Chunk transitions of a store.

    Args:
        store: Store of the episodes; a bag that was ingested twice counts once, as it is now.
        features: Features of their frames; episodes without features are left out.
        config: Parameters of the sampling.
        reward: Worth of ticks and ends.
        segments: Parameters of the cutting of episodes; None: the defaults of SegmentConfig.
        exclude: Keys of bags to leave out, see `EpisodeStore.bags`.

    Raises:
        ConfigError: nothing is left to sample from, or shares of what is not there.
    """

    def __init__(
        self,
        store: EpisodeStore,
        features: FrameStore,
        config: ReplayConfig,
        reward: RewardConfig,
        segments: SegmentConfig | None = None,
        exclude: Collection[str] = (),
    ) -> None:
        self.config = config
        self.reward = reward
        self._columns = {name: store.column(name) for name in ("state", "executed", "observed", "frame", "source")}
        self._features = features
        self.episodes: list[StoredEpisode] = []
        self.segments: list[Segment] = []  # start and stop are rows of the store
        self._last: list[int] = []  # row of each segment's last observed tick
        self._segment_episode: list[int] = []
        self._sources: list[int] = []  # of each segment
        index = _Index()
        for key, episode in store.bags.items():
            if key not in exclude and features.has(episode):
                self._add(episode, [arm.name for arm in store.rig.arms], segments or SegmentConfig(), index)
        if not index.row or not sum(map(len, index.row)):
            raise ConfigError(f"{store.folder}: no chunk to learn from; ingest episodes with armed ticks and features")
        self._row = np.concatenate(index.row)
        self._segment = np.concatenate(index.segment)
        self._stop = np.array([segment.stop for segment in self.segments])
        self._last_row = np.array(self._last)
        self._terminal = np.array([segment.terminal for segment in self.segments], dtype=np.int64)
        failed = [segment.terminal and not segment.success for segment in self.segments]
        self._failure = np.array(failed, dtype=np.int64)
        self._episode = np.array(self._segment_episode)
        self._source = np.array(self._sources)
        self._by_source = [np.flatnonzero(self._source[self._segment] == s) for s in range(len(SOURCES))]
        self._shares = self._check_shares()
        self._rng = np.random.default_rng(config.seed)

    def __len__(self) -> int:
        """Number of chunks that may be sampled."""
        return len(self._row)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Rows of the store at which the chunks begin, each its own [len]."""
        return self._row

    @property
    def segment_of(self) -> NDArray[np.int64]:
        """Which of `segments` each chunk belongs to [len]."""
        return self._segment

    @property
    def episode_of(self) -> NDArray[np.int64]:
        """Which of `episodes` each chunk belongs to [len]."""
        return self._episode[self._segment]

    @property
    def episode_of_segment(self) -> NDArray[np.int64]:
        """Which of `episodes` each of `segments` belongs to."""
        return self._episode

    @property
    def source_of(self) -> NDArray[np.int64]:
        """Who acted in each chunk, index into SOURCES [len]."""
        return self._source[self._segment]

    def counts(self) -> Mapping[str, int]:
        """Number of chunks by source."""
        return {name: len(rows) for name, rows in zip(SOURCES, self._by_source, strict=True)}

    def sample(self, batch_size: int, part: slice = slice(None)) -> Transitions:
        """A random batch, by the configured shares; only a part of it is read, the same batch is drawn."""
        return self.at(self._choose(batch_size)[part])

    def at(self, index: NDArray[np.int64]) -> Transitions:
        """The transitions of given entries (0 to len - 1)."""
        row = self._row[index]
        segment = self._segment[index]
        h = self.config.n_action_steps
        stop = self._stop[segment]
        ends = stop, self._terminal[segment], self._failure[segment]
        returns = chunk_returns(row, *ends, self.config.reach, self.reward)
        after = np.minimum(row + returns.steps, self._last_row[segment])  # at an end without successor: the last seen
        steps = row[:, None] + np.arange(h)
        return Transitions(
            state=self._columns["state"][row],
            next_state=self._columns["state"][after],
            features=self._features.take(self._columns["frame"][row]),
            next_features=self._features.take(self._columns["frame"][after]),
            executed=self._columns["executed"][np.minimum(steps, stop[:, None] - 1)],
            valid=(steps < stop[:, None]).astype(np.float32),
            reward=returns.reward,
            discount=returns.discount,
            mask=returns.mask,
            source=self._source[segment],
            segment=segment,
            episode=self._episode[segment],
            row=row,
            next_row=after,
        )

    def cursor(self) -> dict[str, Any]:
        """Where the sampling stands; part of a learner's checkpoint."""
        return dict(self._rng.bit_generator.state)

    def restore(self, cursor: Mapping[str, Any]) -> None:
        """Go on sampling from a cursor."""
        self._rng.bit_generator.state = dict(cursor)

    def _add(self, episode: StoredEpisode, arms: Sequence[str], config: SegmentConfig, index: _Index) -> None:
        first = episode.first_tick
        stop = episode.first_tick + episode.ticks
        source = np.asarray(self._columns["source"][first:stop])
        observed = np.asarray(self._columns["observed"][first:stop]).astype(bool)
        self.episodes.append(episode)
        found = cut(source, arms, verdict_now(episode.bag, episode.verdict), config)
        for segment in found:
            if segment.kind == HOLD:
                continue
            self.segments.append(replace(segment, start=segment.start + first, stop=segment.stop + first))
            self._segment_episode.append(len(self.episodes) - 1)
            self._sources.append(source_of(segment, found, episode.policy))
            seen = np.flatnonzero(observed[segment.start : segment.stop])
            last = segment.start + (int(seen[-1]) if len(seen) else 0)
            self._last.append(first + last)
            ticks = np.arange(segment.start, segment.stop, self.config.stride)
            after = np.minimum(ticks + self.config.reach, last)
            ticks = ticks[observed[ticks] & observed[after]]
            index.row.append(first + ticks)
            index.segment.append(np.full(len(ticks), len(self.segments) - 1))

    def _check_shares(self) -> Array | None:
        """Share of each source in a batch; None: as they come."""
        wanted = {DEMO: self.config.demo_share, BY_HUMAN: self.config.human_share}
        if all(share < 0 for share in wanted.values()):
            return None
        counts = np.array([len(rows) for rows in self._by_source], dtype=float)
        shares = counts / counts.sum()
        fixed = [source for source, share in wanted.items() if share >= 0]
        for source in fixed:
            if wanted[source] > 0 and not counts[source]:
                raise ConfigError(f"{SOURCES[source]}_share is {wanted[source]:g}, but there are no such chunks")
        rest = 1.0 - sum(wanted[source] for source in fixed)
        free = np.array([source not in fixed for source in range(len(SOURCES))])
        if rest < -1e-9 or (rest > 1e-9 and not counts[free].sum()):
            raise ConfigError(f"shares of {', '.join(SOURCES[s] for s in fixed)} leave {rest:g} for sources not there")
        shares = np.where(free, shares * rest / max(shares[free].sum(), 1e-12), [wanted.get(s, 0) for s in range(3)])
        return shares / shares.sum()

    def _choose(self, batch_size: int) -> NDArray[np.int64]:
        if self._shares is None:
            return self._rng.integers(0, len(self), batch_size)
        counts = self._rng.multinomial(batch_size, self._shares)
        parts = [self._rng.choice(rows, n) for rows, n in zip(self._by_source, counts, strict=True) if n]
        return np.concatenate(parts)
