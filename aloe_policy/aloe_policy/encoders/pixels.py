"""No encoder at all: the frames themselves are stored, for policies that train their own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aloe_data.feature_spec import PIXELS, FeatureSpec, pixel_spec


class PixelEncoder:
    """A `FrameEncoder` that gives frames as they are.

    Args:
        image_size: Height and width in px of the frames.
    """

    names: tuple[str, ...] = ()

    def __init__(self, image_size: tuple[int, int]) -> None:
        self.spec: FeatureSpec = pixel_spec(*image_size)

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[Any]:
        """The frames uint8 [n, h, w, 3]."""
        return frames

    def description(self) -> dict[str, Any]:
        """See `FrameEncoder`."""
        return {"encoder": PIXELS, "hash": self.spec.hash, "image_size": [*self.spec.image_size]}

    def weights(self) -> Mapping[str, Tensor]:
        """See `FrameEncoder`."""
        return {}
