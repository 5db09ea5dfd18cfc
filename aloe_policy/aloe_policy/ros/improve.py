"""Improve a policy: `ros2 run aloe_policy improve --bags DIR --rig FILE --policy CKPT --weights FILE --out DIR`.

Goes on from a checkpoint's weights with the flow loss of every chunk weighted as the file says (`ros2 run aloe_critic
weigh` makes it). Encoder and statistics stay as they are. It ends with a new checkpoint, or, when the policy forgets
what it could do, with none. Stop it at any time, and go on with --resume: it ends as an uninterrupted run would have.
"""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.rig_file import load_rig
from aloe_policy.advantage_condition import AdvantageCondition, ConditionConfig
from aloe_policy.card import improved_card
from aloe_policy.improvement import check_origin, make_lesson
from aloe_policy.improvement_weights import file_hash, load_weights, say
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.ros.actor_training import RunConfig, run
from aloe_policy.ros.policy_store import BAD_INPUT, StoreConfig, matching_policy, open_store
from aloe_policy.training import CollapseError
from aloe_policy.training_state import stopped


@dataclass(frozen=True)
class ImproveConfig(StoreConfig, RunConfig):
    """What to improve, and with what."""

    weights: Path = parameter(doc="file that `weigh` wrote (.npz)")
    other_policy: bool = parameter(False, doc="take weights that were made for another policy with the same encoder")


@dataclass(frozen=True)
class ImproveLearnerConfig(LearnerConfig):
    """How the actor is trained: shorter and with smaller steps than from nothing, yet long enough to settle."""

    steps: int = parameter(1500, low=1, doc="optimiser steps")
    batch_size: int = parameter(128, low=1, doc="observations per step")
    noises_per_observation: int = parameter(2, low=1, doc="flow samples that share one prefix")
    learning_rate: float = parameter(5e-4, low=0.0, doc="peak of the one-cycle schedule")


def improve(config: ImproveConfig, learning: LearnerConfig, conditioning: ConditionConfig | None = None) -> str | None:
    """Weights and a store to a better policy; returns its version, None if it was interrupted.

    Args:
        config: What to improve, and with what.
        learning: Rates and sizes.
        conditioning: How it learns what is good, where the weights say it or the policy learned it before.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input, before training.
        CollapseError: the policy got worse at what it could do, or the loss is not finite; nothing is written.
    """
    state = stopped(config.out, config.resume)
    weights = load_weights(config.weights)
    rig = load_rig(config.rig)
    device = torch.device(config.device)
    policy = matching_policy(config, rig)
    store, features = open_store(config, policy)
    check_origin(config.weights, weights, store, policy, config.other_policy)
    lesson = make_lesson(weights, store, features, policy, learning.seed, device)
    statistics = weights.meta["statistics"]
    print(f"{weights.meta['method']}: {len(lesson.entries)} of {len(weights)} chunks, {say(statistics)}")
    start = {"policy": policy.version, "weights": file_hash(config.weights)}
    choices = {"learner": asdict(learning), "start": start}
    policy.advantage = None
    if lesson.held_out.observations.good is not None:
        how = conditioning or ConditionConfig()
        policy.advantage = AdvantageCondition(guidance=how.guidance, dropout=how.condition_dropout)
        choices["condition"] = asdict(how)
    actor = ActorLearner(policy, learning)
    started = time.monotonic()
    shown = {f"weights/{name}": statistics[name] for name in ("effective_sample_size", "clipped")}
    shown |= {f"weights/share_{name}": share for name, share in statistics["share"].items()}
    measures = run(config, actor, lesson.data, lesson.entries, lesson.held_out, choices, state, shown)
    if measures is None:
        return None
    facts: dict[str, Any] = {
        "improved_from": start["policy"],
        "weights": start["weights"],
        **{name: weights.meta[name] for name in ("method", "options", "critic", "statistics")},
        "chunks": len(lesson.entries),
        "of": len(weights),
        "measured_on": lesson.measured_on,
        "minutes": round((time.monotonic() - started) / 60, 1),
        **{part: values for part, values in choices.items() if part != "start"},
        **measures,
    }
    with actor.averaged():
        return policy.save(config.out, facts, improved_card(rig, facts))


def main() -> None:
    """Entry point of `improve`."""
    parts = (ImproveConfig, ImproveLearnerConfig, ConditionConfig)
    run_command("improve", _run, *parts, about=__doc__, refused=(*BAD_INPUT, CollapseError))


def _run(config: ImproveConfig, learning: ImproveLearnerConfig, conditioning: ConditionConfig) -> None:
    torch.set_num_threads(config.threads)
    try:
        version = improve(config, learning, conditioning)
    except CollapseError as error:
        kept = f"{config.policy} is as it was, nothing was written to {config.out}"
        raise CollapseError(f"stopped: {error}; {kept}") from error
    if version:
        print(f"{config.out}: version {version[:12]}")


if __name__ == "__main__":
    main()
