"""Train a critic: `ros2 run aloe_critic train_critic --bags DIR --rig FILE --encoder FILE --policy CKPT --out DIR`.

Bags are ingested first, as by `ingest`; without --bags the store is used as it is. Stop it at any time, and go on with
--resume: it ends where an uninterrupted run would have. It ends with a report of the critic's health; a critic that
misses a gate says so in its checkpoint.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_critic.batches import Batches
from aloe_critic.checkpoint import load_state, save_critic, save_state, state_file
from aloe_critic.guards import DivergenceError
from aloe_critic.health import Gates, Judgement, judge
from aloe_critic.learner import CriticConfig, CriticLearner
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.plots import draw_health
from aloe_critic.ros.critic_data import DataConfig, load_data, matching_policy, sizes_of
from aloe_critic.training import Outcome, fit, resume
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.episode_store import StoreError
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig, RigError, load_rig
from aloe_data.verdicts import VerdictError
from aloe_policy.checkpoint import CheckpointError


@dataclass(frozen=True)
class TrainCriticConfig(DataConfig):
    """What to learn from and where to write."""

    out: Path = parameter(doc="checkpoint folder to write; logs and the training's state go beside it")
    evaluate_every: int = parameter(500, unit="steps", low=1, doc="between measures of health")
    save_every: int = parameter(500, unit="steps", low=1, doc="between states to resume from")
    resume: bool = parameter(False, doc="go on with the training that was stopped")


def train_critic(config: TrainCriticConfig, network: NetworkConfig, learning: CriticConfig, gates: Gates) -> Judgement:
    """Bags or store to a critic and the judgement about it.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input, before training.
        DivergenceError: training went wrong.
    """
    rig = load_rig(config.rig)
    policy = matching_policy(config, rig)
    data = load_data(config, rig, policy, learning.seed)
    device, reward = torch.device(config.device), data.train.reward
    try:
        batches = [Batches(replay, policy, device) for replay in (data.train, data.measured)]
        sizes = sizes_of(config, rig, policy)
        torch.manual_seed(learning.seed)
        critic = CriticNetwork(network, sizes).to(device)
        takeovers = batches[0].takeovers(policy, sizes) if learning.takeover_weight else None
        learner = CriticLearner(critic, policy, data.train.rows, learning, reward, takeovers)
    except ValueError as error:
        raise ConfigError(f"command line: {error}") from error
    choices = {"network": asdict(network), "learning": asdict(learning), "reward": asdict(reward)}
    _go_on(config, learner, batches[0], choices)
    print(f"{sum(p.numel() for p in critic.parameters()) / 1e6:.2f} M parameters, {network.num_critics} critics")
    with (
        SummaryWriter(str(config.out) + "_logs") as log,
        tqdm(total=learning.steps, initial=learner.steps_done, desc="training", unit="step") as bar,
    ):
        outcome = fit(
            learner,
            *batches,
            evaluate_every=config.evaluate_every,
            save_every=config.save_every,
            report=_reporter(log, bar),
            save=lambda state: save_state(state_file(config.out), {**state, "choices": choices}),
        )
    judgement = judge(outcome.health, gates)
    facts = {
        **{k: v for k, v in choices.items() if k != "network"},
        "bounds": list(learner.bounds),
        "policy": policy.version,
        "health": asdict(outcome.health),
        "judgement": list(judgement.sentences),
        "passed": judgement.passed,
    }
    save_critic(config.out, rig, critic, policy.normaliser, facts, _card(rig, facts))
    draw_health(outcome, config.out / "health.png")
    _say(config, outcome, judgement)
    return judgement


def _go_on(config: TrainCriticConfig, learner: CriticLearner, train: Batches, choices: Mapping[str, Any]) -> None:
    """Load the state of a stopped training, if asked to.

    Raises:
        ConfigError: there is one but nobody asked, or it was trained with other choices.
        CheckpointError: there is none.
    """
    file = state_file(config.out)
    if not config.resume:
        if file.exists():
            raise ConfigError(f"{file}: a training stands there; go on with --resume, or remove it, or change --out")
        return
    state = load_state(file)
    changed = [
        f"{part}.{key} was {state['choices'][part].get(key)!r}, is {value!r}"
        for part, values in choices.items()
        for key, value in values.items()
        if state["choices"][part].get(key) != value
    ]
    if changed:
        raise ConfigError(f"{file}: was trained with other choices: {'; '.join(changed)}; change them back to resume")
    resume(learner, train, state)


def _reporter(log: SummaryWriter, bar: "tqdm[Any]") -> Any:
    def report(step: int, metrics: dict[str, float]) -> None:
        bar.update(step - bar.n)
        measured = any(name.startswith("health/") for name in metrics)
        if measured or step % 20 == 0:
            for name, value in metrics.items():
                log.add_scalar(name, value, step)
        if measured:
            shown = ("shuffle_gap", "rank_auc", "advantage_auc")
            bar.set_postfix({k: f"{metrics[f'health/{k}']:.3f}" for k in shown if f"health/{k}" in metrics})

    return report


def _say(config: TrainCriticConfig, outcome: Outcome, judgement: Judgement) -> None:
    print("\nhealth on held-out episodes")
    for name, value in asdict(outcome.health).items():
        print(f"  {name:18}{value:10.3f}")
    for sentence in judgement.sentences:
        print(f"- {sentence}")
    use = "fit for improving policies" if judgement.passed else "NOT fit for improving policies: it missed a gate"
    print(f"{config.out}: {use}; see {config.out / 'health.png'}")


def _card(rig: Rig, facts: Mapping[str, Any]) -> str:
    lines = [f"# Model card: critic for the rig `{rig.name}`", ""]
    lines += [f"Value of action chunks of the policy `{facts['policy'][:12]}`. Picture: `health.png`.", ""]
    lines += [f"- {sentence}" for sentence in facts["judgement"]]
    lines += ["", "| measure | held-out episodes |", "|---|---|"]
    lines += [f"| {name} | {value:.3f} |" for name, value in facts["health"].items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Entry point of `train_critic`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = (TrainCriticConfig, NetworkConfig, CriticConfig)
    for part in parts:
        add_arguments(parser, part)
    try:
        arguments = parser.parse_args()
        config, network, learning = (from_arguments(part, arguments) for part in parts)
        torch.set_num_threads(config.threads)
        train_critic(config, network, learning, Gates())
    except (ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError) as error:
        sys.exit(f"train_critic: {error}")
    except DivergenceError as error:
        sys.exit(f"train_critic: stopped: {error}")


if __name__ == "__main__":
    main()
