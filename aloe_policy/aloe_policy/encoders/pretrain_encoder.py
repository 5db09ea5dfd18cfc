"""Pretrain the image encoder on rendered scenes: `ros2 run aloe_policy pretrain_encoder --scenes FILE --out FILE`."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_policy.encoders.keypoint_file import save_encoder
from aloe_policy.encoders.keypoint_training import PretrainConfig, pixel_error, pretrain
from aloe_policy.encoders.keypoints import STRIDE

HELD_OUT = 0.05  # share of the frames, the last ones, that measures


@dataclass(frozen=True)
class Files:
    """Where things are."""

    scenes: Path = parameter(doc="file that `render_scenes` wrote (.npz)")
    out: Path = parameter(doc="weights to write (.safetensors); measures go beside it (.json)")
    threads: int = parameter(2, low=1, doc="CPU threads")


def load_scenes(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32], tuple[str, ...]]:
    """Images uint8 [n, C, h, w, 3], keypoints float32 [n, C, K, 3] and their K names, of a scenes file.

    Raises:
        ConfigError: missing, damaged or of the wrong shape.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            images = data["images"]
            keypoints = data["keypoints"]
            names = tuple(map(str, data["names"]))
    except (OSError, ValueError, KeyError) as error:
        hint = "make one with `ros2 run aloe_sim render_scenes`"
        raise ConfigError(f"{path}: not a scenes file ({error}); {hint}") from error
    height, width = images.shape[2:4]
    if height % STRIDE or width % STRIDE or keypoints.shape[:2] != images.shape[:2]:
        what = f"views of {width}x{height} with labels {list(keypoints.shape)}"
        raise ConfigError(f"{path}: {what}; width and height must be multiples of {STRIDE}, labels [n, cameras, K, 3]")
    return images, keypoints, names


def _flat(per_camera: NDArray[Any]) -> NDArray[Any]:
    return per_camera.reshape(-1, *per_camera.shape[2:])


def main() -> None:
    """Entry point of `pretrain_encoder`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, Files)
    add_arguments(parser, PretrainConfig)
    try:
        arguments = parser.parse_args()
        files = from_arguments(Files, arguments)
        config = from_arguments(PretrainConfig, arguments)
        images, keypoints, names = load_scenes(files.scenes)
    except ConfigError as error:
        sys.exit(f"pretrain_encoder: {error}")
    torch.set_num_threads(files.threads)
    split = len(images) - max(1, int(len(images) * HELD_OUT))
    with tqdm(total=config.steps, unit="step") as progress:

        def report(step: int, metrics: dict[str, float]) -> None:
            progress.update()
            if step % 20 == 0:
                progress.set_postfix({name: f"{value:.4f}" for name, value in metrics.items()})

        encoder = pretrain(_flat(images[:split]), _flat(keypoints[:split]), names, config, report)
    measures = pixel_error(encoder, _flat(images[split:]), _flat(keypoints[split:]))
    files.out.parent.mkdir(parents=True, exist_ok=True)
    save_encoder(encoder, files.out)
    files.out.with_suffix(".json").write_text(json.dumps({"held_out": measures, "config": asdict(config)}, indent=2))
    print(f"{files.out}: held out {', '.join(f'{k} {v:.3f}' for k, v in measures.items())}")


if __name__ == "__main__":
    main()
