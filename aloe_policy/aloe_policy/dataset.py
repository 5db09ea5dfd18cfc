"""Training data of the actor: features of every observation, computed once, and the executed chunk that followed it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.tokenizer import MAX_WORDS, word_ids

Float = NDArray[np.float32]
Index = NDArray[np.int64]
PART = 65536  # ticks at a time, where all are looked at


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """n observations of a store; their chunks are cut out and normalised when they are asked for.

    Attributes:
        space: through which the policy sees states and actions.
        normaliser: the policy's.
        tokens: float16 [n, C, K, 3].
        words: int64 [E, L], of every episode of the store.
        episode: int64 [n], which of them.
        joints: float32 [n, S], measured when the chunk begins.
        actions: float32 [T, A], absolute set points of all ticks of the store.
        row: int64 [n], tick of the store at which the chunk begins.
        stop: int64 [n], the chunk ends before it; what it lacks does not count.
        weight: float32 [n], of its loss.
        chunks: float16 [n, H, A], normalised chunks to learn in place of the executed ones; None: the executed ones.
        good: bool [n], what the policy is told of each chunk; None: nothing.
    """

    space: ActionSpace
    normaliser: Normaliser
    tokens: NDArray[np.float16]
    words: Index
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

    def batch(self, index: Index, device: torch.device) -> dict[str, torch.Tensor]:
        """Tensors of the entries `index`: tokens, words, states, chunks, valid, weight, and good where it is told."""
        joints, horizon = self.joints[index], len(self.normaliser.action_mean)
        if self.chunks is None:
            rows, valid = chunk_windows(self.actions, self.row[index], horizon, self.stop[index])
            chunks = self.normaliser.chunk(self.space.relative(rows, joints))
        else:
            chunks = self.chunks[index].astype(np.float32)
            valid = np.ones(chunks.shape[:2], np.float32)
        arrays = {
            "tokens": self.space.tokens(self.tokens[index], joints),
            "words": self.words[self.episode[index]],
            "states": self.normaliser.state(self.space.state_features(joints)),
            "chunks": chunks,
            "valid": valid,
            "weight": self.weight[index],
        }
        if self.good is not None:
            arrays["good"] = self.good[index]
        return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


@torch.no_grad()
def encode_frames(encoder: ImageEncoder, frames: NDArray[np.uint8], batch: int = 192) -> NDArray[np.float16]:
    """Features float16 [n, K, 3] of frames uint8 [n, h, w, 3]; on the device of the encoder."""
    device = next(encoder.parameters()).device
    parts = [
        encoder(torch.from_numpy(frames[start : start + batch]).to(device)).half().cpu().numpy()
        for start in range(0, len(frames), batch)
    ]
    return np.concatenate(parts)


def chunk_windows(rows: Float, ticks: Index, horizon: int, stop: Index | None = None) -> tuple[Float, Float]:
    """The `horizon` rows from each tick on, padded with the last one.

    Args:
        rows: [T, A].
        ticks: [n], each below T.
        horizon: H.
        stop: [n], windows end before it; default: T.

    Returns:
        chunks [n, H, A] and valid [n, H] (1 inside the window, 0 past its end).
    """
    end = np.full(len(ticks), len(rows)) if stop is None else stop
    index = ticks[:, None] + np.arange(horizon)
    valid = (index < end[:, None]).astype(np.float32)
    return rows[np.minimum(index, end[:, None] - 1)], valid


def build(
    store: EpisodeStore,
    features: FeatureStore,
    space: ActionSpace,
    row: Index,
    stop: Index,
    normaliser: Normaliser | int,
    weight: Float | None = None,
    chunks: NDArray[np.float16] | None = None,
) -> TrainingSet:
    """The observations at some ticks of a store, with what followed them.

    Args:
        store: the episodes.
        features: of their frames.
        space: the rig's action space.
        row: [n], ticks of the store at which chunks begin.
        stop: [n], where each chunk ends at the latest.
        normaliser: to use; or H, to fit one to these chunks.
        weight: [n], of their loss; default: 1.
        chunks: see TrainingSet.

    Raises:
        StoreError: see `episodes_of`; a tick at which nothing was observed; or an end in another episode.
    """
    episode, frame = episodes_of(store, features, row), np.asarray(store.column("frame")[row])
    if (frame < 0).any():
        raise StoreError(f"{store.folder}: no camera saw row {row[(frame < 0).any(1)][0]}; rows must be observed ticks")
    if (astray := episodes_of(store, features, stop - 1) != episode).any():
        raise StoreError(f"{store.folder}: the chunk at row {row[astray][0]} does not end in the episode it begins in")
    joints, executed = np.asarray(store.column("state")[row]), store.column("executed")
    parts = [space.from_joints(executed[start : start + PART]) for start in range(0, len(executed), PART)]
    actions = np.concatenate(parts)
    if not isinstance(normaliser, Normaliser):
        relative = space.relative(chunk_windows(actions, row, normaliser, stop)[0], joints)
        normaliser = Normaliser.fit(space.state_features(joints), relative, space.resolution)
    words = np.zeros((len(store.episodes), MAX_WORDS), np.int64)
    for number in np.unique(episode):
        words[number] = word_ids(store.episodes[number].prompt)
    weight = np.ones(len(row), np.float32) if weight is None else weight
    tokens = features.rows()[frame]
    return TrainingSet(space, normaliser, tokens, words, episode, joints, actions, row, stop, weight, chunks)


def episodes_of(store: EpisodeStore, features: FeatureStore, row: Index) -> Index:
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
