"""The keypoint encoder as a `FrameEncoder`: named places in every frame, learned from a simulator's labels."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from aloe_data.config import ConfigError
from aloe_data.feature_spec import FeatureSpec
from aloe_policy.encoders.keypoint_file import load_encoder
from aloe_policy.encoders.keypoints import STRIDE, TOKEN_WIDTH, ImageEncoder
from aloe_policy.encoders.registry import BATCH

NAME = "keypoints"


class KeypointEncoder:
    """Tokens u, v and presence of K named keypoints.

    Args:
        network: The encoder, in evaluation mode.
        image_size: Height and width in px of the frames that it reads.
        device: Where it computes.

    Raises:
        ConfigError: The size is no multiple of the network's cells.
    """

    def __init__(self, network: ImageEncoder, image_size: tuple[int, int], device: torch.device) -> None:
        height, width = image_size
        if height % STRIDE or width % STRIDE:
            raise ConfigError(f"encoder '{NAME}': frames are {width}x{height} px; both must be multiples of {STRIDE}")
        self.network = network.to(device).eval().requires_grad_(False)
        self.names = network.keypoints
        self._device = device
        shape = (len(self.names), TOKEN_WIDTH)
        self.spec = FeatureSpec(NAME, shape, "float16", encoder_hash(network), image_size)

    @classmethod
    def load(cls, file: Path, image_size: tuple[int, int], device: torch.device) -> "KeypointEncoder":
        """The encoder of a file that `pretrain_encoder` wrote.

        Raises:
            ConfigError: Missing, damaged, or frames of a size that it cannot read.
        """
        return cls(load_encoder(file), image_size, device)

    @classmethod
    def restore(
        cls, description: Mapping[str, Any], weights: Mapping[str, Tensor], device: torch.device
    ) -> "KeypointEncoder":
        """See `restore_encoder`."""
        network = ImageEncoder(tuple(description["names"]))
        network.load_state_dict(dict(weights))
        height, width = description["image_size"]
        return cls(network, (height, width), device)

    @torch.no_grad()
    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Features float16 [n, K, 3] of frames uint8 [n, h, w, 3]."""
        found = np.empty((len(frames), *self.spec.shape), np.float16)
        for start in range(0, len(frames), BATCH):
            part = torch.from_numpy(frames[start : start + BATCH]).to(self._device)
            found[start : start + BATCH] = self.network(part).half().cpu().numpy()
        return found

    def description(self) -> dict[str, Any]:
        """See `FrameEncoder`."""
        spec = self.spec
        return {"encoder": NAME, "hash": spec.hash, "image_size": [*spec.image_size], "names": [*self.names]}

    def weights(self) -> Mapping[str, Tensor]:
        """See `FrameEncoder`."""
        return self.network.state_dict()


def encoder_hash(network: ImageEncoder) -> str:
    """sha256 (hex) of an encoder's file as `save_encoder` writes it; equal encoders have equal ones."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    return hashlib.sha256(save(weights, {"keypoints": json.dumps(network.keypoints)})).hexdigest()
