"""A policy from demonstrations alone, for studies that need many of them."""

from dataclasses import replace
from pathlib import Path

import torch

from aloe_data.rig import Rig
from aloe_policy.checkpoint import read_checkpoint
from aloe_policy.dataset import build
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store
from aloe_policy.ros.train import demonstrations
from aloe_policy.tiny.model import TinyVLA
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.tiny.storage import parts_of
from aloe_policy.training import fit, split_by_episode

STRIDE = 5  # ticks between observations


def clone(files: StoreConfig, rig: Rig, learning: LearnerConfig, out: Path) -> None:
    """Train a policy from nothing on the successful episodes of a store.

    Args:
        files: Store, and a policy whose encoder, sizes and statistics are taken, but no weights.
        rig: Rig of both.
        learning: Options of the training.
        out: Folder of the checkpoint to write.
    """
    like = matching_policy(files, rig)
    assert isinstance(like, TinyPolicy), "the study's warm start is a tiny VLA"
    store, features = open_store(files, like)
    row, stop = demonstrations(store, STRIDE)
    data = build(store, features, like.space, row, stop, like.normaliser)
    split = split_by_episode(data.episode, learning.seed)
    torch.manual_seed(learning.seed)
    untrained = TinyPolicy(replace(parts_of(read_checkpoint(files.policy, rig)), model=TinyVLA(like.model.config)), rig)
    learner = ActorLearner(untrained, learning)
    measures = fit(learner, data, split.train, data.batch(split.held_out, torch.device("cpu")))
    assert measures is not None, "nobody stops it"
    facts = {"steps": learning.steps, "seed": learning.seed, **measures}
    with learner.averaged():
        untrained.save(out, facts, "Warm start of a study; see studies/methods.")
