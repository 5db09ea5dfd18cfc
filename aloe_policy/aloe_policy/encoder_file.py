"""An image encoder to and from its file."""

import json
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from aloe_data.config import ConfigError
from aloe_policy.encoder import STRIDE, ImageEncoder

USUAL_VIEW = 128, 96  # px, width and height of what encoders look at first


def save_encoder(encoder: ImageEncoder, path: Path) -> None:
    """Write an encoder; equal ones give equal files, and features are kept under the hash of that file."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    save_file(weights, path, {"keypoints": json.dumps(encoder.keypoints)})


def encoder_of(keypoints: tuple[str, ...], weights: Mapping[str, Tensor]) -> ImageEncoder:
    """The encoder that has these weights.

    Raises:
        RuntimeError: they are no encoder's of so many keypoints.
    """
    encoder = ImageEncoder(keypoints, refined=any(name.startswith("refiner.") for name in weights))
    encoder.load_state_dict(weights)
    return encoder


def load_encoder(path: Path) -> ImageEncoder:
    """A pretrained encoder, frozen.

    Raises:
        ConfigError: missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            keypoints = tuple(json.loads(file.metadata()["keypoints"]))
        encoder = encoder_of(keypoints, load_file(path))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        hint = "make one with `ros2 run aloe_policy pretrain_encoder`"
        raise ConfigError(f"{path}: not an encoder ({error}); {hint}") from error
    return encoder.eval().requires_grad_(False)


def view_size(encoder: ImageEncoder, width: int = 0, height: int = 0) -> tuple[int, int]:
    """Width and height in px of the views that an encoder is given; of what is 0, the usual.

    Raises:
        ConfigError: it cannot look at such views.
    """
    size = width or USUAL_VIEW[0] * encoder.scale, height or USUAL_VIEW[1] * encoder.scale
    unit = STRIDE * encoder.scale
    if size[0] % unit or size[1] % unit:
        raise ConfigError(f"views of {size[0]} x {size[1]} px: width and height must be multiples of {unit}")
    return size
