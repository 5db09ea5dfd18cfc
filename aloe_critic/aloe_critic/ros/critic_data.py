"""What a critic learns from: a store of ingested bags, cut into chunks to learn from and chunks to measure with."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from aloe_critic.networks import Sizes
from aloe_critic.training import Split, check_outcomes, matched_discount, reach, split
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_store import EpisodeStore, FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.seeds import refuse_held_out
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_data.verdicts import verdict_now
from aloe_policy.backend import load_policy
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.encoder import TOKEN_WIDTH
from aloe_policy.encoder_file import load_encoder, save_encoder
from aloe_policy.ros.ingest import IngestConfig, encoder_hash, ingest
from aloe_policy.tiny import TinyPolicy


@dataclass(frozen=True)
class DataConfig:
    """What to learn from."""

    rig: Path = parameter(doc="rig file that the bags were recorded with")
    encoder: str = parameter(
        "", doc="image encoder of the policy (.safetensors); default: the one inside its checkpoint"
    )
    policy: Path = parameter(doc="checkpoint of the policy whose value is learned")
    bags: str = parameter("", doc="folder of episode bags, ingested first; default: the store as it is")
    store: str = parameter("", doc="folder of the ingested bags; default: BAGS with _store at its end")
    n_action_steps: int = parameter(25, unit="ticks", low=1, doc="h, executed steps of a chunk")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    discount: float = parameter(0.0, low=0.0, high=1.0, doc="gamma per tick; 0: matched to the median episode")
    failure_cost: float = parameter(1.0, low=0.0, high=100.0, doc="C_fail, of a terminal failure")
    segments: str = parameter("split", choices=("split", "spliced"), doc="split: a takeover is a failure")
    watch_s: float = parameter(0.0, unit="s", low=0.0, doc="look for new bags this often, and let them join; 0: never")
    held_out: float = parameter(0.1, low=0.0, high=0.9, doc="share of the episodes that only measures")
    threads: int = parameter(1, low=1, doc="CPU threads, and reading processes")
    device: str = parameter("cpu", doc="where to train, cpu or cuda")

    @property
    def store_folder(self) -> Path:
        """Of the ingested bags.

        Raises:
            ConfigError: neither bags nor a store.
        """
        if self.watch_s and not self.bags:
            raise ConfigError("command line: watch_s looks for new bags: give --bags as well")
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

    @property
    def split(self) -> Split:
        """The bags of both."""
        return Split(*([e.bag for e in replay.episodes] for replay in (self.train, self.measured)))


def matching_policy(config: DataConfig, rig: Rig) -> TinyPolicy:
    """The policy, if it sees through the encoder of the features.

    Raises:
        CheckpointError: missing, damaged, for another rig, or of a kind that cannot propose for stored features.
        ConfigError: another encoder.
    """
    policy = load_policy(config.policy, rig, device=config.device)
    if not isinstance(policy, TinyPolicy):
        raise CheckpointError(f"{config.policy}: its kind of policy cannot propose chunks for stored features")
    if not config.encoder:
        return policy
    given = load_encoder(Path(config.encoder))
    own, other = policy.encoder.state_dict(), given.state_dict()
    same = own.keys() == other.keys() and all(torch.equal(own[k].cpu(), other[k]) for k in own)
    if not same or policy.encoder.keypoints != given.keypoints:
        raise ConfigError(
            f"{config.encoder}: not the encoder inside {config.policy}; the policy would bootstrap from features that "
            "it does not know: give the encoder that it was trained with, or none for its own"
        )
    return policy


def sizes_of(config: DataConfig, rig: Rig, policy: TinyPolicy) -> Sizes:
    """Sizes of the critic that these data ask for."""
    state_dim = len(policy.normaliser.state_mean)
    return Sizes(len(rig.cameras), policy.encoder.keypoints, state_dim, rig.action_dim, config.n_action_steps)


def load_data(config: DataConfig, rig: Rig, policy: TinyPolicy, seed: int, known: Split | None = None) -> Data:
    """The replays, checked for what a critic needs; says how much there is.

    Args:
        config: what to learn from.
        rig: of the bags.
        policy: whose features.
        seed: of the sampling and of the choice of what measures.
        known: the bags to take, of a training that goes on; default: all, cut in two.

    Raises:
        ConfigError, RecordingError, StoreError, VerdictError: bad input.
    """
    store, features = open_store(config, rig, policy)
    verdicts = {bag: verdict_now(bag, e.verdict) for bag, e in store.bags.items() if features.has(e)}
    if not verdicts:
        raise ConfigError(f"{store.folder}: holds no episode; if bags were left out, the reasons stand above")
    if rig.simulated:
        refuse_held_out((episode.seed for episode in store.bags.values()), str(store.folder))
    chosen = known or split(verdicts, config.held_out, seed)
    if not chosen.measured:
        raise ConfigError(f"{store.folder}: too few episodes to hold some out; record at least 2 with the same verdict")
    if gone := sorted(Path(bag).name for bag in chosen.all - verdicts.keys()):
        raise ConfigError(f"{store.folder}: lacks {', '.join(gone[:3])}, which the training had; give its own bags")
    h = config.n_action_steps
    median = float(np.median([e.ticks for e in store.bags.values() if e.bag in chosen.all]))
    discount = config.discount or matched_discount(median, h)
    print(f"episodes of {median:.0f} ticks (median); discount {discount:.5f} reaches {reach(discount, h):.0f} ticks")
    reward = RewardConfig(discount=discount, failure_cost=config.failure_cost)
    data = replays(config, store, features, reward, chosen, seed)
    print(f"verdicts: {dict(Counter(verdicts[name] for name in chosen.all))}; {amounts(data)}")
    check_outcomes(data.train, str(store.folder))
    return data


def replays(
    config: DataConfig, store: EpisodeStore, features: FeatureStore, reward: RewardConfig, chosen: Split, seed: int
) -> Data:
    """The replays of a split.

    Raises:
        ConfigError, VerdictError: see `Replay`.
    """
    sampling = ReplayConfig(n_action_steps=config.n_action_steps, stride=config.stride, seed=seed)
    cut, there = SegmentConfig(takeover=config.segments), set(store.bags)
    return Data(
        *(
            Replay(store, features, sampling, reward, cut, sorted(there - set(names)))
            for names in (chosen.learned, chosen.measured)
        )
    )


def amounts(data: Data) -> str:
    """How much there is, in words."""
    train, measured = data.train, data.measured
    return (
        f"{len(train)} chunks of {len(train.episodes)} episodes to learn from {dict(train.counts())}, "
        f"{len(measured)} of {len(measured.episodes)} to measure"
    )


def open_store(config: DataConfig, rig: Rig, policy: TinyPolicy) -> tuple[EpisodeStore, FeatureStore]:
    """The store with the policy's features, brought up to date with the bags if there are any.

    Raises:
        ConfigError, RecordingError, StoreError: bad input.
    """
    with _encoder_file(config, policy) as encoder:
        return _ingested(config, encoder, policy) if config.bags else _as_it_is(config, rig, encoder, policy)


@contextmanager
def _encoder_file(config: DataConfig, policy: TinyPolicy) -> Iterator[Path]:
    """The encoder as a file, as reading processes want it; its hash is the same wherever it lies."""
    if config.encoder:
        yield Path(config.encoder)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "encoder.safetensors"
        save_encoder(policy.encoder, file)
        yield file


def _ingested(config: DataConfig, encoder: Path, policy: TinyPolicy) -> tuple[EpisodeStore, FeatureStore]:
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
            closed=config.watch_s > 0,
        )
    )


def _as_it_is(config: DataConfig, rig: Rig, encoder: Path, policy: TinyPolicy) -> tuple[EpisodeStore, FeatureStore]:
    (width, height), folder, wanted = policy.image_size, config.store_folder, encoder_hash(encoder)
    if not (folder / "store.json").exists():
        raise ConfigError(f"{folder}: no store of episodes; give --bags to make one")
    store = EpisodeStore(folder, rig, (height, width))
    if not (folder / "features" / wanted).exists():
        known = sorted(path.name[:12] for path in (folder / "features").glob("*"))
        raise ConfigError(
            f"{folder}: holds features of the encoders {', '.join(known) or 'none'}, not of that of {config.policy} "
            f"({wanted[:12]}); give --bags to make them"
        )
    return store, FeatureStore(store, wanted, (len(policy.encoder.keypoints), TOKEN_WIDTH))
