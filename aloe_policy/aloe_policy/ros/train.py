"""Train the tiny VLA on recorded bags: `ros2 run aloe_policy train --bags DIR --rig FILE --encoder FILE --out DIR`."""

import argparse
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.episode_store import EpisodeStore, FeatureStore, StoreError
from aloe_data.recording import RecordingError
from aloe_data.rig import RigError, load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.verdicts import verdict_now
from aloe_policy.actions import ActionSpace
from aloe_policy.card import model_card
from aloe_policy.dataset import Demonstration, build
from aloe_policy.encoder import STRIDE
from aloe_policy.encoder_file import load_encoder
from aloe_policy.learner import LearnerConfig
from aloe_policy.model import ModelConfig, TinyVLA
from aloe_policy.ros.ingest import IngestConfig, ingest
from aloe_policy.tiny import save_tiny
from aloe_policy.training import fit


@dataclass(frozen=True)
class TrainConfig:
    """What to train from and where to write."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: Path = parameter(doc="image encoder that `pretrain_encoder` wrote (.safetensors)")
    out: Path = parameter(doc="checkpoint folder to write; TensorBoard logs go beside it")
    store: str = parameter("", doc="folder of the ingested bags, see `ingest`; default: BAGS with _store at its end")
    stride: int = parameter(5, unit="ticks", low=1, doc="control ticks between training observations")
    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; the encoder's")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; the encoder's")
    threads: int = parameter(2, low=1, doc="CPU threads and reading processes")
    device: str = parameter("cpu", doc="where to train, cpu or cuda")

    @property
    def ingest(self) -> IngestConfig:
        """How the bags become a store."""
        return IngestConfig(
            bags=self.bags,
            rig=self.rig,
            encoder=self.encoder,
            store=Path(self.store) if self.store else self.bags.with_name(f"{self.bags.name}_store"),
            processes=self.threads,
            image_width=self.image_width,
            image_height=self.image_height,
        )


def demonstrations(store: EpisodeStore, features: FeatureStore, stride: int) -> list[Demonstration]:
    """The successful episodes of a store, by their verdicts as they are now; says how many were left out, and why."""
    found, left_out = [], Counter[str]()
    frames, observed, tokens = store.column("frame"), store.column("observed"), features.rows()
    for bag, episode in sorted(store.bags.items()):
        verdict = verdict_now(bag, episode.verdict)
        if verdict != "success":
            left_out[verdict] += 1
            if verdict == "none":
                print(f"left out: {bag} has no verdict; its recording ended early or its file is cut short")
            continue
        rows = slice(episode.first_tick, episode.first_tick + episode.ticks)
        ticks = np.flatnonzero(observed[rows])[::stride]
        joints, executed = (np.array(store.column(name)[rows]) for name in ("state", "executed"))
        found.append(Demonstration(episode.prompt, ticks, tokens[frames[rows][ticks]], joints, executed))
    if left_out:
        print("left out: " + ", ".join(f"{count} {why}" for why, count in left_out.items()))
    return found


def train(config: TrainConfig, learner: LearnerConfig) -> str:
    """Bags to checkpoint; returns its version.

    Raises:
        ConfigError, RigError, RecordingError, StoreError: bad input, before anything is trained.
        ValueError: too few successful episodes.
    """
    rig, device, encoder = load_rig(config.rig), torch.device(config.device), load_encoder(config.encoder)
    store, features = ingest(config.ingest)
    if rig.simulated:
        refuse_held_out((episode.seed for episode in store.bags.values()), str(config.bags))
    demos = demonstrations(store, features, config.stride)
    if len(demos) < 2:
        raise ConfigError(f"{config.bags}: {len(demos)} successful episode(s); record at least 2 (better 200)")
    space = ActionSpace(rig)
    data, normaliser = build(demos, space, ModelConfig.action_horizon)
    model_config = ModelConfig(len(rig.cameras), encoder.keypoints, data.states.shape[1], rig.action_dim)
    torch.manual_seed(learner.seed)
    model = TinyVLA(model_config).to(device)
    parameters = sum(p.numel() for p in (*model.parameters(), *encoder.parameters()))
    print(f"{len(demos)} episodes, {len(data)} observations, {parameters / 1e6:.2f} M parameters")
    started = time.monotonic()
    with (
        SummaryWriter(str(config.out) + "_logs") as log,
        tqdm(total=learner.steps, desc="training", unit="step") as bar,
    ):
        trained, measures = fit(model, data, learner, _reporter(log, bar))
    facts: dict[str, Any] = {
        "episodes": len(demos),
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
    except (ConfigError, RigError, RecordingError, StoreError) as error:
        sys.exit(f"train: {error}")
    print(f"{config.out}: version {version[:12]}")


if __name__ == "__main__":
    main()
