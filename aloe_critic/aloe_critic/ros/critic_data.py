"""What a critic learns from: a store of ingested bags, cut into chunks to learn from and chunks to measure with."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aloe_critic.networks import Sizes
from aloe_critic.training import check_outcomes, held_out, matched_discount, reach
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_store import EpisodeStore, FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_data.verdicts import verdict_of
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.encoder import TOKEN_WIDTH
from aloe_policy.encoder_file import load_encoder
from aloe_policy.ros.ingest import IngestConfig, encoder_hash, ingest
from aloe_policy.tiny import TinyPolicy


@dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: Path = parameter(doc="image encoder of the policy, that `pretrain_encoder` wrote (.safetensors)")
    policy: Path = parameter(doc="checkpoint of the policy whose value is learned")
    bags: str = parameter("", doc="folder of episode bags, ingested first; default: the store as it is")
    store: str = parameter("", doc="folder of the ingested bags; default: BAGS with _store at its end")
    n_action_steps: int = parameter(25, unit="ticks", low=1, doc="h, executed steps of a chunk")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    discount: float = parameter(0.0, low=0.0, high=1.0, doc="gamma per tick; 0: matched to the median episode")
    failure_cost: float = parameter(1.0, low=0.0, high=100.0, doc="C_fail, of a terminal failure")
    segments: str = parameter("split", choices=("split", "spliced"), doc="split: a takeover is a failure")
    held_out: float = parameter(0.1, low=0.0, high=0.9, doc="share of the episodes that only measures")
    threads: int = parameter(1, low=1, doc="CPU threads, and reading processes")
    device: str = parameter("cpu", doc="where to train, cpu or cuda")

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


@dataclass(frozen=True, eq=False)
class Data:
    """Replays of the same store: to learn from, and to measure."""

    train: Replay
    measured: Replay


def matching_policy(config: DataConfig, rig: Rig) -> TinyPolicy:
    """The policy, if it sees through the encoder of the features.

    Raises:
        CheckpointError: missing, damaged, for another rig, or of a kind that cannot propose for stored features.
        ConfigError: another encoder.
    """
    policy = load_policy(config.policy, rig, device=config.device)
    if not isinstance(policy, TinyPolicy):
        raise CheckpointError(f"{config.policy}: its kind of policy cannot propose chunks for stored features")
    own, other = policy.encoder.state_dict(), load_encoder(config.encoder).state_dict()
    same = own.keys() == other.keys() and all(torch.equal(own[k].cpu(), other[k]) for k in own)
    if not same or policy.encoder.keypoints != load_encoder(config.encoder).keypoints:
        raise ConfigError(
            f"{config.encoder}: not the encoder inside {config.policy}; the policy would bootstrap from features that "
            "it does not know: give the encoder that it was trained with"
        )
    return policy


def sizes_of(config: DataConfig, rig: Rig, policy: TinyPolicy) -> Sizes:
    """Sizes of the critic that these data ask for."""
    state_dim = len(policy.normaliser.state_mean)
    return Sizes(len(rig.cameras), policy.encoder.keypoints, state_dim, rig.action_dim, config.n_action_steps)


def load_data(config: DataConfig, rig: Rig, policy: TinyPolicy, seed: int) -> Data:
    """The replays, checked for what a critic needs; says how much there is.

    Raises:
        ConfigError, RecordingError, StoreError, VerdictError: bad input.
    """
    store, features = _stored(config, rig, policy)
    verdicts = {e.episode_id: _verdict(bag, e.verdict) for bag, e in store.bags.items() if features.has(e)}
    measured = held_out(verdicts, config.held_out, seed)
    if not measured:
        raise ConfigError(f"{store.folder}: too few episodes to hold some out; record at least 2 with the same verdict")
    h = config.n_action_steps
    median = float(np.median([e.ticks for e in store.bags.values()] or [1]))
    discount = config.discount or matched_discount(median, h)
    print(f"episodes of {median:.0f} ticks (median); discount {discount:.5f} reaches {reach(discount, h):.0f} ticks")
    sampling = ReplayConfig(n_action_steps=h, stride=config.stride, seed=seed)
    reward = RewardConfig(discount=discount, failure_cost=config.failure_cost)
    others, cut = [name for name in verdicts if name not in measured], SegmentConfig(takeover=config.segments)
    train, rest = (Replay(store, features, sampling, reward, cut, leave) for leave in (sorted(measured), others))
    print(f"{len(train)} chunks of {len(others)} episodes to learn from, {len(rest)} of {len(measured)} to measure")
    print(f"verdicts: {dict(Counter(verdicts.values()))}; chunks by source: {dict(train.counts())}")
    check_outcomes(train, str(store.folder))
    return Data(train, rest)


def _stored(config: DataConfig, rig: Rig, policy: TinyPolicy) -> tuple[EpisodeStore, FeatureStore]:
    width, height = policy.image_size
    folder, encoder = config.store_folder, encoder_hash(config.encoder)
    if config.bags:
        return ingest(
            IngestConfig(
                bags=Path(config.bags),
                rig=config.rig,
                encoder=config.encoder,
                store=folder,
                processes=config.threads,
                image_width=width,
                image_height=height,
            )
        )
    if not (folder / "store.json").exists():
        raise ConfigError(f"{folder}: no store of episodes; give --bags to make one")
    store = EpisodeStore(folder, rig, (height, width))
    if not (folder / "features" / encoder).exists():
        known = sorted(path.name[:12] for path in (folder / "features").glob("*"))
        raise ConfigError(
            f"{folder}: holds features of the encoders {', '.join(known) or 'none'}, not of {config.encoder} "
            f"({encoder[:12]}); give --bags to make them"
        )
    return store, FeatureStore(store, encoder, (len(policy.encoder.keypoints), TOKEN_WIDTH))


def _verdict(bag: str, recorded: str) -> str:
    given = verdict_of(Path(bag))
    return given.verdict if given else recorded
