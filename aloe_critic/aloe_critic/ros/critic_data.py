"""What a critic learns from: a store of ingested bags, cut into chunks to learn from and chunks to measure with."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aloe_critic.critic_state import Sizes
from aloe_critic.training import Split, check_outcomes, ends_of, matched_discount, reach, split, split_of
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.seeds import refuse_held_out
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_data.verdicts import verdict_now
from aloe_policy.encoders.keypoints import TOKEN_WIDTH
from aloe_policy.improvement_weights import store_mark
from aloe_policy.ros.policy_store import StoreConfig, open_store
from aloe_policy.tiny.policy import TinyPolicy

FEW_ENDS = 10  # against as many, an AUC of 0.7 has a standard error of 0.12 (Hanley and McNeil 1982)


@dataclass(frozen=True)
class ChunksConfig(StoreConfig):
    """Which chunks, and what their ticks and ends are worth."""

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
    """Replays of the same store: to learn from, and to measure.

    Attributes:
        store: its mark, see `store_mark`.
    """

    train: Replay
    measured: Replay
    store: Mapping[str, Any]

    @property
    def split(self) -> Split:
        """The keys of the bags of both."""
        return split_of(self.train, self.measured)


def sizes_of(config: DataConfig, rig: Rig, policy: TinyPolicy) -> Sizes:
    """Sizes of the critic that these data ask for."""
    state_dim = len(policy.normaliser.state_mean)
    return Sizes(
        num_cameras=len(rig.cameras),
        tokens=len(policy.encoder.keypoints),
        token_width=TOKEN_WIDTH,
        names=policy.encoder.keypoints,
        state_dim=state_dim,
        action_dim=rig.action_dim,
        n_action_steps=config.n_action_steps,
        tool_views=policy.space.tool_views,
    )


def load_data(config: DataConfig, rig: Rig, policy: TinyPolicy, seed: int, known: Split | None = None) -> Data:
    """The replays, checked for what a critic needs; says how much there is.

    Args:
        config: what to learn from.
        rig: of the bags.
        policy: whose features.
        seed: of the sampling and of the choice of what measures.
        known: keys of the bags to take, of a training that goes on; default: all, cut in two.

    Raises:
        ConfigError, RecordingError, StoreError, VerdictError: bad input.
    """
    store, features = open_store(config, policy, closed=config.watch_s > 0)
    verdicts = verdicts_of(store, features)
    chosen = _as_now(known, store, verdicts) if known else split(verdicts, config.held_out, seed)
    if not chosen.measured:
        raise ConfigError(f"{store.folder}: too few episodes to hold some out; record at least 2 with the same verdict")
    reward = reward_of(config, [e.ticks for key, e in store.bags.items() if key in chosen.all])
    data = replays(config, store, features, reward, chosen, seed)
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


def verdicts_of(store: EpisodeStore, features: FeatureStore) -> dict[str, str]:
    """The verdicts, as they are now, of the bags that can be learned from, by their keys.

    Raises:
        ConfigError: there is none, or one whose scene is kept for measuring.
        VerdictError: a verdict that cannot be read.
    """
    verdicts = {key: verdict_now(e.bag, e.verdict) for key, e in store.bags.items() if features.has(e)}
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
    """Of episodes of so many ticks; says how far it reaches."""
    h, median = config.n_action_steps, float(np.median(ticks))
    discount = config.discount or matched_discount(median, h)
    print(f"episodes of {median:.0f} ticks (median); discount {discount:.5f} reaches {reach(discount, h):.0f} ticks")
    return RewardConfig(discount=discount, failure_cost=config.failure_cost)


def replays(
    config: DataConfig, store: EpisodeStore, features: FeatureStore, reward: RewardConfig, chosen: Split, seed: int
) -> Data:
    """The replays of a split.

    Raises:
        ConfigError, VerdictError: see `Replay`.
    """
    h, n_step = config.n_action_steps, config.n_step
    sampling = ReplayConfig(n_action_steps=h, n_step=n_step, stride=config.stride, seed=seed)
    cut, there = SegmentConfig(takeover=config.segments), set(store.bags)
    return Data(
        *(
            Replay(store, features, sampling, reward, cut, sorted(there - set(names)))
            for names in (chosen.learned, chosen.measured)
        ),
        store_mark(store.episodes),
    )


def amounts(data: Data) -> str:
    """How much there is, in words, and whether it is enough to measure with."""
    train, measured = data.train, data.measured
    good, bad = ends_of(measured)
    few = "; few ends: take its health as a hint" if min(good, bad) < FEW_ENDS else ""
    return (
        f"{len(train)} chunks of {len(train.episodes)} episodes to learn from {dict(train.counts())}, {len(measured)} "
        f"of {len(measured.episodes)} to measure ({good} good ends, {bad} bad ones{few})"
    )
