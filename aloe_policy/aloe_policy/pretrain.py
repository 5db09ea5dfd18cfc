"""Pretraining of the image encoder on simulated keypoints: what lies in which cell of the image, and where exactly.

The labels are privileged (the simulator's own); the policy never sees them, only the encoder's features.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.encoder import STRIDE, ImageEncoder, keypoint_loss, shrunk
from aloe_policy.refiner import Refiner, cut, pixel

Report = Callable[[int, dict[str, float]], None]
NEAR_PX, FAR_PX, FAR = 1.0, 4.0, 0.3  # how far off first looks are (std), mostly and in a share of the cases


@dataclass(frozen=True)
class PretrainConfig:
    """How the encoder is pretrained."""

    steps: int = parameter(4000, low=1, doc="optimiser steps")
    batch_size: int = parameter(64, low=1, doc="views per step")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the cosine schedule")
    weight_decay: float = parameter(1e-4, low=0.0, doc="AdamW's")
    presence_weight: float = parameter(2.0, low=0.0, doc="weight of the cells that hold a keypoint against empty ones")
    offset_weight: float = parameter(2.0, low=0.0, doc="weight of the offset loss against presence")
    refine_steps: int = parameter(
        0, low=0, doc="optimiser steps of the second look, for which views must be twice as large; 0: there is none"
    )
    refine_batch_size: int = parameter(256, low=1, doc="patches per step of the second look")
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
    report: Report = lambda step, metrics: None,
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
    encoder = ImageEncoder(names, refined=config.refine_steps > 0)
    if encoder.refiner is not None:
        _train_refiner(encoder.refiner, images, keypoints, config, generator, report)
    images = _shrunk(images, encoder.scale)
    grid = images.shape[1] // STRIDE, images.shape[2] // STRIDE
    looks = [value for name, value in encoder.named_parameters() if not name.startswith("refiner.")]

    def loss() -> dict[str, Tensor]:
        index = torch.randint(len(images), (config.batch_size,), generator=generator).numpy()
        views = augment(torch.from_numpy(images[index]), generator)
        logits, offsets = encoder.grid(views)
        there = torch.from_numpy(keypoints[index])
        presence, offset = keypoint_loss(logits, offsets, there, grid, config.presence_weight)
        return {"presence": presence, "offset": config.offset_weight * offset}

    _minimise(looks, loss, config.steps, config, report)
    return encoder


def _train_refiner(
    refiner: Refiner,
    images: NDArray[np.uint8],
    keypoints: NDArray[np.float32],
    config: PretrainConfig,
    generator: torch.Generator,
    report: Report,
) -> None:
    """Teach the second look, from patches about as far off as the first look is."""
    view, keypoint = (torch.from_numpy(index) for index in np.nonzero(keypoints[..., 2] > 0.5))
    size = torch.tensor([images.shape[2], images.shape[1]])
    pictures, there = torch.from_numpy(images), torch.from_numpy(keypoints)

    def loss() -> dict[str, Tensor]:
        index = torch.randint(len(view), (config.refine_batch_size,), generator=generator)
        place = there[view[index], keypoint[index], :2] * 2 - 1
        far = torch.rand(len(index), 1, generator=generator) < FAR
        off = torch.randn(place.shape, generator=generator) * torch.where(far, FAR_PX, NEAR_PX)
        middle = pixel(place + 2 * off / size, size)
        patches = augment(cut(pictures, view[index], middle), generator)
        wanted = (place + 1) / 2 * size - middle
        return {"refined": torch.nn.functional.smooth_l1_loss(refiner(patches, keypoint[index]), wanted)}

    _minimise(list(refiner.parameters()), loss, config.refine_steps, config, report)


def _minimise(
    parameters: list[torch.nn.Parameter],
    loss: Callable[[], dict[str, Tensor]],
    steps: int,
    config: PretrainConfig,
    report: Report,
) -> None:
    optimiser = torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, steps, pct_start=0.1)
    for step in range(steps):
        parts = loss()
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        schedule.step()
        report(step, {name: part.item() for name, part in parts.items()})


def _shrunk(images: NDArray[np.uint8], scale: int, batch: int = 256) -> NDArray[np.uint8]:
    if scale == 1:
        return images
    parts = [torch.from_numpy(images[start : start + batch]) for start in range(0, len(images), batch)]
    return np.concatenate([shrunk(part, scale).round().to(torch.uint8).numpy() for part in parts])


@torch.no_grad()
def pixel_error(encoder: ImageEncoder, images: NDArray[np.uint8], keypoints: NDArray[np.float32]) -> dict[str, float]:
    """Held-out quality: recall and precision of presence, and the median error of the position in pixels."""
    size = np.array([images.shape[2], images.shape[1]])
    hits = present = claims = 0
    errors: list[NDArray[np.float32]] = []
    for start in range(0, len(images), 256):
        *place, presence = np.moveaxis(encoder(torch.from_numpy(images[start : start + 256])).numpy(), -1, 0)
        truth = keypoints[start : start + 256]
        found, there = presence > 0.5, truth[..., 2] > 0.5
        hits, present, claims = hits + (found & there).sum(), present + there.sum(), claims + found.sum()
        seen = np.stack(place, axis=-1)[found & there] / presence[found & there, None]
        errors.append(np.linalg.norm(((seen + 1) / 2 - truth[found & there, :2]) * size, axis=-1))
    return {
        "recall": float(hits / max(present, 1)),
        "precision": float(hits / max(claims, 1)),
        "median_error_px": float(np.median(np.concatenate(errors))) if hits else float("nan"),
    }
