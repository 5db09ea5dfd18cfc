"""Train a policy on recorded bags: `ros2 run aloe_policy train --kind KIND --bags DIR --rig FILE --out DIR`.

Each kind has options of its own: see `train --kind KIND --help`; tiny also needs --encoder FILE. Stop it at any time,
and go on with --resume: it ends where an uninterrupted run would have.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aloe_data.command import run_command
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_store import EpisodeStore
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.verdicts import verdict_now
from aloe_policy.actions import ActionSpace
from aloe_policy.backend import KINDS, recipe_of
from aloe_policy.card import model_card
from aloe_policy.dataset import build
from aloe_policy.kind import PolicyOptions
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros.actor_training import RunConfig, run
from aloe_policy.ros.ingest import IngestConfig, ingest
from aloe_policy.ros.policy_store import BAD_INPUT
from aloe_policy.training import CollapseError, split_by_episode
from aloe_policy.training_state import stopped

Index = NDArray[np.int64]


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """What to train from and where to write."""

    kind: str = parameter("tiny", choices=tuple(KINDS), doc="kind of policy")
    bags: Path = parameter(doc="folder of episode bags, searched below")
    rig: Path = parameter(doc="rig file that the bags were recorded with")
    store: str = parameter("", doc="folder of the ingested bags, see `ingest`; default: BAGS with _store at its end")
    stride: int = parameter(5, unit="ticks", low=1, doc="control ticks between training observations")
    threads: int = parameter(2, low=1, doc="CPU threads and reading processes")
    device: str = parameter("cpu", doc="where to train, cpu or cuda")

    @property
    def ingest(self) -> IngestConfig:
        """How the bags become a store."""
        store = Path(self.store) if self.store else self.bags.with_name(f"{self.bags.name}_store")
        return IngestConfig(bags=self.bags, rig=self.rig, store=store, processes=self.threads)


def demonstrations(store: EpisodeStore, stride: int) -> tuple[Index, Index]:
    """Where to learn from the successful episodes of a store, by their verdicts as they are now; says what is left out.

    Args:
        store: Store of the episodes.
        stride: Distance between the observed ticks that are taken.

    Returns:
        rows [n] of the store at which chunks begin, and the ends [n] of their episodes.

    Raises:
        ConfigError: fewer than two successful episodes.
    """
    rows: list[Index] = []
    ends: list[Index] = []
    left_out = Counter[str]()
    observed = store.column("observed")
    for episode in sorted(store.bags.values(), key=lambda one: one.first_tick):
        verdict = verdict_now(episode.bag, episode.verdict)
        if verdict != "success":
            left_out[verdict] += 1
            if verdict == "none":
                print(f"left out: {episode.bag} has no verdict; its recording ended early or its file is cut short")
            continue
        end = episode.first_tick + episode.ticks
        rows.append(episode.first_tick + np.flatnonzero(observed[episode.first_tick : end])[::stride])
        ends.append(np.full(len(rows[-1]), end))
    if left_out:
        print("left out: " + ", ".join(f"{count} {why}" for why, count in left_out.items()))
    if len(rows) < 2:
        raise ConfigError(f"{store.folder}: {len(rows)} successful episode(s); record at least 2 (better 200)")
    return np.concatenate(rows), np.concatenate(ends)


def train(config: TrainConfig, learning: LearnerConfig, options: PolicyOptions) -> str | None:
    """Bags to checkpoint; returns its version, None if it was interrupted.

    Args:
        config: What to train from and where to write.
        learning: Rates and sizes.
        options: Options of the kind of policy.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: Bad input, before training.
        CollapseError: Training went wrong.
    """
    state = stopped(config.out, config.resume)
    recipe = recipe_of(config.kind)
    rig = load_rig(config.rig)
    device = torch.device(config.device)
    encoder = recipe.frame_encoder(options, rig, config.device)
    store, (features,) = ingest(config.ingest, (encoder,))
    if rig.simulated:
        refuse_held_out((episode.seed for episode in store.bags.values()), str(config.bags))
    row, end = demonstrations(store, config.stride)
    data = build(store, features, ActionSpace(rig), row, end, options.action_horizon)
    split = split_by_episode(data.episode, learning.seed)
    episodes = len(np.unique(data.episode))
    torch.manual_seed(learning.seed)
    policy = recipe.create(options, rig, encoder, data.normaliser, config.device)
    actor = ActorLearner(policy, learning)
    parameters = sum(parameter.numel() for parameter in actor.trainable.parameters.values())
    print(f"{episodes} episodes, {len(data)} observations, {parameters / 1e6:.2f} M parameters that train")
    rows = hashlib.sha256(np.stack([row, end]).tobytes()).hexdigest()
    learned_from = {"episodes": episodes, "rows": rows, "features": encoder.spec.hash}
    choices = {"learner": asdict(learning), "data": learned_from, "policy": {"kind": config.kind, **_values(options)}}
    held_out = data.batch(split.held_out, device)
    started = time.monotonic()
    measures = run(config, actor, data, split.train, held_out, choices, state, {})
    if measures is None:
        return None
    facts: dict[str, Any] = {
        "kind": config.kind,
        "episodes": episodes,
        "observations": len(data),
        "parameters": parameters,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "learner": asdict(learning),
        "options": _values(options),
        "stride": config.stride,
        **measures,
    }
    with actor.averaged():
        return policy.save(config.out, facts, model_card(rig, facts, recipe.about))


def _values(options: PolicyOptions) -> dict[str, Any]:
    """Options but for places of files, which say nothing about what is in them."""
    return {name: value for name, value in asdict(options).items() if not isinstance(value, Path)}


def _kind_asked_for() -> str:
    """The kind of policy on the command line: which options there are depends on it."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kind", default=TrainConfig.kind)
    return str(parser.parse_known_args()[0].kind)


def main() -> None:
    """Entry point of `train`."""
    try:
        recipe = recipe_of(_kind_asked_for())
    except ConfigError as error:
        sys.exit(f"train: {error}")
    parts = (TrainConfig, recipe.learning, recipe.options)
    run_command("train", _run, *parts, about=__doc__, refused=(*BAD_INPUT, CollapseError))


def _run(config: TrainConfig, learning: LearnerConfig, options: PolicyOptions) -> None:
    torch.set_num_threads(config.threads)
    try:
        version = train(config, learning, options)
    except CollapseError as error:
        raise CollapseError(f"stopped: {error}") from error
    if version:
        print(f"{config.out}: version {version[:12]}")


if __name__ == "__main__":
    main()
