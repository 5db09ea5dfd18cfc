"""Ingested bags as a policy sees them: what everything that learns from stored features begins with."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from aloe_data.config import ConfigError, parameter
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError
from aloe_data.verdicts import VerdictError
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.encoders.keypoint_file import load_encoder, save_encoder
from aloe_policy.encoders.keypoints import TOKEN_WIDTH
from aloe_policy.ros.ingest import IngestConfig, encoder_hash, ingest
from aloe_policy.tiny.policy import TinyPolicy

BAD_INPUT = (ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError)
Stored = tuple[EpisodeStore, FeatureStore]


@dataclass(frozen=True)
class StoreConfig:
    """Bags, and the policy through whose eyes they are seen."""

    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: str = parameter(
        "", doc="image encoder of the policy (.safetensors); default: the one inside its checkpoint"
    )
    policy: Path = parameter(doc="checkpoint of the policy")
    bags: str = parameter("", doc="folder of episode bags, ingested first; default: the store as it is")
    store: str = parameter("", doc="folder of the ingested bags; default: BAGS with _store at its end")
    threads: int = parameter(1, low=1, doc="CPU threads, and reading processes")
    device: str = parameter("cpu", doc="where to compute, cpu or cuda")

    @property
    def store_folder(self) -> Path:
        """Of the ingested bags.

        Raises:
            ConfigError: neither bags nor a store.
        """
        if self.store:
            return Path(self.store)
        if not self.bags:
            raise ConfigError("command line: give --bags, --store or both")
        return Path(self.bags).with_name(f"{Path(self.bags).name}_store")


def matching_policy(config: StoreConfig, rig: Rig) -> TinyPolicy:
    """The policy, if it sees through the encoder of the features.

    Raises:
        CheckpointError: missing, damaged, for another rig, or of a kind that does not know stored features.
        ConfigError: another encoder.
    """
    policy = load_policy(config.policy, rig, device=config.device)
    if not isinstance(policy, TinyPolicy):
        raise CheckpointError(f"{config.policy}: its kind of policy does not know stored features")
    if not config.encoder:
        return policy
    given = load_encoder(Path(config.encoder))
    own, other = policy.encoder.state_dict(), given.state_dict()
    same = own.keys() == other.keys() and all(torch.equal(own[k].cpu(), other[k]) for k in own)
    if not same or policy.encoder.keypoints != given.keypoints:
        raise ConfigError(
            f"{config.encoder}: not the encoder inside {config.policy}; the policy would be shown features that it "
            "does not know: give the encoder that it was trained with, or none for its own"
        )
    return policy


def open_store(config: StoreConfig, policy: TinyPolicy, closed: bool = False) -> Stored:
    """The store with the policy's features, brought up to date with the bags if there are any.

    Args:
        config: which bags and store.
        policy: whose features.
        closed: leave out bags that are still being recorded.

    Raises:
        ConfigError, RecordingError, StoreError: bad input.
    """
    with _encoder_file(config.encoder, policy) as encoder:
        if config.bags:
            return _ingested(config, encoder, policy, closed)
        return _as_it_is(config, encoder, policy)


def new_store(folder: Path, policy: TinyPolicy) -> Stored:
    """A store for what a policy's encoder sees, without bags; one that is there is opened.

    Raises:
        StoreError: it is for another rig or image size, or damaged.
    """
    with _encoder_file("", policy) as encoder:
        return _stored(folder, encoder_hash(encoder), policy)


@contextmanager
def _encoder_file(given: str, policy: TinyPolicy) -> Iterator[Path]:
    """The encoder as a file, as reading processes want it; its hash is the same wherever it lies."""
    if given:
        yield Path(given)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "encoder.safetensors"
        save_encoder(policy.encoder, file)
        yield file


def _ingested(config: StoreConfig, encoder: Path, policy: TinyPolicy, closed: bool) -> Stored:
    width, height = policy.image_size
    return ingest(
        IngestConfig(
            bags=Path(config.bags),
            rig=config.rig,
            encoder=encoder,
            store=config.store_folder,
            processes=config.threads,
            image_width=width,
            image_height=height,
            closed=closed,
        )
    )


def _as_it_is(config: StoreConfig, encoder: Path, policy: TinyPolicy) -> Stored:
    folder, wanted = config.store_folder, encoder_hash(encoder)
    if not (folder / "store.json").exists():
        raise ConfigError(f"{folder}: no store of episodes; give --bags to make one")
    if not (folder / "features" / wanted).exists():
        known = sorted(path.name[:12] for path in (folder / "features").glob("*"))
        raise ConfigError(
            f"{folder}: holds features of the encoders {', '.join(known) or 'none'}, not of that of {config.policy} "
            f"({wanted[:12]}); give --bags to make them"
        )
    return _stored(folder, wanted, policy)


def _stored(folder: Path, encoder: str, policy: TinyPolicy) -> Stored:
    width, height = policy.image_size
    store = EpisodeStore(folder, policy.rig, (height, width))
    return store, FeatureStore(store, encoder, (len(policy.encoder.keypoints), TOKEN_WIDTH))
