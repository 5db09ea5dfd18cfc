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
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from aloe_critic.batches import Batches
from aloe_critic.bootstrap import Drawn
from aloe_critic.critic_encoder import critic_encoder
from aloe_critic.proposer import StoredProposer
from aloe_critic.ros.critic_data import reward_of, verdicts_of, without
from aloe_critic.ros.readers import Opened, Readers, open_both
from aloe_critic.ros.weigh_config import (
    ASKING,
    BY_ADVANTAGE,
    BY_VALUE,
    METHODS,
    Choices,
    WeighConfig,
    looks_ahead,
    options_of,
)
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_critic.state_value import crossfitted_values
from aloe_critic.training import check_outcomes
from aloe_critic.transform import Transform
from aloe_critic.weighing import Entries, advantages, as_weights, labels_of, proposals, seen_advantages
from aloe_critic.weights import WeightConfig, by_advantage, by_label, good_chunks
from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_data.episode_store import EpisodeStore
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.segments import SegmentConfig
from aloe_data.transitions import RewardConfig
from aloe_policy.improvement_weights import Weights, normaliser_hash, save_weights, say, store_mark
from aloe_policy.policy_protocol import TrainablePolicy
from aloe_policy.ros.policy_store import BAD_INPUT, matching_policy
from aloe_policy.training_state import load_state, state_file

__all__ = ["ASKING", "METHODS", "Choices", "WeighConfig", "main", "weigh"]


def weigh(config: WeighConfig, choices: Choices) -> Weights:
    """Weights of all chunks, written to a file.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: Bad input, before anything is
            computed; or nothing is left to learn from.
    """
    if config.out.exists():
        raise ConfigError(f"{config.out}: is there already and is not written over; remove it, or change --out")
    rig = load_rig(config.rig)
    policy = matching_policy(config, rig)
    scorer = _scorer(config, choices.ask, rig)
    config = replace(config, n_action_steps=_steps(config, scorer, policy))
    readers = _readers(config, scorer, policy)
    opened = open_both(config, readers)
    replay = _replay(config, opened, scorer)
    folder = opened.store.folder
    try:
        entries = _entries(config, choices, scorer, replay, readers, opened)
    except ValueError as error:
        raise ConfigError(f"{folder}: {error}") from error
    if not entries.weight.any():
        raise ConfigError(f"{folder}: no chunk left: {config.method} gives none of {len(replay)} any weight")
    meta = {
        "method": config.method,
        "options": options_of(config, choices, replay),
        "policy": policy.version,
        "normaliser": normaliser_hash(policy.normaliser),
        "critic": scorer.critic.version if scorer else "",
        "encoder": policy.feature_spec.hash,
        "store": store_mark(opened.store.episodes),
    }
    rule = choices.weights.rule if config.method in BY_ADVANTAGE else ""
    found = as_weights(entries, replay, meta, choices.weights, rule)
    save_weights(config.out, found)
    return found


def _scorer(config: WeighConfig, ask: AskConfig, rig: Rig) -> ChunkScorer | None:
    """The critic to ask, with its policy; None for methods that ask none."""
    if config.method not in ASKING:
        return None
    if not config.critic:
        raise ConfigError(f"command line: --method {config.method} asks a critic; give --critic, or another method")
    scorer = load_scorer(Path(config.critic), config.policy, rig, ask, config.device)
    if config.method == "poco" and not scorer.policy.stochastic:
        raise ConfigError(
            f"{config.policy}: gives the same chunk whatever the noise, and poco weighs several of a state among each "
            "other; take another --method"
        )
    return scorer


def _steps(config: WeighConfig, scorer: ChunkScorer | None, policy: TrainablePolicy) -> int:
    if scorer and config.n_action_steps not in (0, scorer.n_action_steps):
        raise ConfigError(
            f"{config.critic}: judges chunks of {scorer.n_action_steps} steps; leave --n-action-steps out, or train a "
            f"critic for {config.n_action_steps}"
        )
    return config.n_action_steps or (scorer.n_action_steps if scorer else policy.action_horizon // 2)


def _readers(config: WeighConfig, scorer: ChunkScorer | None, policy: TrainablePolicy) -> Readers:
    """The policy, and the encoder through which chunks are valued; its own where nobody values them."""
    if scorer:
        return Readers(policy, scorer.critic.encoder)
    if config.method in BY_VALUE:
        return Readers(policy, critic_encoder(config.critic_encoder, policy, config.device))
    return Readers(policy, policy.frame_encoder)


def _replay(config: WeighConfig, opened: Opened, scorer: ChunkScorer | None) -> Replay:
    store = opened.store
    verdicts = verdicts_of(opened)
    reward = RewardConfig()
    if config.method in BY_VALUE:
        reward = reward_of(config, [e.ticks for key, e in store.bags.items() if key in verdicts])
    elif scorer:
        reward = RewardConfig(**scorer.critic.config["reward"])
    sampling = ReplayConfig(
        n_action_steps=config.n_action_steps,
        n_step=config.n_step if looks_ahead(config) else 1,
        stride=config.stride,
    )
    cut = SegmentConfig(takeover=config.segments)
    replay = Replay(store, opened.features, sampling, reward, cut, without(store, verdicts))
    if config.method in BY_VALUE:
        check_outcomes(replay, str(store.folder))
    return replay


def _entries(
    config: WeighConfig,
    choices: Choices,
    scorer: ChunkScorer | None,
    replay: Replay,
    readers: Readers,
    opened: Opened,
) -> Entries:
    """The weights by one of the methods, with a progress bar where it takes long.

    Raises:
        ValueError: The data are too few, or chunks are longer than the policy's.
    """
    transform = (
        scorer.critic.transform if scorer else readers.transform(config.n_action_steps, torch.device(config.device))
    )
    if config.method in BY_VALUE:
        return _by_value(config, choices, Batches(replay, transform), transform, readers)
    if scorer is None:
        everything = np.arange(len(replay))
        weight = by_label(config.method, labels_of(replay), choices.weights)
        return Entries(everything, weight, np.full(len(everything), np.nan))
    return _by_critic(config, choices, scorer, Batches(replay, transform), opened)


def _by_value(
    config: WeighConfig, choices: Choices, batches: Batches, transform: Transform, readers: Readers
) -> Entries:
    """By a state value that is learnt here: `awr` and `recap`."""
    everything = np.arange(len(batches.replay))
    labels = labels_of(batches.replay)
    returns = batches.returns(everything)
    sizes = replace(transform.sizes(readers.encoder), n_action_steps=0)
    with tqdm(total=choices.value.folds * choices.value.value_steps, desc="learning V", unit="step") as bar:
        value, ahead = crossfitted_values(batches, returns, sizes, choices.value, progress=bar.update)
    if config.method == "recap":
        good = good_chunks(ahead - value, labels, choices.weights)
        return Entries(everything, by_label("uniform", labels, choices.weights), ahead - value, good=good)
    return Entries(everything, by_advantage(returns - value, labels, choices.weights), returns - value)


def _by_critic(config: WeighConfig, choices: Choices, scorer: ChunkScorer, batches: Batches, opened: Opened) -> Entries:
    """By a critic: `aloe` and `poco`."""
    everything = np.arange(len(batches.replay))
    policy = StoredProposer(scorer.proposer, opened.observations(batches.device))
    drawn = _drawn(config, scorer, opened.store) if config.method == "aloe" else None
    with tqdm(total=len(everything), desc="weighing", unit="chunk") as bar:
        if config.method == "poco":
            return proposals(scorer, batches, policy, choices.ask.samples, choices.weights, bar.update)
        ask = seen_advantages if config.advantage == "seen" else advantages
        advantage = ask(scorer, batches, policy, drawn, bar.update)
    if config.advantage == "chance":
        advantage = np.random.default_rng(0).permutation(advantage)
    return Entries(everything, by_advantage(advantage, labels_of(batches.replay), choices.weights), advantage)


def _drawn(config: WeighConfig, scorer: ChunkScorer, store: EpisodeStore) -> Drawn | None:
    """What the critic's training drew of the policy in this store's states, where its state is still there."""
    file = state_file(Path(config.critic))
    if not file.exists():
        return None
    state = load_state(file)
    about = state.get("store")
    chunks = state["choices"].get("chunks", {})
    bootstrap = state["learner"]["bootstrap"]
    same = about is not None and store_mark(store.episodes, about["episodes"]) == about
    if not same or chunks.get("segments") != config.segments or bootstrap["version"] != scorer.policy.version:
        return None
    drawn = Drawn.of(bootstrap, chunks["n_step"])
    if not len(drawn.rows):
        return None
    print(f"{file}: {drawn.chunks.shape[1]} of the policy's chunks in each of {len(drawn.rows)} states serve again")
    return drawn


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
