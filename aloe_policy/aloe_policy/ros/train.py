"""Train the tiny VLA on recorded bags: `ros2 run aloe_policy train --bags DIR --rig FILE --encoder FILE --out DIR`."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.frames import Episode, EpisodeError
from aloe_data.rig import Rig, RigError, load_rig
from aloe_data.ros.bag_frames import read_episode
from aloe_policy.actions import ActionSpace
from aloe_policy.card import model_card
from aloe_policy.dataset import Demonstration, build, encode_views
from aloe_policy.encoder import STRIDE, ImageEncoder
from aloe_policy.learner import LearnerConfig
from aloe_policy.model import ModelConfig, TinyVLA
from aloe_policy.tiny import save_tiny
from aloe_policy.training import fit


@dataclass(frozen=True)
class TrainConfig:
    """What to train from and where to write."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: Path = parameter(doc="image encoder that `pretrain_encoder` wrote (.safetensors)")
    out: Path = parameter(doc="checkpoint folder to write; TensorBoard logs go beside it")
    stride: int = parameter(5, unit="ticks", low=1, doc="control ticks between training observations")
    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; the encoder's")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; the encoder's")
    threads: int = parameter(2, low=1, doc="CPU threads")
    device: str = parameter("cpu", doc="where to train, cpu or cuda")


def find_bags(folder: Path) -> list[Path]:
    """Every bag below `folder`, in order of name.

    Raises:
        ConfigError: there are none.
    """
    bags = sorted(path.parent for path in folder.rglob("metadata.yaml"))
    if not bags:
        raise ConfigError(f"{folder}: no bags found; record some with `ros2 run aloe_sim record_demos --out {folder}`")
    return bags


def successful_episodes(bags: list[Path], rig: Rig, size: tuple[int, int]) -> Iterator[Episode]:
    """The successful episodes of `bags`; what cannot be used is said, skipped and counted."""
    skipped: dict[str, int] = {}
    for bag in tqdm(bags, desc="reading bags", unit="bag"):
        try:
            episode = read_episode(bag, rig, image_size=size)
        except EpisodeError as error:
            tqdm.write(f"skipped: {error}")
            skipped["unreadable"] = skipped.get("unreadable", 0) + 1
            continue
        if episode.facts.verdict == "success":
            yield episode
        else:
            if episode.facts.verdict == "none":
                tqdm.write(f"skipped: {bag}: has no verdict; its recording ended early or its file is cut short")
            skipped[episode.facts.verdict] = skipped.get(episode.facts.verdict, 0) + 1
    if skipped:
        print("left out: " + ", ".join(f"{count} {why}" for why, count in skipped.items()))


def demonstration(episode: Episode, stride: int) -> Demonstration:
    """An episode as training data: observations every `stride` ticks, from the first observed one on."""
    ticks = np.flatnonzero(episode.observed)[::stride]
    return Demonstration(episode.prompt, episode.images(ticks), ticks, episode.state, episode.executed)


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


def train(config: TrainConfig, learner: LearnerConfig) -> str:
    """Bags to checkpoint; returns its version.

    Raises:
        ConfigError, RigError: bad input, before anything is trained.
        ValueError: too few successful episodes.
    """
    rig, device = load_rig(config.rig), torch.device(config.device)
    encoder, bags = load_encoder(config.encoder).to(device), find_bags(config.bags)
    demonstrations: list[Demonstration] = []
    tokens: list[NDArray[np.float16]] = []
    size = config.image_height, config.image_width
    for episode in successful_episodes(bags, rig, size):
        demo = demonstration(episode, config.stride)
        tokens.append(encode_views(encoder, demo.images))
        demonstrations.append(_without_images(demo))
    if len(demonstrations) < 2:
        raise ConfigError(f"{config.bags}: {len(demonstrations)} successful episode(s); record at least 2 (better 200)")
    space = ActionSpace(rig)
    data, normaliser = build(demonstrations, tokens, space, ModelConfig.action_horizon)
    model_config = ModelConfig(len(rig.cameras), encoder.keypoints, data.states.shape[1], rig.action_dim)
    torch.manual_seed(learner.seed)
    model = TinyVLA(model_config).to(device)
    parameters = sum(p.numel() for p in (*model.parameters(), *encoder.parameters()))
    print(f"{len(demonstrations)} episodes, {len(data)} observations, {parameters / 1e6:.2f} M parameters")
    started = time.monotonic()
    with (
        SummaryWriter(str(config.out) + "_logs") as log,
        tqdm(total=learner.steps, desc="training", unit="step") as bar,
    ):
        trained, measures = fit(model, data, learner, _reporter(log, bar))
    facts: dict[str, Any] = {
        "episodes": len(demonstrations),
        "observations": len(data),
        "parameters": parameters,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "learner": asdict(learner),
        "stride": config.stride,
        **measures,
    }
    card = model_card(rig, facts)
    image_size = (config.image_width, config.image_height)
    return save_tiny(config.out, rig, encoder, trained, normaliser, image_size=image_size, training=facts, card=card)


def _without_images(demo: Demonstration) -> Demonstration:
    empty = np.zeros((0, 0, 0, 0, 3), np.uint8)
    return Demonstration(demo.prompt, empty, demo.image_ticks, demo.joints, demo.executed)


def _reporter(log: SummaryWriter, bar: "tqdm[Any]") -> Any:
    def report(step: int, metrics: dict[str, float]) -> None:
        bar.update()
        if "held_out_rmse" in metrics or step % 20 == 0:
            for name, value in metrics.items():
                log.add_scalar(name, value, step)
        if "held_out_rmse" in metrics:
            bar.set_postfix(
                {k: f"{v:.4f}" for k, v in metrics.items() if k in ("loss", "held_out_loss", "held_out_rmse")}
            )

    return report


def main() -> None:
    """Entry point of `train`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, TrainConfig)
    add_arguments(parser, LearnerConfig)
    try:
        arguments = parser.parse_args()
        config, learner = from_arguments(TrainConfig, arguments), from_arguments(LearnerConfig, arguments)
        torch.set_num_threads(config.threads)
        version = train(config, learner)
    except (ConfigError, RigError, EpisodeError) as error:
        sys.exit(f"train: {error}")
    print(f"{config.out}: version {version[:12]}")


if __name__ == "__main__":
    main()
