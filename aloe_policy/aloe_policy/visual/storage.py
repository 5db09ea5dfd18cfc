"""A visual policy on its way to and from a checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_data.config import ConfigError
from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from aloe_policy.encoders.registry import FrameEncoder, restore_encoder
from aloe_policy.visual.network import VisualNetwork, VisualSizes

KIND = "visual"
FLOW_STEPS = 10
_NETWORK = "network."
_ENCODER = "encoder."


@dataclass(frozen=True)
class Augmentation:
    """How views are changed in training.

    Attributes:
        shift_px: Most pixels by which a view is moved in each direction.
        colour: Strength of changes of light and tint, 0 to 1.
    """

    shift_px: int = 2
    colour: float = 1.0


@dataclass(frozen=True, eq=False)
class VisualParts:
    """What a visual policy is made of.

    Attributes:
        frame_encoder: Frozen encoder, or `PixelEncoder` where the network reads pixels.
        network: Network that trains.
        normaliser: Statistics of states and chunks.
        augmentation: How views are changed in training.
        flow_steps: Euler steps of one chunk.
        advantage: What it is asked for beside the prompt; None: nothing.
    """

    frame_encoder: FrameEncoder
    network: VisualNetwork
    normaliser: Normaliser
    augmentation: Augmentation
    flow_steps: int = FLOW_STEPS
    advantage: AdvantageCondition | None = None


def parts_of(checkpoint: Checkpoint, rig: Rig, device: str) -> VisualParts:
    """The parts in a checkpoint.

    Args:
        checkpoint: Checkpoint that `read_checkpoint` returned.
        rig: Rig to drive.
        device: Device of a frozen encoder.

    Raises:
        CheckpointError: Weights and config.json do not fit together, a frozen encoder that is not installed here, or
            another rig.
    """
    config = checkpoint.config
    try:
        sizes = VisualSizes(
            **{
                **config["network"],
                "image_size": tuple(config["network"]["image_size"]),
                "grid": tuple(config["network"]["grid"]),
            }
        )
        network = VisualNetwork(sizes)
        network.load_state_dict(_part(checkpoint.weights, _NETWORK))
        parts = VisualParts(
            frame_encoder=restore_encoder(config["encoder"], _part(checkpoint.weights, _ENCODER), device),
            network=network,
            normaliser=Normaliser(**{name: tensor.numpy() for name, tensor in checkpoint.normaliser.items()}),
            augmentation=Augmentation(**config["augmentation"]),
            flow_steps=int(config["flow_steps"]),
            advantage=AdvantageCondition(**config["condition"]) if "condition" in config else None,
        )
    except ConfigError as error:
        raise CheckpointError(f"{checkpoint.path}: {error}") from error
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        message = f"{checkpoint.path}: weights and config.json do not fit together: {error}; train anew"
        raise CheckpointError(message) from error
    if (sizes.action_dim, sizes.num_cameras) != (rig.action_dim, len(rig.cameras)):
        raise CheckpointError(
            f"{checkpoint.path}: predicts {sizes.action_dim} values per step from {sizes.num_cameras} cameras, the rig "
            f"'{rig.name}' takes {rig.action_dim} and has {len(rig.cameras)}; train a policy for this rig"
        )
    return parts


def save_visual(path: Path, rig: Rig, parts: VisualParts, training: Mapping[str, Any], card: str) -> str:
    """Write a checkpoint of a visual policy; returns its version."""
    config: dict[str, Any] = {
        "kind": KIND,
        "network": asdict(parts.network.sizes),
        "encoder": parts.frame_encoder.description(),
        "augmentation": asdict(parts.augmentation),
        "flow_steps": parts.flow_steps,
        "training": dict(training),
    }
    if parts.advantage is not None:
        config["condition"] = asdict(parts.advantage)
    weights = {f"{_NETWORK}{name}": value for name, value in parts.network.state_dict().items()}
    weights |= {f"{_ENCODER}{name}": value for name, value in parts.frame_encoder.weights().items()}
    statistics = {
        name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in asdict(parts.normaliser).items()
    }
    return save_checkpoint(path, config, rig, weights, statistics, card)


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
