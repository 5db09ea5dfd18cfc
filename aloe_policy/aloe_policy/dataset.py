"""Training data of the actor: features of every observation, computed once, and the executed chunk that followed it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.encoder import ImageEncoder
from aloe_policy.words import word_ids

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Demonstration:
    """One episode, aligned to control ticks.

    Attributes:
        prompt: the task in words.
        ticks: int [n], the observed ticks to learn from.
        tokens: float16 [n, C, K, 3], features of the views at those ticks.
        joints: float32 [T, S], measured joint positions at every tick.
        executed: float32 [T, S], joint set points executed in every tick.
    """

    prompt: str
    ticks: NDArray[np.int64]
    tokens: NDArray[np.float16]
    joints: Float
    executed: Float


@dataclass(frozen=True)
class TrainingSet:
    """All observations with their chunks, normalised, in memory.

    Attributes:
        tokens: float16 [n, C, K, 3].
        words: int64 [n, L].
        states: float32 [n, S'].
        chunks: float32 [n, H, A].
        valid: float32 [n, H], 0 where the chunk runs past the episode's end.
        episode: int64 [n].
    """

    tokens: NDArray[np.float16]
    words: NDArray[np.int64]
    states: Float
    chunks: Float
    valid: Float
    episode: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.states)

    def batch(self, index: NDArray[np.int64], device: torch.device) -> dict[str, torch.Tensor]:
        """Tensors of the rows `index`."""
        names = ("tokens", "words", "states", "chunks", "valid")
        tensors = {name: torch.from_numpy(getattr(self, name)[index]).to(device) for name in names}
        return {**tensors, "tokens": tensors["tokens"].float()}


@torch.no_grad()
def encode_frames(encoder: ImageEncoder, frames: NDArray[np.uint8], batch: int = 192) -> NDArray[np.float16]:
    """Features float16 [n, K, 3] of frames uint8 [n, h, w, 3]; on the device of the encoder."""
    device = next(encoder.parameters()).device
    parts = [
        encoder(torch.from_numpy(frames[start : start + batch]).to(device)).half().cpu().numpy()
        for start in range(0, len(frames), batch)
    ]
    return np.concatenate(parts)


def chunk_windows(rows: Float, ticks: NDArray[np.int64], horizon: int) -> tuple[Float, Float]:
    """The `horizon` rows from each tick on, padded with the last one.

    Args:
        rows: [T, A].
        ticks: [n], each below T.
        horizon: H.

    Returns:
        chunks [n, H, A] and valid [n, H] (1 inside the episode, 0 past its end).
    """
    index = ticks[:, None] + np.arange(horizon)
    valid = (index < len(rows)).astype(np.float32)
    return rows[np.minimum(index, len(rows) - 1)], valid


def build(
    demonstrations: Sequence[Demonstration], space: ActionSpace, horizon: int, normaliser: Normaliser | None = None
) -> tuple[TrainingSet, Normaliser]:
    """Assemble the training set.

    Args:
        demonstrations: the episodes.
        space: the rig's action space.
        horizon: H.
        normaliser: to use; default: fitted to these episodes.
    """
    features, relative, valid, words, episode = [], [], [], [], []
    for number, demo in enumerate(demonstrations):
        chunks, inside = chunk_windows(space.from_joints(demo.executed), demo.ticks, horizon)
        here = demo.joints[demo.ticks]
        features.append(space.state_features(here))
        relative.append(space.relative(chunks, here))
        valid.append(inside)
        words.append(np.tile(word_ids(demo.prompt), (len(here), 1)))
        episode.append(np.full(len(here), number))
    states, chunks = np.concatenate(features), np.concatenate(relative)
    normaliser = normaliser or Normaliser.fit(states, chunks, space.resolution)
    data = TrainingSet(
        np.concatenate([demo.tokens for demo in demonstrations]),
        np.concatenate(words),
        normaliser.state(states),
        normaliser.chunk(chunks),
        np.concatenate(valid),
        np.concatenate(episode),
    )
    return data, normaliser
