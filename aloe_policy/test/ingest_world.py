"""Made-up episodes and an encoder, for tests of what comes into a store."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from aloe_data.episode_store import EpisodeStore
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.rig_file import load_rig
from aloe_policy.encoders.keypoints import ImageEncoder

RIG_FILE = Path(__file__).parents[2] / "config" / "rig_sim.yaml"
RIG = load_rig(RIG_FILE)
NONE = Words(("",), np.zeros((1, 1), np.int32))


def episode(name: str, length: int = 6) -> Episode:
    ticks = np.arange(length)
    rows = np.tile(ticks[:, None], (1, RIG.state_dim)).astype(np.float32)
    return Episode(
        facts=EpisodeFacts(name, "sort", 0, "success", ""), rig=RIG, stamps_ns=ticks, ticks=ticks, state=rows,
        observed=np.ones(length, bool), requested=rows, executed=rows, operator=NONE, reason=NONE, clip=NONE,
        frames={c.name: np.full((length, 32, 48, 3), 40 * k, np.uint8) for k, c in enumerate(RIG.cameras)},
        frame_index=np.tile(ticks[:, None], (1, 3)), source=np.ones((length, 2), np.uint8), chunk_id=ticks,
        step=ticks, policy_version=("v",) * length,
    )  # fmt: skip


def save_encoder(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    names = ("red cube", "blue cube")
    save_file(ImageEncoder(names).state_dict(), path, {"keypoints": json.dumps(names)})
    return path


def names(store: EpisodeStore) -> list[str]:
    """Of the folders in which the episodes' bags are now."""
    return [Path(episode.bag).name for episode in store.bags.values()]
