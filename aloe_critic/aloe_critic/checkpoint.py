"""A critic on disk, for those that ask it: network, encoder, statistics, gates; see `aloe_policy.checkpoint`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_critic.critic_state import Sizes
from aloe_critic.losses import support
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.transform import Transform
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.checkpoint import Checkpoint, CheckpointError, read_checkpoint, save_checkpoint
from aloe_policy.encoders.registry import FrameEncoder, restore_encoder

KIND = "critic"
NETWORK = "network."
ENCODER = "encoder."  # prefixes of weights


@dataclass(frozen=True, eq=False)
class TrainedCritic:
    """A critic to ask: values are `losses.value(network(state, actions), support)`.

    Attributes:
        version: sha256 (hex) of the checkpoint.
        network: Network in evaluation mode.
        support: Values of its bins.
        encoder: Frozen encoder of the camera frames that it reads.
        transform: Transform from observations with that encoder's features to what the network reads.
        config: All of config.json: whose value it is (`policy`), the bounds, health and whether it passed its gates.
    """

    version: str
    network: CriticNetwork
    support: torch.Tensor
    encoder: FrameEncoder
    transform: Transform
    config: Mapping[str, Any]


def save_critic(
    path: Path, network: CriticNetwork, encoder: FrameEncoder, transform: Transform, facts: Mapping[str, Any], card: str
) -> str:
    """Write a checkpoint; returns its version.

    Args:
        path: Folder to write.
        network: Network of the critics.
        encoder: Frozen encoder of the camera frames that it reads.
        transform: Transform from observations to what the network reads.
        facts: Facts for config.json, at least `bounds` of the return.
        card: Text of the model card.
    """
    config = {
        "kind": KIND,
        "network": asdict(network.config),
        "sizes": asdict(network.sizes),
        "encoder": encoder.description(),
        **facts,
    }
    weights = {f"{NETWORK}{name}": tensor for name, tensor in network.state_dict().items()}
    weights |= {f"{ENCODER}{name}": tensor for name, tensor in encoder.weights().items()}
    arrays = asdict(transform.normaliser).items()
    statistics = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays}
    return save_checkpoint(path, config, transform.rig, weights, statistics, card)


def load_critic(path: Path, rig: Rig, device: torch.device | str = "cpu") -> TrainedCritic:
    """Read and verify a critic.

    Args:
        path: Folder of the checkpoint.
        rig: Rig whose chunks it is to judge.
        device: Device to compute on.

    Raises:
        CheckpointError: Missing, damaged, for another rig, no critic, or one of a former version.
    """
    checkpoint = read_checkpoint(path, rig)
    config = checkpoint.config
    if config.get("kind") != KIND:
        raise CheckpointError(f"{path}: holds a '{config.get('kind')}', not a critic; name what `train_critic` wrote")
    if "encoder" not in config:
        raise CheckpointError(
            f"{path}: is of a former version, whose critics had no encoder of their own; make it anew with `ros2 run "
            "aloe_critic train_critic --bags DIR --rig FILE --policy CHECKPOINT --out DIR`"
        )
    try:
        return _restored(checkpoint, rig, torch.device(device))
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(f"{path}: weights and config.json do not fit together: {error}; train anew") from error


def _restored(checkpoint: Checkpoint, rig: Rig, device: torch.device) -> TrainedCritic:
    config = checkpoint.config
    sizes = Sizes(**{**config["sizes"], "names": tuple(config["sizes"]["names"])})
    network = CriticNetwork(NetworkConfig(**config["network"]), sizes)
    network.load_state_dict(_part(checkpoint.weights, NETWORK))
    encoder = restore_encoder(config["encoder"], _part(checkpoint.weights, ENCODER), device)
    normaliser = Normaliser(**{name: tensor.numpy() for name, tensor in checkpoint.normaliser.items()})
    return TrainedCritic(
        version=checkpoint.version,
        network=network.to(device).eval().requires_grad_(False),
        support=support(tuple(config["bounds"]), network.config.bins).to(device),
        encoder=encoder,
        transform=Transform(rig, normaliser, sizes.n_action_steps, sizes.tool_views > 0, device),
        config=config,
    )


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
