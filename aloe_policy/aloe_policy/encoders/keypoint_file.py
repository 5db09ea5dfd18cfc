"""An image encoder to and from its file."""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from aloe_data.config import ConfigError
from aloe_policy.encoders.keypoints import ImageEncoder


def save_encoder(encoder: ImageEncoder, path: Path) -> None:
    """Write an encoder; equal ones give equal files, and features are kept under the hash of that file."""
    weights = {name: tensor.cpu().contiguous() for name, tensor in encoder.state_dict().items()}
    save_file(weights, path, {"keypoints": json.dumps(encoder.keypoints)})


def load_encoder(path: Path) -> ImageEncoder:
    """A pretrained encoder, frozen.

    Raises:
        ConfigError: missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            encoder = ImageEncoder(tuple(json.loads(file.metadata()["keypoints"])))
        encoder.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError) as error:
        hint = "make one with `ros2 run aloe_policy pretrain_encoder`"
        raise ConfigError(f"{path}: not an encoder ({error}); {hint}") from error
    return encoder.eval().requires_grad_(False)
