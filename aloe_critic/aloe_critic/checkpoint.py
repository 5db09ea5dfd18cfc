"""A critic on disk, for those who ask it: weights, statistics, sizes, gates; see `aloe_policy.checkpoint`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_critic.critic_state import Sizes
from aloe_critic.losses import support
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.checkpoint import CheckpointError, read_checkpoint, save_checkpoint

KIND = "critic"


@dataclass(frozen=True, eq=False)
class TrainedCritic:
    """A critic to ask: values are `losses.value(network(state, actions), support)`.

    Attributes:
        version: sha256 (hex) of the checkpoint.
        network: in evaluation mode.
        support: values of its bins.
        normaliser: of the states and chunks it sees.
        config: all of config.json: whose value it is (`policy`), the bounds, health and whether it passed its gates.
    """

    version: str
    network: CriticNetwork
    support: torch.Tensor
    normaliser: Normaliser
    config: Mapping[str, Any]


def save_critic(
    path: Path, rig: Rig, network: CriticNetwork, normaliser: Normaliser, facts: Mapping[str, Any], card: str
) -> str:
    """Write a checkpoint; returns its version.

    Args:
        path: the folder.
        rig: that it was trained for.
        network: the critics.
        normaliser: of the states and chunks they see.
        facts: at least `bounds`, of the return; kept in config.json.
        card: text for people.
    """
    config = {"kind": KIND, "network": asdict(network.config), "sizes": asdict(network.sizes), **facts}
    statistics = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in asdict(normaliser).items()}
    return save_checkpoint(path, config, rig, network.state_dict(), statistics, card)


def load_critic(path: Path, rig: Rig | None = None) -> TrainedCritic:
    """Read and verify a critic.

    Raises:
        CheckpointError: missing, damaged, for another rig, or no critic.
    """
    checkpoint = read_checkpoint(path, rig)
    config = checkpoint.config
    if config.get("kind") != KIND:
        raise CheckpointError(f"{path}: holds a '{config.get('kind')}', not a critic; name what `train_critic` wrote")
    try:
        sizes = Sizes(**{**config["sizes"], "names": tuple(config["sizes"]["names"])})
        network = CriticNetwork(NetworkConfig(**config["network"]), sizes)
        network.load_state_dict(dict(checkpoint.weights))
        normaliser = Normaliser(**{k: v.numpy() for k, v in checkpoint.normaliser.items()})
        values = support(tuple(config["bounds"]), network.config.bins)
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: weights and config.json do not fit together: {error}; train anew") from error
    return TrainedCritic(checkpoint.version, network.eval().requires_grad_(False), values, normaliser, config)
