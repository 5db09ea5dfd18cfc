"""From weights and a store to what an actor's training needs, checked for belonging together."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.config import ConfigError
from aloe_data.episode_store import EpisodeStore
from aloe_data.seeds import refuse_held_out
from aloe_data.sources import DEMO
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.dataset import StoredFrames, TrainingSet, build, episodes_of
from aloe_policy.improvement_weights import Weights, normaliser_hash, store_mark
from aloe_policy.policy_protocol import TrainablePolicy
from aloe_policy.training import split_by_episode


@dataclass(frozen=True, eq=False)
class Lesson:
    """What to learn and what to measure with.

    Attributes:
        data: All chunks of the weights.
        entries: Entries of positive weight, 1 on average, of episodes that do not measure.
        held_out: Executed chunks of successful episodes.
        measured_on: Words for what those episodes are.
    """

    data: TrainingSet
    entries: NDArray[np.int64]
    held_out: ChunkBatch
    measured_on: str


def check_origin(
    file: Path, weights: Weights, store: EpisodeStore, policy: TrainablePolicy, other_policy: bool
) -> None:
    """Refuse weights that were made for something else.

    Args:
        file: File of the weights, for messages.
        weights: Weights that the file holds.
        store: Store that the rows of the weights are of.
        policy: Policy to be improved.
        other_policy: Whether weights that were made for another policy are accepted.

    Raises:
        ConfigError: Weights of another store, encoder or policy.
    """
    encoder = policy.feature_spec.hash
    meta = weights.meta
    known = meta["store"]
    if store_mark(store.episodes, known["episodes"]) != known:
        raise ConfigError(
            f"{file}: was made for another store than {store.folder} (of {known['episodes']} episodes, this one has "
            f"{len(store.episodes)}, and the first ones differ); give its own --store, or weigh this one"
        )
    if meta["encoder"] != encoder:
        raise ConfigError(
            f"{file}: was made with the encoder {meta['encoder'][:12]}, the policy's is {encoder[:12]}; "
            "improve the policy that it was made for, or weigh with this one"
        )
    if meta["policy"] != policy.version and not other_policy:
        raise ConfigError(
            f"{file}: was made for the policy {meta['policy'][:12]}, this is {policy.version[:12]}; weigh with this "
            "one, or allow it with --other-policy (as to start from the warm start)"
        )
    if weights.chunks is not None and meta["normaliser"] != normaliser_hash(policy.normaliser):
        raise ConfigError(
            f"{file}: its chunks are in other units than those of this policy (the statistics differ); weigh with it"
        )


def make_lesson(
    weights: Weights,
    store: EpisodeStore,
    features: StoredFrames,
    policy: TrainablePolicy,
    seed: int,
    device: torch.device,
) -> Lesson:
    """Cut the weighted chunks in two, by episodes.

    Successful demonstrations measure, or, where there are fewer than two, successful episodes of any kind. A policy
    that is asked for good chunks learns all as good where the weights do not tell, and is measured on good ones.

    Args:
        weights: Weights that belong to the store.
        store: Store that the rows of the weights are of.
        features: What is stored of the frames for the policy.
        policy: Policy to be improved; its statistics are kept.
        seed: Seed of the choice of what measures.
        device: Device to train on.

    Raises:
        ConfigError: too few successful episodes, no chunk left, or none that is good; or scenes that are kept for
            measuring.
        StoreError: rows that are not there.
    """
    episode = episodes_of(store, features, weights.row)
    if store.rig.simulated:
        refuse_held_out((store.episodes[k].seed for k in np.unique(episode)), str(store.folder))
    first_of_row = np.zeros(len(weights), bool)
    first_of_row[np.unique(weights.row, return_index=True)[1]] = True
    demonstrated = weights.success & (weights.source == DEMO)
    enough = len(np.unique(episode[demonstrated])) > 1
    measuring = demonstrated if enough else weights.success
    try:
        split = split_by_episode(episode, seed, measuring & first_of_row, weights.weight > 0)
    except ValueError as error:
        raise ConfigError(f"weights: {error}") from error
    weight = weights.weight / weights.weight[split.train].mean()
    data = build(store, features, policy.space, weights.row, weights.stop, policy.normaliser, weight, weights.chunks)
    good = weights.good
    if good is None and policy.advantage is not None:
        good = np.ones(len(weights), bool)
    if good is not None:
        if not good[split.train].any():
            raise ConfigError("weights: no chunk to learn from is good; weigh with a larger --top, or more data")
        data = replace(data, good=good)
    held_out = replace(data, chunks=None, good=None if good is None else np.ones_like(good))
    count = len(np.unique(episode[split.held_out]))
    measured_on = f"{count} successful {'demonstrations' if enough else 'episodes'}"
    return Lesson(data, split.train, held_out.batch(split.held_out, device), measured_on)
