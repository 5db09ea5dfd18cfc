"""What a critic learns from: a store of ingested bags, cut into chunks to learn from and chunks to measure with."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aloe_critic.ros.readers import Opened, Readers, open_both
from aloe_critic.training import Split, check_outcomes, ends_of, matched_discount, reach, split, split_of
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_store import EpisodeStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.seeds import refuse_held_out
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_data.verdicts import verdict_now
from aloe_policy.improvement_weights import store_mark
from aloe_policy.ros.policy_store import StoreConfig

FEW_ENDS = 10  # against as many, an AUC of 0.7 has a standard error of 0.12 (Hanley and McNeil 1982)


@dataclass(frozen=True)
class ChunksConfig(StoreConfig):
    """Which chunks, through which encoder, and what their ticks and ends are worth."""

    critic_encoder: str = parameter(
        "",
        doc="frozen image encoder of the critic: policy, pretrained, or a keypoint encoder's file (.safetensors); "
        "default: the policy's where that is frozen, else pretrained",
    )
    n_action_steps: int = parameter(25, unit="ticks", low=1, doc="h, executed steps of a chunk")
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    discount: float = parameter(0.0, low=0.0, high=1.0, doc="gamma per tick; 0: matched to the median episode")
    failure_cost: float = parameter(1.0, low=0.0, high=100.0, doc="C_fail, of a terminal failure")
    segments: str = parameter("split", choices=("split", "spliced"), doc="split: a takeover is a failure")


@dataclass(frozen=True)
class DataConfig(ChunksConfig):
    """What a critic learns from."""

    n_step: int = parameter(
        4, low=1, doc="chunks whose rewards are added up before the policy's value counts (paper: 1)"
    )
    watch_s: float = parameter(0.0, unit="s", low=0.0, doc="look for new bags this often, and let them join; 0: never")
    held_out: float = parameter(0.2, low=0.0, high=0.9, doc="share of the episodes that only measures")

    @property
    def store_folder(self) -> Path:
        """Of the ingested bags.

        Raises:
            ConfigError: neither bags nor a store.
        """
        if self.watch_s and not self.bags:
            raise ConfigError("command line: watch_s looks for new bags: give --bags as well")
        return super().store_folder


@dataclass(frozen=True, eq=False)
class Data:
    """Replays of the same store.

    Attributes:
        train: Transitions to learn from.
        measured: Transitions to measure with.
        opened: The store.
        store: Mark of the store, see `store_mark`.
    """

    train: Replay
    measured: Replay
    opened: Opened
    store: Mapping[str, Any]

    @property
    def split(self) -> Split:
        """The keys of the bags of both."""
        return split_of(self.train, self.measured)


def load_data(config: DataConfig, readers: Readers, seed: int, known: Split | None = None) -> Data:
    """The replays, checked for what a critic needs; says how much there is.

    Args:
        config: What to learn from.
        readers: Policy, and encoder of the critic.
        seed: Seed of the sampling and of the choice of what measures.
        known: Keys of the bags to take, of a training that goes on; default: all, cut in two.

    Raises:
        ConfigError, RecordingError, StoreError, VerdictError: Bad input.
    """
    opened = open_both(config, readers, closed=config.watch_s > 0)
    store = opened.store
    verdicts = verdicts_of(opened)
    chosen = _as_now(known, store, verdicts) if known else split(verdicts, config.held_out, seed)
    if not chosen.measured:
        raise ConfigError(f"{store.folder}: too few episodes to hold some out; record at least 2 with the same verdict")
    reward = reward_of(config, [e.ticks for key, e in store.bags.items() if key in chosen.all])
    data = replays(config, opened, reward, chosen, seed)
    print(f"verdicts: {dict(Counter(verdicts[name] for name in chosen.all))}; {amounts(data)}")
    check_outcomes(data.train, str(store.folder))
    return data


def _as_now(known: Split, store: EpisodeStore, there: Collection[str]) -> Split:
    """A split that was saved, in the keys that its bags have now.

    Raises:
        ConfigError: a bag is not there any more.
    """
    now: dict[str, str] = {}
    lacking: list[str] = []
    for name in known.all:
        key = store.key_of(name)
        if key is None or key not in there:
            lacking.append(known.names.get(name, Path(name).name))
        else:
            now[name] = key
    if lacking:
        some = ", ".join(sorted(lacking)[:3])
        raise ConfigError(f"{store.folder}: lacks {some}, which the training had; give its own bags")
    return Split(*(list(dict.fromkeys(now[name] for name in side)) for side in (known.learned, known.measured)))


def verdicts_of(opened: Opened) -> dict[str, str]:
    """The verdicts, as they are now, of the bags that can be learned from, by their keys.

    Raises:
        ConfigError: There is none, or one whose scene is kept for measuring.
        VerdictError: A verdict that cannot be read.
    """
    store = opened.store
    verdicts = {key: verdict_now(e.bag, e.verdict) for key, e in store.bags.items() if opened.has(e)}
    if not verdicts:
        raise ConfigError(f"{store.folder}: holds no episode; if bags were left out, the reasons stand above")
    refuse_measured(store)
    return verdicts


def refuse_measured(store: EpisodeStore) -> None:
    """Refuse episodes of simulated scenes that are kept for measuring.

    Raises:
        ConfigError: there is one.
    """
    if store.rig.simulated:
        refuse_held_out((episode.seed for episode in store.bags.values()), str(store.folder))


def reward_of(config: ChunksConfig, ticks: Sequence[int]) -> RewardConfig:
    """Rewards for episodes of so many ticks; says how far they reach."""
    h = config.n_action_steps
    median = float(np.median(ticks))
    discount = config.discount or matched_discount(median, h)
    print(f"episodes of {median:.0f} ticks (median); discount {discount:.5f} reaches {reach(discount, h):.0f} ticks")
    return RewardConfig(discount=discount, failure_cost=config.failure_cost)


def replays(config: DataConfig, opened: Opened, reward: RewardConfig, chosen: Split, seed: int) -> Data:
    """The replays of a split.

    Raises:
        ConfigError, VerdictError: See `Replay`.
    """
    sampling = ReplayConfig(n_action_steps=config.n_action_steps, n_step=config.n_step, stride=config.stride, seed=seed)
    cut = SegmentConfig(takeover=config.segments)
    train, measured = (
        Replay(opened.store, opened.features, sampling, reward, cut, without(opened.store, names))
        for names in (chosen.learned, chosen.measured)
    )
    return Data(train, measured, opened, store_mark(opened.store.episodes))


def without(store: EpisodeStore, names: Collection[str]) -> list[str]:
    """Keys of all bags of a store but these."""
    return sorted(set(store.bags) - set(names))


def amounts(data: Data) -> str:
    """How much there is, in words, and whether it is enough to measure with."""
    train = data.train
    measured = data.measured
    good, bad = ends_of(measured)
    few = "; few ends: take its health as a hint" if min(good, bad) < FEW_ENDS else ""
    return (
        f"{len(train)} chunks of {len(train.episodes)} episodes to learn from {dict(train.counts())}, {len(measured)} "
        f"of {len(measured.episodes)} to measure ({good} good ends, {bad} bad ones{few})"
    )
