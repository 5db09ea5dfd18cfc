"""A critic that was never trained, its policy, and a bag for both of them, for tests."""

from dataclasses import asdict
from pathlib import Path

import critic_store as made
import numpy as np
import torch

from aloe_critic.checkpoint import save_critic
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_critic.transform import Transform
from aloe_data.rig import Rig
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import trainable_policy
from aloe_policy.encoders.registry import FrameEncoder

RIG = made.RIG
STEPS = 10  # of an executed chunk
NETWORK = NetworkConfig(num_critics=3, width=16, heads=2, layers=1, bins=11, dropout=0.1)


def write_critic(
    folder: Path, of: Path, rig: Rig = RIG, encoder: FrameEncoder | None = None, **changes: object
) -> Path:
    """A critic of the policy in `of`, with its encoder or another one; `changes` go into its facts."""
    found = trainable_policy(of, RIG)
    encoder = encoder or found.frame_encoder
    transform = Transform(rig, found.normaliser, STEPS, False, torch.device("cpu"))
    torch.manual_seed(3)
    network = CriticNetwork(NETWORK, transform.sizes(encoder))
    with torch.no_grad():  # untrained heads hardly tell anything apart
        network.trunks[0].heads.weight2.mul_(100)
    facts = {
        "bounds": [-1.0, 0.0],
        "policy": found.version,
        "health": {"q_std": 0.1},
        "learning": {"q_agg": "min", "kappa": 1.0},
        "reward": asdict(RewardConfig()),
        "judgement": ["calibrated"],
        "passed": True,
        **changes,
    }
    save_critic(folder, network, encoder, transform, facts, "")
    return folder


def scorer(folder: Path, **changes: object) -> ChunkScorer:
    """A critic and its policy, written to a folder and loaded."""
    policy = made.write_policy(folder / "policy")
    return load_scorer(write_critic(folder / "critic", policy, **changes), policy, RIG, AskConfig(samples=4))


def write_lively_policy(folder: Path) -> Path:
    """A policy that was never trained, but whose chunks differ, and whose grippers stay within their limits."""
    policy = trainable_policy(made.write_policy(folder), RIG)
    for arm in RIG.arms:
        gripper = RIG.action_slice(arm.name).stop - 1
        policy.normaliser.action_mean[:, gripper], policy.normaliser.action_std[:, gripper] = 0.02, 0.003
    torch.nn.init.normal_(policy.model.action_out.weight, std=0.1)
    policy.save(folder, {}, "")
    return folder


def views(count: int, seed: int = 0) -> np.ndarray:
    """Uint8 [n, C, h, w, 3]."""
    shape = count, len(RIG.cameras), *made.SIZE, 3
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
