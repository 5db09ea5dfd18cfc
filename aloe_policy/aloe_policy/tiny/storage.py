"""A tiny VLA on its way to and from a checkpoint."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_data.rig import Rig
from aloe_policy.actions import Normaliser
from aloe_policy.advantage_condition import AdvantageCondition
from aloe_policy.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.encoders.triangulation import Triangulation
from aloe_policy.tiny.model import ModelConfig, TinyVLA

KIND = "tiny"
TOKEN_DROPOUT = 0.03
FLOW_STEPS = 10


@dataclass(frozen=True, eq=False)
class TinyParts:
    """What a tiny VLA is made of.

    Attributes:
        encoder: Frozen image encoder.
        model: Network that trains.
        normaliser: Statistics of states and chunks.
        image_size: Width and height in px of the views that the encoder reads.
        flow_steps: Euler steps of one chunk.
        token_dropout: Share of the image tokens that are hidden in training.
        advantage: What it is asked for beside the prompt; None: nothing.
    """

    encoder: ImageEncoder
    model: TinyVLA
    normaliser: Normaliser
    image_size: tuple[int, int]
    flow_steps: int = FLOW_STEPS
    token_dropout: float = TOKEN_DROPOUT
    advantage: AdvantageCondition | None = None


def parts_of(checkpoint: Checkpoint) -> TinyParts:
    """The parts in a checkpoint.

    Raises:
        CheckpointError: Weights and config.json do not fit together.
    """
    config = checkpoint.config
    try:
        sizes = ModelConfig(**{**config["model"], "keypoints": tuple(config["model"]["keypoints"])})
        encoder = ImageEncoder(sizes.keypoints)
        model = TinyVLA(sizes)
        encoder.load_state_dict(_part(checkpoint.weights, "encoder."))
        model.load_state_dict(_part(checkpoint.weights, "model."))
        return TinyParts(
            encoder=encoder,
            model=model,
            normaliser=Normaliser(**{name: tensor.numpy() for name, tensor in checkpoint.normaliser.items()}),
            image_size=tuple(config["image_size"]),
            flow_steps=int(config["flow_steps"]),
            token_dropout=float(config.get("token_dropout", TOKEN_DROPOUT)),
            advantage=AdvantageCondition(**config["condition"]) if "condition" in config else None,
        )
    except (KeyError, TypeError, RuntimeError, ValueError) as error:
        message = f"{checkpoint.path}: weights and config.json do not fit together: {error}; train anew"
        raise CheckpointError(message) from error


def check_rig(checkpoint: Checkpoint, parts: TinyParts, rig: Rig) -> None:
    """Refuse a rig that the parts of a checkpoint are not for.

    Raises:
        CheckpointError: It takes other actions, or does not say where its cameras are mounted.
    """
    sizes = parts.model.config
    try:
        if sizes.tool_views:
            Triangulation(rig)
    except ValueError as error:
        raise CheckpointError(
            f"{checkpoint.path}: it is told where things are in space, but {error}; add 'calibration:' to the rig "
            "file (docs/policy.md), or train with --no-triangulate"
        ) from error
    if sizes.action_dim != rig.action_dim:
        raise CheckpointError(
            f"{checkpoint.path}: predicts {sizes.action_dim} values per step, the rig '{rig.name}' takes "
            f"{rig.action_dim}; train a policy for this rig"
        )


def save_tiny(
    path: Path,
    rig: Rig,
    encoder: ImageEncoder,
    model: TinyVLA,
    normaliser: Normaliser,
    *,
    image_size: tuple[int, int],
    training: Mapping[str, Any],
    card: str,
    flow_steps: int = FLOW_STEPS,
    advantage: AdvantageCondition | None = None,
    token_dropout: float = TOKEN_DROPOUT,
) -> str:
    """Write a checkpoint of a tiny VLA; returns its version."""
    config: dict[str, Any] = {
        "kind": KIND,
        "model": asdict(model.config),
        "image_size": list(image_size),
        "flow_steps": flow_steps,
        "training": dict(training),
    }
    if token_dropout != TOKEN_DROPOUT:
        config["token_dropout"] = token_dropout
    if advantage is not None:
        config["condition"] = asdict(advantage)
    weights = {f"encoder.{k}": v for k, v in encoder.state_dict().items()}
    weights |= {f"model.{k}": v for k, v in model.state_dict().items()}
    statistics = {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in asdict(normaliser).items()}
    return save_checkpoint(path, config, rig, weights, statistics, card)


def _part(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
