"""Weigh chunks for a policy's training: `ros2 run aloe_critic weigh --bags DIR --rig FILE --policy CKPT --out FILE`.

    --method aloe         advantage of a critic (--critic DIR) that passed its gates; the default
    --method poco         the policy's own chunks, weighted among each other by a critic
    --method awr          return minus a state value that is learnt here
    --method recap        everything, with the word whether it was good: advantage over N steps by such a state value
    --method filtered_bc  successful segments
    --method hg_dagger    successful demonstrations and all that people did in takeovers
    --method uniform      everything

Bags are ingested first; without --bags the store is used as it is. The file is plain data for `improve`.
"""

import argparse
import sys
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from aloe_critic.batches import Batches
from aloe_critic.bootstrap import Drawn
from aloe_critic.critic_state import Sizes
from aloe_critic.ros.critic_data import ChunksConfig, reward_of, sizes_of, verdicts_of
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_critic.state_value import ValueConfig, crossfitted_values
from aloe_critic.training import check_outcomes
from aloe_critic.weighing import Entries, advantages, labels_of, proposals, seen_advantages, stops_of
from aloe_critic.weights import WeightConfig, by_advantage, by_label, good_chunks, statistics, with_shares
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_store import FeatureStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.improvement_weights import Weights, normaliser_hash, save_weights, say, store_mark
from aloe_policy.ros.policy_store import BAD_INPUT, matching_policy, open_store
from aloe_policy.tiny.policy import TinyPolicy
from aloe_policy.training_state import load_state, state_file

METHODS = ("aloe", "poco", "awr", "recap", "filtered_bc", "hg_dagger", "uniform")
ASKING = ("aloe", "poco")  # methods that need a critic
BY_VALUE = ("awr", "recap")  # methods that learn a state value
BY_ADVANTAGE = ("aloe", "awr")  # methods for which --rule counts


@dataclass(frozen=True)
class WeighConfig(ChunksConfig):
    """What to weigh, how, and where to write."""

    n_action_steps: int = parameter(0, unit="ticks", low=0, doc="h, executed steps; 0: the critic's, or half a chunk")
    advantage: str = parameter(
        "promised",
        choices=("promised", "seen", "chance"),
        doc="aloe's: Q - V; rewards and V of the state after n-step chunks - V; or Q - V of other chunks (a control)",
    )
    n_step: int = parameter(
        2, low=1, doc="chunks of h whose rewards add up before the state after them counts (recap, --advantage seen)"
    )
    method: str = parameter("aloe", choices=METHODS, doc="what makes a chunk good")
    critic: str = parameter("", doc="checkpoint of the critic to ask")
    out: Path = parameter(doc="file to write (.npz)")


@dataclass(frozen=True)
class Choices:
    """How a critic is asked, how advantages become weights, and how a state value is learnt."""

    ask: AskConfig = field(default_factory=AskConfig)
    weights: WeightConfig = field(default_factory=WeightConfig)
    value: ValueConfig = field(default_factory=ValueConfig)


def weigh(config: WeighConfig, choices: Choices) -> Weights:
    """Weights of all chunks, written to a file.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input, before anything is
            computed; or nothing is left to learn from.
    """
    if config.out.exists():
        raise ConfigError(f"{config.out}: is there already and is not written over; remove it, or change --out")
    rig = load_rig(config.rig)
    policy, scorer = matching_policy(config, rig), _scorer(config, choices.ask, rig)
    config = replace(config, n_action_steps=_steps(config, scorer, policy))
    store, features = open_store(config, policy)
    replay = _replay(config, store, features, scorer)
    try:
        batches = Batches(replay, policy, torch.device(config.device))
        sizes = replace(sizes_of(config, rig, policy), n_action_steps=0)
        drawn = _drawn(config, policy, store) if config.method == "aloe" else None
        entries = _entries(config, choices, scorer, batches, sizes, drawn)
    except ValueError as error:
        raise ConfigError(f"{store.folder}: {error}") from error
    if not entries.weight.any():
        raise ConfigError(f"{store.folder}: no chunk left: {config.method} gives none of {len(replay)} any weight")
    meta = {
        "method": config.method,
        "options": _options(config, choices, replay),
        "policy": policy.version,
        "normaliser": normaliser_hash(policy.normaliser),
        "critic": scorer.critic.version if scorer else "",
        "encoder": features.encoder,
        "store": store_mark(store.episodes),
    }
    found = _as_file(entries, replay, meta, choices.weights)
    save_weights(config.out, found)
    return found


def _scorer(config: WeighConfig, ask: AskConfig, rig: Rig) -> ChunkScorer | None:
    if config.method not in ASKING:
        return None
    if not config.critic:
        raise ConfigError(f"command line: --method {config.method} asks a critic; give --critic, or another method")
    return load_scorer(Path(config.critic), config.policy, rig, ask, config.device)


def _steps(config: WeighConfig, scorer: ChunkScorer | None, policy: TinyPolicy) -> int:
    if scorer and config.n_action_steps not in (0, scorer.n_action_steps):
        raise ConfigError(
            f"{config.critic}: judges chunks of {scorer.n_action_steps} steps; leave --n-action-steps out, or train a "
            f"critic for {config.n_action_steps}"
        )
    return config.n_action_steps or (scorer.n_action_steps if scorer else policy.action_horizon // 2)


def _looks_ahead(config: WeighConfig) -> bool:
    """Whether the state after the chunks counts."""
    return config.method == "recap" or (config.method == "aloe" and config.advantage == "seen")


def _replay(config: WeighConfig, store: EpisodeStore, features: FeatureStore, scorer: ChunkScorer | None) -> Replay:
    verdicts, reward = verdicts_of(store, features), RewardConfig()
    if config.method in BY_VALUE:
        reward = reward_of(config, [e.ticks for key, e in store.bags.items() if key in verdicts])
    elif scorer:
        reward = RewardConfig(**scorer.critic.config["reward"])
    n_step = config.n_step if _looks_ahead(config) else 1
    sampling = ReplayConfig(n_action_steps=config.n_action_steps, n_step=n_step, stride=config.stride)
    replay = Replay(store, features, sampling, reward, SegmentConfig(takeover=config.segments))
    if config.method in BY_VALUE:
        check_outcomes(replay, str(store.folder))
    return replay


def _drawn(config: WeighConfig, policy: TinyPolicy, store: EpisodeStore) -> Drawn | None:
    """What the critic's training drew of the policy in this store's states, where its state is still there."""
    file = state_file(Path(config.critic))
    if not file.exists():
        return None
    state = load_state(file)
    about, bootstrap, chunks = state.get("store"), state["learner"]["bootstrap"], state["choices"].get("chunks", {})
    same = about is not None and store_mark(store.episodes, about["episodes"]) == about
    if not same or chunks.get("segments") != config.segments or bootstrap["version"] != policy.version:
        return None
    drawn = Drawn.of(bootstrap, chunks["n_step"])
    if not len(drawn.rows):
        return None
    print(f"{file}: {drawn.chunks.shape[1]} of the policy's chunks in each of {len(drawn.rows)} states serve again")
    return drawn


def _entries(
    config: WeighConfig,
    choices: Choices,
    scorer: ChunkScorer | None,
    batches: Batches,
    sizes: Sizes,
    drawn: Drawn | None,
) -> Entries:
    """The weights by one of the methods, with a progress bar where it takes long.

    Raises:
        ValueError: the data are too few.
    """
    everything, labels = np.arange(len(batches.replay)), labels_of(batches.replay)
    if config.method in BY_VALUE:
        returns = batches.returns(everything)
        with tqdm(total=choices.value.folds * choices.value.value_steps, desc="learning V", unit="step") as bar:
            value, ahead = crossfitted_values(batches, returns, sizes, choices.value, progress=bar.update)
        if config.method == "recap":
            good = good_chunks(ahead - value, labels, choices.weights)
            return Entries(everything, by_label("uniform", labels, choices.weights), ahead - value, good=good)
        advantage = returns - value
    elif scorer is None:
        unknown = np.full(len(everything), np.nan)
        return Entries(everything, by_label(config.method, labels, choices.weights), unknown)
    else:
        with tqdm(total=len(everything), desc="weighing", unit="chunk") as bar:
            if config.method == "poco":
                return proposals(scorer, batches, choices.ask.samples, choices.weights, bar.update)
            ask = seen_advantages if config.advantage == "seen" else advantages
            advantage = ask(scorer, batches, drawn, bar.update)
        if config.advantage == "chance":
            advantage = np.random.default_rng(0).permutation(advantage)
    return Entries(everything, by_advantage(advantage, labels, choices.weights), advantage)


def _options(config: WeighConfig, choices: Choices, replay: Replay) -> dict[str, dict[str, Any]]:
    """All that a method's outcome depends on beside its data."""
    weights = asdict(choices.weights)
    if config.method not in BY_ADVANTAGE:
        shares = ("failures", "correction_share")
        counting = {"poco": ("beta",), "recap": ("top", *shares)}.get(config.method, shares)
        weights = {name: weights[name] for name in counting}
    options = {"chunks": {name: getattr(config, name) for name in ("n_action_steps", "stride", "segments")}}
    options["weights"] = weights
    if config.method in ASKING:
        options["ask"] = asdict(choices.ask)
    if config.method == "aloe":
        options["weights"]["advantage"] = config.advantage
    if _looks_ahead(config):
        options["chunks"]["n_step"] = config.n_step
    if config.method in BY_VALUE:
        options |= {"value": asdict(choices.value), "reward": asdict(replay.reward)}
    return options


def _as_file(entries: Entries, replay: Replay, meta: dict[str, Any], config: WeightConfig) -> Weights:
    labels, index = labels_of(replay), entries.index
    rule = config.rule if meta["method"] in BY_ADVANTAGE else ""
    if meta["method"] == "poco":  # whose weights compare chunks within a state
        config = replace(config, correction_share=0.0)
    source = labels.source[index]
    return Weights(
        row=replay.rows[index],
        stop=stops_of(replay)[index],
        weight=with_shares(entries.weight, source, config),
        advantage=entries.advantage,
        source=source,
        success=labels.success[index],
        chunks=entries.chunks,
        good=entries.good,
        meta={**meta, "statistics": statistics(entries.weight, source, config, rule, entries.good)},
    )


def main() -> None:
    """Entry point of `weigh`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts: tuple[Any, ...] = (WeighConfig, AskConfig, WeightConfig)
    for part in parts:
        add_arguments(parser, part)
    try:
        arguments = parser.parse_args()
        config, *choices = (from_arguments(part, arguments) for part in parts)
        torch.set_num_threads(config.threads)
        found = weigh(config, Choices(*choices))
    except BAD_INPUT as error:
        sys.exit(f"weigh: {error}")
    made = found.meta["statistics"]
    print(f"{config.out}: {made['positive']} of {made['chunks']} chunks by {config.method}, {say(made)}")


if __name__ == "__main__":
    main()
