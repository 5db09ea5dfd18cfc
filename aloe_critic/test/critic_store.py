"""A small store of made-up episodes, and the policy and encoder that go with it, for tests."""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from aloe_critic.critic_config import CriticConfig
from aloe_critic.networks import NetworkConfig
from aloe_critic.proposer import Proposer, StoredObservations, StoredProposer
from aloe_critic.transform import Transform
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.feature_store import FeatureStore
from aloe_data.frames import Episode, EpisodeFacts, Words
from aloe_data.rig_file import load_rig
from aloe_data.stored_features import open_features
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.encoders.keypoints import ImageEncoder
from aloe_policy.tiny.model import ModelConfig, TinyVLA
from aloe_policy.tiny.storage import save_tiny

RIG_FILE = Path(__file__).parents[2] / "config" / "rig_sim.yaml"
RIG = load_rig(RIG_FILE)
NAMES = ("red cube", "blue cube")
SIZE = (32, 48)  # height, width
LENGTH = 60
NONE = Words(("",), np.zeros((1, 1), np.int32))
NETWORK = NetworkConfig(num_critics=2, width=16, heads=2, layers=1, bins=11, dropout=0.1)
LEARNING = CriticConfig(steps=6, batch_size=16, bootstrap_samples=2, takeover_weight=1.0)
VERDICTS = ("success", "failure", "success", "failure", "success", "success")


def episode(number: int, verdict: str, human_from: int | None = None, human_to: int | None = None) -> Episode:
    """Arms wander around home; in failures the set points go elsewhere."""
    rng = np.random.default_rng(number)
    home = np.concatenate([arm.home for arm in RIG.arms]).astype(np.float32)
    state = (home + 0.01 * rng.normal(size=(LENGTH, RIG.state_dim)).cumsum(0)).astype(np.float32)
    source = np.ones((LENGTH, len(RIG.arms)), np.uint8)
    if human_from is not None:
        source[human_from:human_to] = 2
    ticks = np.arange(LENGTH)
    return Episode(
        facts=EpisodeFacts(f"ep_{number:04d}", "put the red cube left", number, verdict, ""),
        rig=RIG,
        stamps_ns=ticks * 20_000_000,
        ticks=ticks,
        state=state,
        observed=np.ones(LENGTH, bool),
        frames={camera.name: np.zeros((LENGTH, 0, 0, 3), np.uint8) for camera in RIG.cameras},
        frame_index=np.tile(ticks[:, None], (1, len(RIG.cameras))),
        requested=state,
        executed=state + np.float32(0.05 if verdict == "success" else -0.05),
        source=source,
        operator=NONE,
        reason=NONE,
        clip=NONE,
        chunk_id=ticks,
        step=ticks,
        policy_version=("abc",) * LENGTH,
    )


def write_encoder(path: Path, seed: int = 0) -> Path:
    """An encoder's file."""
    torch.manual_seed(seed)
    save_file(ImageEncoder(NAMES).state_dict(), path, {"keypoints": json.dumps(NAMES)})
    return path


class Grid:
    """A frozen encoder without names: the mean colours of four columns."""

    names = ()
    spec = FeatureSpec("grid", (4, 3), "float16", "e" * 64, SIZE)

    def encode(self, frames):
        return np.stack([part.mean((1, 2)) for part in np.split(frames / 255, 4, axis=2)], axis=1).astype(np.float16)

    def description(self):
        return {"encoder": "grid", "hash": self.spec.hash, "image_size": [*self.spec.image_size]}

    def weights(self):
        return {}


def encoder_hash(path: Path) -> str:
    """The hash by which a store knows an encoder's features."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_policy(folder: Path, flow_steps: int = 2) -> Path:
    """A policy that was never trained, with the encoder of `write_encoder(seed=0)`."""
    torch.manual_seed(0)
    encoder, space = ImageEncoder(NAMES), ActionSpace(RIG)
    e = episode(0, "success")
    features = space.state_features(e.state)
    windows = np.minimum(np.arange(LENGTH)[:, None] + np.arange(20), LENGTH - 1)
    chunks = space.relative(space.from_joints(e.executed)[windows], e.state)
    normaliser = Normaliser.fit(features, chunks, space.resolution)
    sizes = ModelConfig(
        len(RIG.cameras), NAMES, features.shape[1], RIG.action_dim, 20, width=16, heads=2, prefix_layers=1,
        expert_layers=1,
    )  # fmt: skip
    size = (SIZE[1], SIZE[0])
    save_tiny(
        folder, RIG, encoder, TinyVLA(sizes), normaliser, image_size=size, training={}, card="", flow_steps=flow_steps
    )
    return folder


def transform(policy, steps: int) -> Transform:
    """A critic's transform in a policy's statistics, without displacements."""
    return Transform(RIG, policy.normaliser, steps, False, torch.device("cpu"))


def stored_proposer(policy, store, features, steps: int) -> StoredProposer:
    """A policy's chunks in states of a store, in the units of `transform`."""
    observations = StoredObservations(store, features, torch.device("cpu"))
    return StoredProposer(Proposer(policy, transform(policy, steps)), observations)


def write_store(folder: Path, bags: Path, encoder: str, verdicts=VERDICTS, human_from=None, human_to=None) -> None:
    """A store of one episode per verdict, with features of an encoder's hash."""
    store = EpisodeStore(folder, RIG, SIZE)
    features = FeatureStore(store, encoder, (len(NAMES), 3))
    for number, verdict in enumerate(verdicts):
        (bags / f"ep_{number:04d}").mkdir(parents=True, exist_ok=True)
        bag = bags / f"ep_{number:04d}"
        human = {"human_from": human_from, "human_to": human_to} if number == 0 else {}
        store_episode(store, features, bag, number, verdict, **human)


def write_features(folder: Path, spec: FeatureSpec) -> None:
    """Features of another encoder for all episodes of a store."""
    store = EpisodeStore(folder, RIG, SIZE)
    features = open_features(store, spec)
    for number, stored in enumerate(store.episodes):
        values = np.random.default_rng(number).uniform(0, 1, (stored.frames, *spec.shape))
        features.write(stored, values.astype(np.float16))


def store_episode(store, features, bag: Path, number: int, verdict: str, content: str = "", **human) -> None:
    """Append an episode and its features; without a fingerprint of its bag's content its folder stands for that."""
    seen = np.random.default_rng(number).uniform(-1, 1, (LENGTH * len(RIG.cameras), len(NAMES), 3))
    stored = store.append(episode(number, verdict, **human), str(bag), content or str(bag))
    features.write(stored, seen.astype(np.float16))
