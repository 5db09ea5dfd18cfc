"""Frozen image encoders by name: what turns camera frames into the tokens that policies and critics read.

An encoder is one entry of ENCODERS: how it is made anew, and how it comes back from a checkpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.config import ConfigError
from aloe_data.feature_spec import PIXELS, FeatureSpec
from aloe_data.section import nearest

BATCH = 192  # frames that go through a network at once


class FrameEncoder(Protocol):
    """A frozen encoder of single camera frames.

    Attributes:
        spec: Description of the features that it makes of one frame: P tokens of F values.
        names: Words for each of the P tokens that a prompt may use for it; () where tokens have no names.
    """

    @property
    def spec(self) -> FeatureSpec: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Features float16 [n, P, F] of frames uint8 [n, h, w, 3] at the size that `spec` says."""
        ...

    def description(self) -> dict[str, Any]:
        """All but the weights that `restore_encoder` needs, as JSON values; for checkpoints."""
        ...

    def weights(self) -> Mapping[str, Tensor]:
        """Weights that a checkpoint must carry; none where they come with an installed package."""
        ...


@dataclass(frozen=True)
class Entry:
    """One kind of encoder.

    Attributes:
        restore: Makes it of a description, weights and device, see `restore_encoder`.
        create: Makes it of an image size (height, width in px) and device; None: it is read from a file.
    """

    restore: Callable[[Mapping[str, Any], Mapping[str, Tensor], torch.device], FrameEncoder]
    create: Callable[[tuple[int, int], torch.device], FrameEncoder] | None = None


def _restore_keypoints(
    description: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device
) -> FrameEncoder:
    from aloe_policy.encoders.keypoint_frames import KeypointEncoder  # an encoder is loaded only when it is used

    return KeypointEncoder.restore(description, weights, device)


def _restore_pretrained(
    description: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device
) -> FrameEncoder:
    height, width = description["image_size"]
    return _create_pretrained((height, width), device)


def _create_pretrained(image_size: tuple[int, int], device: torch.device) -> FrameEncoder:
    from aloe_policy.encoders.pretrained import PretrainedEncoder

    return PretrainedEncoder(image_size, device)


def _restore_pixels(
    description: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device
) -> FrameEncoder:
    height, width = description["image_size"]
    return _create_pixels((height, width), device)


def _create_pixels(image_size: tuple[int, int], device: torch.device) -> FrameEncoder:
    from aloe_policy.encoders.pixels import PixelEncoder

    return PixelEncoder(image_size)


ENCODERS: Mapping[str, Entry] = {
    "keypoints": Entry(_restore_keypoints),
    "pretrained": Entry(_restore_pretrained, _create_pretrained),
    PIXELS: Entry(_restore_pixels, _create_pixels),
}


def load_encoder(
    name_or_file: str | Path, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> FrameEncoder:
    """An encoder by its name, or the keypoint encoder of a file that `pretrain_encoder` wrote.

    Args:
        name_or_file: Name in ENCODERS, or a path that ends in .safetensors.
        image_size: Height and width in px of the frames that it is to read.
        device: Where it computes.

    Raises:
        ConfigError: No such encoder or file, a damaged file, or a size that the encoder cannot read.
    """
    device = torch.device(device)
    if str(name_or_file).endswith(".safetensors"):
        from aloe_policy.encoders.keypoint_frames import KeypointEncoder

        return KeypointEncoder.load(Path(name_or_file), image_size, device)
    name = str(name_or_file)
    if name not in ENCODERS:
        raise ConfigError(f"unknown encoder '{name}'; {nearest(name, ENCODERS)}, or a file that ends in .safetensors")
    create = ENCODERS[name].create
    if create is None:
        raise ConfigError(f"encoder '{name}' is read from a file; give the .safetensors that `pretrain_encoder` wrote")
    return create(image_size, device)


def restore_encoder(
    description: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device | str = "cpu"
) -> FrameEncoder:
    """An encoder from what a checkpoint says of it.

    Args:
        description: What `FrameEncoder.description` returned.
        weights: What `FrameEncoder.weights` returned.
        device: Where it computes.

    Raises:
        ConfigError: An encoder that this version does not know, weights that do not fit, or another hash than the
            description's: features made by the former encoder are of no use to this one.
    """
    name = str(description.get("encoder", ""))
    if name not in ENCODERS:
        raise ConfigError(f"unknown encoder '{name}'; {nearest(name, ENCODERS)}; or update ALOE")
    try:
        encoder = ENCODERS[name].restore(description, weights, torch.device(device))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"encoder '{name}': its weights and description do not fit together: {error}") from error
    wanted = str(description.get("hash", ""))
    if encoder.spec.hash != wanted:
        raise ConfigError(
            f"encoder '{name}' has the hash {encoder.spec.hash[:12]} here, {wanted[:12]} where it was trained with; "
            "install the pinned requirements, or train anew"
        )
    return encoder
