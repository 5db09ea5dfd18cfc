"""Training data of the actor: observations of a store, and the executed chunk that followed each of them."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.episode_index import StoredEpisode, StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.observation_batch import ObservationBatch

Float = NDArray[np.float32]
Index = NDArray[np.int64]
PART = 65536  # ticks at a time, where all are read


class StoredFrames(Protocol):
    """What a store holds of its frames: features of an encoder, or pixels."""

    def has(self, episode: StoredEpisode) -> bool:
        """Whether what is stored of an episode's frames is there."""
        ...

    def take(self, frame: Index) -> NDArray[Any]:
        """What is stored of some frames [...], by their numbers: [..., *shape]."""
        ...


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """n observations of a store; features are read, and chunks cut out and normalised, when they are asked for.

    Attributes:
        space: Action space of the policy.
        normaliser: Statistics of the policy.
        features: What is stored of the frames for the policy.
        frame: Frame of every camera, as the store counts them, int64 [n, C].
        prompts: The different prompts.
        prompt_index: Which of the prompts an observation has, int64 [n].
        episode: Which of the store's episodes an observation is of, int64 [n].
        joints: Measured joint positions when the chunk begins, float32 [n, S].
        actions: Absolute set points of all ticks of the store, float32 [T, A].
        row: Tick of the store at which the chunk begins, int64 [n].
        stop: Tick before which the chunk ends, int64 [n]; steps that it lacks do not count.
        weight: Weight of the chunk's loss, float32 [n].
        chunks: Normalised chunks to learn in place of the executed ones, float16 [n, H, A]; None: the executed ones.
        good: Whether the chunk is good, bool [n], for policies that are told so; None: nothing is told.
    """

    space: ActionSpace
    normaliser: Normaliser
    features: StoredFrames
    frame: Index
    prompts: tuple[str, ...]
    prompt_index: Index
    episode: Index
    joints: Float
    actions: Float
    row: Index
    stop: Index
    weight: Float
    chunks: NDArray[np.float16] | None = None
    good: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def batch(self, index: Index, device: torch.device) -> ChunkBatch:
        """Some entries [B] as tensors."""
        chunks, valid = self._chunks(index)
        return ChunkBatch(
            observations=self.observations(index, device),
            chunks=torch.from_numpy(chunks).to(device),
            valid=torch.from_numpy(valid).to(device),
            weight=torch.from_numpy(self.weight[index]).to(device),
        )

    def observations(self, index: Index, device: torch.device) -> ObservationBatch:
        """The observations of some entries [B]."""
        good = None if self.good is None else torch.from_numpy(self.good[index]).to(device)
        return ObservationBatch(
            features=torch.from_numpy(self.features.take(self.frame[index])).to(device),
            joints=torch.from_numpy(self.joints[index]).to(device),
            prompts=self.prompts,
            prompt_index=torch.from_numpy(self.prompt_index[index]).to(device),
            good=good,
        )

    def _chunks(self, index: Index) -> tuple[Float, Float]:
        """Normalised chunks [B, H, A], and which of their steps count [B, H]."""
        if self.chunks is not None:
            chunks = self.chunks[index].astype(np.float32)
            return chunks, np.ones(chunks.shape[:2], np.float32)
        horizon = len(self.normaliser.action_mean)
        rows, valid = chunk_windows(self.actions, self.row[index], horizon, self.stop[index])
        return self.normaliser.chunk(self.space.relative(rows, self.joints[index])), valid


def chunk_windows(rows: Float, ticks: Index, horizon: int, stop: Index | None = None) -> tuple[Float, Float]:
    """The `horizon` rows from each tick on, padded with the last one.

    Args:
        rows: Rows of all ticks, [T, A].
        ticks: Ticks at which windows begin, [n], each below T.
        horizon: H, rows of a window.
        stop: Ticks before which the windows end, [n]; default: T.

    Returns:
        chunks [n, H, A] and valid [n, H] (1 inside the window, 0 past its end).
    """
    end = np.full(len(ticks), len(rows)) if stop is None else stop
    index = ticks[:, None] + np.arange(horizon)
    valid = (index < end[:, None]).astype(np.float32)
    return rows[np.minimum(index, end[:, None] - 1)], valid


def build(
    store: EpisodeStore,
    features: StoredFrames,
    space: ActionSpace,
    row: Index,
    stop: Index,
    normaliser: Normaliser | int,
    weight: Float | None = None,
    chunks: NDArray[np.float16] | None = None,
) -> TrainingSet:
    """The observations at some ticks of a store, with what followed them.

    Args:
        store: Store of the episodes.
        features: What is stored of their frames for the policy.
        space: Action space of the policy.
        row: Ticks of the store at which chunks begin, [n].
        stop: Ticks before which the chunks end at the latest, [n].
        normaliser: Statistics to use; or H, to fit them to these chunks.
        weight: Weights of the chunks' loss, [n]; default: 1.
        chunks: Chunks to learn in place of the executed ones, see TrainingSet.

    Raises:
        StoreError: see `episodes_of`; a tick at which nothing was observed; or an end in another episode.
    """
    episode = episodes_of(store, features, row)
    frame = np.asarray(store.column("frame")[row])
    if (frame < 0).any():
        raise StoreError(f"{store.folder}: no camera saw row {row[(frame < 0).any(1)][0]}; rows must be observed ticks")
    if (astray := episodes_of(store, features, stop - 1) != episode).any():
        raise StoreError(f"{store.folder}: the chunk at row {row[astray][0]} does not end in the episode it begins in")
    joints = np.asarray(store.column("state")[row])
    executed = store.column("executed")
    parts = [space.from_joints(executed[start : start + PART]) for start in range(0, len(executed), PART)]
    actions = np.concatenate(parts)
    if not isinstance(normaliser, Normaliser):
        relative = space.relative(chunk_windows(actions, row, normaliser, stop)[0], joints)
        normaliser = Normaliser.fit(space.state_features(joints), relative, space.resolution)
    prompts, prompt_index = _prompts_of(store, episode)
    return TrainingSet(
        space=space,
        normaliser=normaliser,
        features=features,
        frame=frame,
        prompts=prompts,
        prompt_index=prompt_index,
        episode=episode,
        joints=joints,
        actions=actions,
        row=row,
        stop=stop,
        weight=np.ones(len(row), np.float32) if weight is None else weight,
        chunks=chunks,
    )


def _prompts_of(store: EpisodeStore, episode: Index) -> tuple[tuple[str, ...], Index]:
    """The different prompts of some episodes [n], and which of them each one has [n]."""
    numbers, of_number = np.unique(episode, return_inverse=True)
    texts = [store.episodes[number].prompt for number in numbers]
    prompts = tuple(dict.fromkeys(texts))
    index = np.array([prompts.index(text) for text in texts], np.int64)
    return prompts, index[of_number]


def episodes_of(store: EpisodeStore, features: StoredFrames, row: Index) -> Index:
    """Which of the store's episodes each row belongs to [n].

    Raises:
        StoreError: a row of none, or of one without features.
    """
    first, count = (np.array([getattr(e, name) for e in store.episodes]) for name in ("first_tick", "ticks"))
    episode = np.searchsorted(first, row, side="right") - 1
    gone = (episode < 0) | (row >= first[episode] + count[episode])
    if gone.any():
        raise StoreError(f"{store.folder}: has no row {row[gone][0]}; give the store that the rows were taken from")
    for number in np.unique(episode):
        if not features.has(store.episodes[number]):
            raise StoreError(f"{store.folder}: no features of {store.episodes[number].bag}; ingest it with this policy")
    return episode
