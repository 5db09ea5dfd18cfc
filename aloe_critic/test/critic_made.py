"""A critic that was never trained, its policy, and a bag for both of them, for tests."""

from dataclasses import asdict
from pathlib import Path

import critic_store as made
import numpy as np
import torch

from aloe_critic.checkpoint import save_critic
from aloe_critic.critic_state import Sizes
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_data.rig import Rig
from aloe_data.transitions import RewardConfig
from aloe_policy.backend import load_policy
from aloe_policy.tiny.policy import save_tiny

RIG = made.RIG
STEPS = 10  # of an executed chunk
NETWORK = NetworkConfig(num_critics=3, width=16, heads=2, layers=1, bins=11, dropout=0.1)


def write_critic(folder: Path, of: Path, rig: Rig = RIG, tool_views: int = 0, **changes: object) -> Path:
    """A critic of the policy in `of`; `changes` go into its facts."""
    found = load_policy(of, RIG)
    sizes = Sizes(
        len(rig.cameras), 2, 3, made.NAMES, len(found.normaliser.state_mean), rig.action_dim, STEPS, tool_views
    )
    torch.manual_seed(3)
    network = CriticNetwork(NETWORK, sizes)
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
    save_critic(folder, rig, network, found.normaliser, facts, "")
    return folder


def scorer(folder: Path, **changes: object) -> ChunkScorer:
    """A critic and its policy, written to a folder and loaded."""
    policy = made.write_policy(folder / "policy")
    return load_scorer(write_critic(folder / "critic", policy, **changes), policy, RIG, AskConfig(samples=4))


def write_lively_policy(folder: Path) -> Path:
    """A policy that was never trained, but whose chunks differ, and whose grippers stay within their limits."""
    policy = load_policy(made.write_policy(folder), RIG)
    for arm in RIG.arms:
        gripper = RIG.action_slice(arm.name).stop - 1
        policy.normaliser.action_mean[:, gripper], policy.normaliser.action_std[:, gripper] = 0.02, 0.003
    torch.nn.init.normal_(policy.model.action_out.weight, std=0.1)
    options = {
        "image_size": policy.feature_spec.image_size[::-1],
        "training": {},
        "card": "",
        "flow_steps": policy.num_steps,
    }
    save_tiny(folder, RIG, policy.encoder, policy.model, policy.normaliser, **options)
    return folder


def views(count: int, seed: int = 0) -> np.ndarray:
    """Uint8 [n, C, h, w, 3]."""
    shape = count, len(RIG.cameras), *made.SIZE, 3
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
