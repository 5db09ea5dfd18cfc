"""Ingested bags as a policy learns from them: what everything that reads stored features begins with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import ConfigError, parameter
from aloe_data.episode_index import StoreError
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.frame_store import FrameStore, stored_specs
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError
from aloe_data.stored_features import open_features
from aloe_data.verdicts import VerdictError
from aloe_policy.backend import TrainablePolicy, trainable_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.encoders.registry import FrameEncoder, load_encoder
from aloe_policy.ros.ingest import IngestConfig, ingest

BAD_INPUT = (ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError)


@dataclass(frozen=True)
class StoreConfig:
    """Bags, and the policy that learns from them or is judged by them."""

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
        """Folder of the ingested bags.

        Raises:
            ConfigError: Neither bags nor a store.
        """
        if self.store:
            return Path(self.store)
        if not self.bags:
            raise ConfigError("command line: give --bags, --store or both")
        return Path(self.bags).with_name(f"{Path(self.bags).name}_store")


def matching_policy(config: StoreConfig, rig: Rig) -> TrainablePolicy:
    """The policy, if it has the encoder that is given.

    Raises:
        CheckpointError: Missing, damaged, for another rig, or of a kind that cannot be trained.
        ConfigError: Another encoder.
    """
    policy = trainable_policy(config.policy, rig, device=config.device)
    if not config.encoder:
        return policy
    given = load_encoder(config.encoder, policy.feature_spec.image_size)
    if given.spec != policy.feature_spec:
        raise ConfigError(
            f"{config.encoder}: not the encoder inside {config.policy}; the policy would be shown features that it "
            "does not know: give the encoder that it was trained with, or none for its own"
        )
    return policy


def open_store(config: StoreConfig, policy: TrainablePolicy, closed: bool = False) -> tuple[EpisodeStore, FrameStore]:
    """The store with the policy's features, brought up to date with the bags if there are any.

    Args:
        config: Which bags and store.
        policy: Policy whose frozen encoder makes the features.
        closed: Whether bags that are still being recorded are left out.

    Raises:
        ConfigError, RecordingError, StoreError: Bad input.
    """
    store, features = open_stores(config, policy.rig, (policy.frame_encoder,), closed)
    return store, features[0]


def open_stores(
    config: StoreConfig, rig: Rig, encoders: Sequence[FrameEncoder], closed: bool = False
) -> tuple[EpisodeStore, tuple[FrameStore, ...]]:
    """The store with the features of several encoders, in their order; see `open_store`."""
    if not config.bags:
        specs = [encoder.spec for encoder in encoders]
        return _as_it_is(config, rig, specs)
    files = IngestConfig(
        bags=Path(config.bags),
        rig=config.rig,
        store=config.store_folder,
        processes=config.threads,
        closed=closed,
    )
    return ingest(files, encoders)


def new_store(folder: Path, policy: TrainablePolicy) -> tuple[EpisodeStore, FrameStore]:
    """A store for a policy's features, without bags; one that is there is opened.

    Raises:
        StoreError: It is for another rig or image size, or damaged.
    """
    spec = policy.feature_spec
    store = EpisodeStore(folder, policy.rig, spec.image_size)
    return store, open_features(store, spec)


def _as_it_is(
    config: StoreConfig, rig: Rig, specs: Sequence[FeatureSpec]
) -> tuple[EpisodeStore, tuple[FrameStore, ...]]:
    folder = config.store_folder
    if not (folder / "store.json").exists():
        raise ConfigError(f"{folder}: no store of episodes; give --bags to make one")
    store = EpisodeStore(folder, rig, specs[0].image_size)
    there = stored_specs(store)
    for spec in specs:
        if spec.hash not in [one.hash for one in there]:
            known = ", ".join(_said(one) for one in there) or "none"
            raise ConfigError(
                f"{folder}: holds features of the encoders {known}, not of {_said(spec)}, which is needed here; give "
                f"--bags to make them, or make them with `ros2 run aloe_policy ingest --bags DIR --rig {config.rig} "
                f"--store {folder} --policy {config.policy}`"
            )
    return store, tuple(open_features(store, spec) for spec in specs)


def _said(spec: FeatureSpec) -> str:
    if spec.is_pixels:
        height, width = spec.image_size
        return f"pixels of {width}x{height}"
    return f"{spec.hash[:12]} ({spec.encoder})"
