"""A policy from demonstrations alone, for studies that need many of them."""

from pathlib import Path

import torch

from aloe_data.rig import Rig
from aloe_policy.dataset import build
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store
from aloe_policy.ros.train import demonstrations
from aloe_policy.tiny.model import TinyVLA
from aloe_policy.tiny.policy import save_tiny
from aloe_policy.training import fit, split_by_episode

STRIDE = 5  # ticks between observations


def clone(files: StoreConfig, rig: Rig, learning: LearnerConfig, out: Path) -> None:
    """Train a policy from nothing on the successful episodes of a store.

    Args:
        files: the store, and a policy of which encoder, sizes and statistics are taken, and no weights.
        rig: of both.
        learning: how.
        out: checkpoint to write.
    """
    like = matching_policy(files, rig)
    store, features = open_store(files, like)
    row, stop = demonstrations(store, STRIDE)
    data = build(store, features, like.space, row, stop, like.normaliser)
    split = split_by_episode(data.episode, learning.seed)
    torch.manual_seed(learning.seed)
    learner = ActorLearner(TinyVLA(like.model.config), learning)
    measures = fit(learner, data, split.train, data.batch(split.held_out, torch.device("cpu")))
    assert measures is not None, "nobody stops it"
    told = {"steps": learning.steps, "seed": learning.seed, **measures}
    save_tiny(
        out,
        rig,
        like.encoder,
        learner.average,
        like.normaliser,
        image_size=like.image_size,
        training=told,
        card="Warm start of a study; see studies/methods.",
    )
