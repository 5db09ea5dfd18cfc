"""Train a critic: `ros2 run aloe_critic train_critic --bags DIR --rig FILE --policy CKPT --out DIR`.

Bags are ingested first, as by `ingest`; without --bags the store is used as it is. Stop it at any time, and go on with
--resume: it ends where an uninterrupted run would have. It ends with a report of the critic's health; a critic that
misses a gate says so in its checkpoint. Several processes train together when `torchrun` starts it.
"""

import argparse
import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import asdict

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_critic.critic_config import CriticConfig, LearningOptions
from aloe_critic.guards import DivergenceError
from aloe_critic.health import Gates, Judgement
from aloe_critic.networks import NetworkConfig, NetworkOptions
from aloe_critic.parallel import ALONE, Parallel, launched
from aloe_critic.ros.critic_training import CriticTraining, TrainCriticConfig
from aloe_critic.training import Outcome
from aloe_data.config import ConfigError, add_arguments, from_arguments
from aloe_data.launch_bond import end_with_launch
from aloe_policy.ros.policy_store import BAD_INPUT
from aloe_policy.training_log import Reporter
from aloe_policy.training_state import interruptions, state_file


def train_critic(
    config: TrainCriticConfig,
    network: NetworkConfig,
    learning: CriticConfig,
    gates: Gates,
    parallel: Parallel = ALONE,
) -> Judgement | None:
    """Bags or store to a critic and the judgement about it; None if it was interrupted, or is not the first process.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input, before training.
        DivergenceError: training went wrong.
    """
    training = CriticTraining(config, network, learning, parallel)
    if parallel.rank:
        training.run(lambda *_: None, lambda: False)
        return None
    weights = sum(p.numel() for p in training.learner.critic.parameters())
    print(f"{weights / 1e6:.2f} M parameters, {network.num_critics} critics, {parallel.count} process(es)")
    with (
        SummaryWriter(str(config.out) + "_logs") as log,
        tqdm(total=learning.steps, initial=training.learner.steps_done, desc="training", unit="step") as bar,
        interruptions() if parallel.count == 1 else nullcontext(lambda: False) as interrupted,
    ):
        outcome = training.run(reporter(log, bar), interrupted)
    if outcome is None:
        print(f"stopped at step {training.learner.steps_done}; go on with --resume")
        return None
    judgement = training.write(outcome, gates)
    _say(config, outcome, judgement)
    return judgement


def reporter(log: SummaryWriter, bar: "tqdm[None]") -> Reporter:
    """What a critic's training says while it runs."""
    return Reporter(log, bar, "health/", ("shuffle_gap", "rank_auc", "advantage_auc"), prefix="health/", digits=3)


def _say(config: TrainCriticConfig, outcome: Outcome, judgement: Judgement) -> None:
    print("\nhealth on held-out episodes")
    for name, value in asdict(outcome.health).items():
        print(f"  {name:18}{value:10.3f}")
    for sentence in judgement.sentences:
        print(f"- {sentence}")
    use = "fit for improving policies" if judgement.passed else "NOT fit for improving policies: it missed a gate"
    print(f"{config.out}: {use}; see {config.out / 'health.png'}")


def main() -> None:
    """Entry point of `train_critic`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = (TrainCriticConfig, NetworkOptions, LearningOptions)
    for part in parts:
        add_arguments(parser, part)
    try:
        arguments = parser.parse_args()
        end_with_launch()
        config = from_arguments(TrainCriticConfig, arguments)
        network = NetworkConfig(**vars(from_arguments(NetworkOptions, arguments)))
        learning = CriticConfig(**vars(from_arguments(LearningOptions, arguments)))
        torch.set_num_threads(config.threads)
        parallel = launched(config.device)
    except ConfigError as error:
        sys.exit(f"train_critic: {error}")
    ends = f"process {parallel.rank} ends with the others; go on from {state_file(config.out)} with --resume"
    if parallel.count > 1:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"train_critic: {ends}"))
    if parallel.rank:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the first process speaks for all
    try:
        train_critic(config, network, learning, Gates(), parallel)
    except BAD_INPUT as error:
        sys.exit(f"train_critic: {error}")
    except DivergenceError as error:
        sys.exit(f"train_critic: stopped: {error}")
    except KeyboardInterrupt:
        sys.exit("train_critic: interrupted before the first step")
    except RuntimeError as error:
        if parallel.count == 1:
            raise
        sys.exit(f"train_critic: {ends} ({error})")


if __name__ == "__main__":
    main()
