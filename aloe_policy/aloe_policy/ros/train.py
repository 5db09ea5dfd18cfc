"""Train the tiny VLA on recorded bags: `ros2 run aloe_policy train --bags DIR --rig FILE --encoder FILE --out DIR`.

Stop it at any time, and go on with --resume: it ends where an uninterrupted run would have.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.episode_store import EpisodeStore
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.verdicts import verdict_now
from aloe_policy.actions import ActionSpace
from aloe_policy.card import model_card
from aloe_policy.dataset import build
from aloe_policy.encoders.keypoint_file import load_encoder
from aloe_policy.encoders.keypoints import STRIDE
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros.actor_training import RunConfig, run
from aloe_policy.ros.ingest import IngestConfig, ingest
from aloe_policy.ros.policy_store import BAD_INPUT
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.policy import save_tiny
from aloe_policy.training import CollapseError, split_by_episode
from aloe_policy.training_state import stopped

Index = NDArray[np.int64]


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """What to train from and where to write."""

    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: Path = parameter(doc="image encoder that `pretrain_encoder` wrote (.safetensors)")
    store: str = parameter("", doc="folder of the ingested bags, see `ingest`; default: BAGS with _store at its end")
    stride: int = parameter(5, unit="ticks", low=1, doc="control ticks between training observations")
    image_width: int = parameter(128, unit="px", low=STRIDE, doc="width of views; the encoder's")
    image_height: int = parameter(96, unit="px", low=STRIDE, doc="height of views; the encoder's")
    width: int = parameter(ModelConfig.width, low=16, doc="of the network's tokens; a multiple of 4")
    triangulate: bool = parameter(
        True, doc="tell where keypoints are in space, where the rig file says how the cameras are mounted"
    )
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


def demonstrations(store: EpisodeStore, stride: int) -> tuple[Index, Index]:
    """Where to learn from the successful episodes of a store, by their verdicts as they are now; says what is left out.

    Args:
        store: the episodes.
        stride: between the observed ticks that are taken.

    Returns:
        rows [n] of the store at which chunks begin, and the ends [n] of their episodes.

    Raises:
        ConfigError: fewer than two successful episodes.
    """
    rows, ends, left_out = list[Index](), list[Index](), Counter[str]()
    observed = store.column("observed")
    for episode in sorted(store.bags.values(), key=lambda one: one.first_tick):
        verdict = verdict_now(episode.bag, episode.verdict)
        if verdict != "success":
            left_out[verdict] += 1
            if verdict == "none":
                print(f"left out: {episode.bag} has no verdict; its recording ended early or its file is cut short")
            continue
        end = episode.first_tick + episode.ticks
        rows.append(episode.first_tick + np.flatnonzero(observed[episode.first_tick : end])[::stride])
        ends.append(np.full(len(rows[-1]), end))
    if left_out:
        print("left out: " + ", ".join(f"{count} {why}" for why, count in left_out.items()))
    if len(rows) < 2:
        raise ConfigError(f"{store.folder}: {len(rows)} successful episode(s); record at least 2 (better 200)")
    return np.concatenate(rows), np.concatenate(ends)


def _mounts_known(rig: Rig) -> bool:
    unknown = [camera.name for camera in rig.cameras if camera.name not in rig.mounts]
    if unknown:
        print(f"where camera '{unknown[0]}' is mounted is not known: keypoints are not triangulated (docs/policy.md)")
    return not unknown


def train(config: TrainConfig, learning: LearnerConfig) -> str | None:
    """Bags to checkpoint; returns its version, None if it was interrupted.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input, before training.
        CollapseError: training went wrong.
    """
    state = stopped(config.out, config.resume)
    rig, device, encoder = load_rig(config.rig), torch.device(config.device), load_encoder(config.encoder)
    store, features = ingest(config.ingest)
    if rig.simulated:
        refuse_held_out((episode.seed for episode in store.bags.values()), str(config.bags))
    row, end = demonstrations(store, config.stride)
    space = ActionSpace(rig, triangulated=config.triangulate and _mounts_known(rig))
    data = build(store, features, space, row, end, ModelConfig.action_horizon)
    split = split_by_episode(data.episode, learning.seed)
    episodes = len(np.unique(data.episode))
    dims = len(data.normaliser.state_mean), rig.action_dim
    views = {"num_cameras": len(rig.cameras), "tool_views": space.tool_views}
    sizes = ModelConfig(**views, keypoints=encoder.keypoints, state_dim=dims[0], action_dim=dims[1], width=config.width)
    torch.manual_seed(learning.seed)
    actor = ActorLearner(TinyVLA(sizes).to(device), learning)
    parameters = sum(p.numel() for p in (*actor.model.parameters(), *encoder.parameters()))
    print(f"{episodes} episodes, {len(data)} observations, {parameters / 1e6:.2f} M parameters")
    rows = hashlib.sha256(np.stack([row, end]).tobytes()).hexdigest()
    seen = {"episodes": episodes, "rows": rows, "encoder": features.encoder}
    choices = {"learner": asdict(learning), "data": seen, "model": asdict(sizes)}
    held_out, started = data.batch(split.held_out, device), time.monotonic()
    measures = run(config, actor, data, split.train, held_out, choices, state, {})
    if measures is None:
        return None
    facts: dict[str, Any] = {
        "episodes": episodes,
        "observations": len(data),
        "parameters": parameters,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "learner": asdict(learning),
        "stride": config.stride,
        **measures,
    }
    size, card = (config.image_width, config.image_height), model_card(rig, facts)
    return save_tiny(
        config.out, rig, encoder, actor.average, data.normaliser, image_size=size, training=facts, card=card
    )


def main() -> None:
    """Entry point of `train`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, TrainConfig)
    add_arguments(parser, LearnerConfig)
    try:
        arguments = parser.parse_args()
        config, learning = from_arguments(TrainConfig, arguments), from_arguments(LearnerConfig, arguments)
        torch.set_num_threads(config.threads)
        version = train(config, learning)
    except BAD_INPUT as error:
        sys.exit(f"train: {error}")
    except CollapseError as error:
        sys.exit(f"train: stopped: {error}")
    if version:
        print(f"{config.out}: version {version[:12]}")


if __name__ == "__main__":
    main()
