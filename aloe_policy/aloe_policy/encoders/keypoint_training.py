"""Pretraining of the image encoder on simulated keypoints: what lies in which cell of the image.

The labels are privileged (the simulator's own); the policy never sees them, only the encoder's features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.encoders.keypoints import STRIDE, ImageEncoder, keypoint_loss


@dataclass(frozen=True)
class PretrainConfig:
    """How the encoder is pretrained."""

    steps: int = parameter(4000, low=1, doc="optimiser steps")
    batch_size: int = parameter(64, low=1, doc="views per step")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the cosine schedule")
    weight_decay: float = parameter(1e-4, low=0.0, doc="AdamW's")
    presence_weight: float = parameter(2.0, low=0.0, doc="weight of the cells that hold a keypoint against empty ones")
    offset_weight: float = parameter(2.0, low=0.0, doc="weight of the offset loss against presence")
    seed: int = parameter(0, low=0, doc="of weights, batches and augmentation")


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Random brightness, contrast, tint and noise of views uint8 [B, h, w, 3]."""
    b = len(images)
    gain = 1 + 0.15 * (torch.rand(b, 1, 1, 3, generator=generator) - 0.5)
    gain = gain * (1 + 0.4 * (torch.rand(b, 1, 1, 1, generator=generator) - 0.5))
    shift = 30 * (torch.rand(b, 1, 1, 1, generator=generator) - 0.5)
    noise = 4 * torch.randn(images.shape, generator=generator)
    return (images * gain + shift + noise).clamp(0, 255)


def pretrain(
    images: NDArray[np.uint8],
    keypoints: NDArray[np.float32],
    names: tuple[str, ...],
    config: PretrainConfig,
    report: Callable[[int, dict[str, float]], None] = lambda step, metrics: None,
) -> ImageEncoder:
    """Train an encoder.

    Args:
        images: views uint8 [n, h, w, 3].
        keypoints: [n, K, 3]: u, v in 0..1, and whether it is there.
        names: of the K keypoints, in words.
        config: steps and rates.
        report: called with the step and its losses.
    """
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    encoder = ImageEncoder(names)
    grid = images.shape[1] // STRIDE, images.shape[2] // STRIDE
    optimiser = torch.optim.AdamW(encoder.parameters(), config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, config.steps, pct_start=0.1)
    for step in range(config.steps):
        index = torch.randint(len(images), (config.batch_size,), generator=generator).numpy()
        views = augment(torch.from_numpy(images[index]), generator)
        logits, offsets = encoder.grid(views)
        there = torch.from_numpy(keypoints[index])
        presence, offset = keypoint_loss(logits, offsets, there, grid, config.presence_weight)
        loss = presence + config.offset_weight * offset
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        report(step, {"presence": presence.item(), "offset": offset.item()})
    return encoder


@torch.no_grad()
def pixel_error(encoder: ImageEncoder, images: NDArray[np.uint8], keypoints: NDArray[np.float32]) -> dict[str, float]:
    """Held-out quality: recall and precision of presence, and the median error of the position in pixels."""
    rows = images.shape[1] // STRIDE
    columns = images.shape[2] // STRIDE
    hits = present = claims = 0
    errors: list[NDArray[np.float32]] = []
    for start in range(0, len(images), 256):
        logits, offsets = encoder.grid(torch.from_numpy(images[start : start + 256]))
        truth = keypoints[start : start + 256]
        score, cell = logits.max(dim=1)
        found = (score > 0).numpy()
        there = truth[..., 2] > 0.5
        hits = hits + (found & there).sum()
        present = present + there.sum()
        claims = claims + found.sum()
        offset = offsets.gather(1, cell[:, None, :, None].expand(-1, -1, -1, 2))[:, 0].numpy()
        place = np.stack([cell.numpy() % columns, cell.numpy() // columns], axis=-1) + offset
        error = (place - truth[..., :2] * [columns, rows]) * STRIDE
        errors.append(np.linalg.norm(error, axis=-1)[found & there])
    return {
        "recall": float(hits / max(present, 1)),
        "precision": float(hits / max(claims, 1)),
        "median_error_px": float(np.median(np.concatenate(errors))) if hits else float("nan"),
    }
