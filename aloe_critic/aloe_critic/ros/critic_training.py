"""A critic's training from bags to checkpoint, as `train_critic` and `learner_node` run it."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aloe_critic.batches import Batches, Takeovers
from aloe_critic.checkpoint import save_critic
from aloe_critic.critic_config import CriticConfig
from aloe_critic.critic_encoder import critic_encoder
from aloe_critic.health import Gates, Judgement, judge
from aloe_critic.learner import CriticLearner
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.parallel import ALONE, Parallel
from aloe_critic.plots import draw_health
from aloe_critic.proposer import Proposer, StoredProposer
from aloe_critic.ros.critic_data import Data, DataConfig, load_data
from aloe_critic.ros.critic_watch import Watch
from aloe_critic.ros.readers import Readers
from aloe_critic.training import Outcome, Report, Split, fit, resume
from aloe_data.config import ConfigError, parameter
from aloe_data.episode_index import read_index
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_policy.improvement_weights import store_mark
from aloe_policy.ros.policy_store import matching_policy
from aloe_policy.training_state import check_choices, save_state, state_file, stopped

CHUNKS = ("n_action_steps", "stride", "n_step", "segments")  # choices that must stay when a training goes on


@dataclass(frozen=True)
class TrainCriticConfig(DataConfig):
    """What to learn from and where to write."""

    out: Path = parameter(doc="checkpoint folder to write; logs and the training's state go beside it")
    evaluate_every: int = parameter(500, unit="steps", low=1, doc="between measures of health")
    save_every: int = parameter(500, unit="steps", low=1, doc="between states to resume from")
    resume: bool = parameter(False, doc="go on with the training that was stopped")


class CriticTraining:
    """Everything that a training needs, checked before its first step.

    Args:
        config: What to learn from and where to write.
        network: Choices of the network.
        learning: Choices of the training.
        parallel: Processes that train together.

    Attributes:
        learner: Learner that makes the steps.
        data: Data that it learns from now; they grow while bags are watched.
        readers: Policy whose value is learned, and encoder of the critic.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: Bad input.
    """

    def __init__(
        self, config: TrainCriticConfig, network: NetworkConfig, learning: CriticConfig, parallel: Parallel = ALONE
    ) -> None:
        _check_processes(config, learning, parallel)
        state = stopped(config.out, config.resume)
        if state and not config.discount:  # matched to the episodes that it began with, not to those that joined
            config = replace(config, discount=state["choices"]["reward"]["discount"])
        self.config = config
        self._parallel = parallel
        self._rig = load_rig(config.rig)
        self._device = parallel.device or torch.device(config.device)
        policy = matching_policy(config, self._rig)
        self.readers = Readers(policy, critic_encoder(config.critic_encoder, policy, self._device))
        self.data = self._load(learning.seed, state["cursor"] if state else None)
        try:
            self._prepare(network, learning)
        except ValueError as error:
            raise ConfigError(f"command line: {error}") from error
        self._choices = self._all_choices(network, learning)
        if state:
            self._go_on(state)
        self._watch = Watch(config, self.readers, learning.seed, self.data) if config.watch_s else None

    def _prepare(self, network: NetworkConfig, learning: CriticConfig) -> None:
        """Make transform, batches, network and learner.

        Raises:
            ValueError: Sizes that do not fit together.
        """
        self._transform = self.readers.transform(self.config.n_action_steps, self._device)
        self._batches = self._batches_of(self.data)
        torch.manual_seed(learning.seed)
        critic = CriticNetwork(network, self._transform.sizes(self.readers.encoder)).to(self._device)
        self.learner = CriticLearner(
            critic,
            self._proposer(self.data),
            self.data.train.rows,
            learning,
            self.data.train.reward,
            parallel=self._parallel,
            arms=[self._rig.action_slice(arm.name) for arm in self._rig.arms],
        )
        self.learner.takeovers = self._takeovers()

    def _all_choices(self, network: NetworkConfig, learning: CriticConfig) -> dict[str, dict[str, Any]]:
        """All that must stay as it is when a training goes on."""
        return {
            "network": asdict(network),
            "learning": asdict(learning),
            "reward": asdict(self.data.train.reward),
            "chunks": {name: getattr(self.config, name) for name in CHUNKS},
            "start": {"policy": self.readers.policy.version, "encoder": self.readers.encoder.spec.hash},
        }

    def _go_on(self, state: dict[str, Any]) -> None:
        """Go on from the state of a stopped training.

        Raises:
            ConfigError: It began with other choices, or in a former version.
        """
        if "encoder" not in state["choices"].get("start", {}):
            raise ConfigError(
                f"{state_file(self.config.out)}: was begun by a former version, whose critics had no encoder of their "
                "own; remove it, and train anew without --resume"
            )
        check_choices(self.config.out, self._choices, state)
        _forget_other_rows(state, self.config.store_folder)
        resume(self.learner, self._batches[0], state)

    def run(self, report: Report, stop: Callable[[], bool]) -> Outcome | None:
        """Train to the last step; None if it was stopped before, with its state saved.

        Args:
            report: called with every step's metrics.
            stop: asked before every step whether to end there.

        Raises:
            DivergenceError: training went wrong.
            ConfigError, RecordingError, StoreError, VerdictError: the bags that are watched became unusable.
        """
        return fit(
            self.learner,
            *self._batches,
            evaluate_every=self.config.evaluate_every,
            save_every=self.config.save_every,
            report=report,
            save=self._save,
            grow=self._grow,
            stop=stop,
        )

    def write(self, outcome: Outcome, gates: Gates) -> Judgement:
        """Leave the critic with its card and its picture; returns the judgement about it."""
        if not self.readers.policy.stochastic:
            gates = replace(gates, within_state=0.0)  # one proposal in each state has no spread
        judgement = judge(outcome.health, gates)
        facts = {
            **{k: v for k, v in self._choices.items() if k not in ("network", "start")},
            "bounds": list(self.learner.bounds),
            "policy": self.readers.policy.version,
            "health": asdict(outcome.health),
            "judgement": list(judgement.sentences),
            "passed": judgement.passed,
        }
        out = self.config.out
        card = _card(self._rig, facts)
        save_critic(out, self.learner.critic, self.readers.encoder, self._transform, facts, card)
        draw_health(outcome, out / "health.png")
        return judgement

    def _load(self, seed: int, cursor: Mapping[str, Any] | None) -> Data:
        """The data; the first process reads the bags, the others then find all in the store."""
        config = self.config
        known = None
        if cursor:
            known = Split(cursor["learned"], cursor["measured"], cursor.get("names", {}))
        if self._parallel.rank:
            self._parallel.wait()
            config = replace(config, bags="", store=str(config.store_folder))
        data = load_data(config, self.readers, seed, known)
        if not self._parallel.rank:
            self._parallel.wait()
        rows = np.concatenate([data.train.rows, data.measured.rows])
        if not self._parallel.agree(zlib.crc32(rows.tobytes())):
            raise ConfigError(f"{config.store_folder}: not all processes see the same episodes; share one folder")
        return data

    def _batches_of(self, data: Data) -> tuple[Batches, Batches]:
        return Batches(data.train, self._transform), Batches(data.measured, self._transform)

    def _proposer(self, data: Data) -> StoredProposer:
        """The policy's chunks in states of the store as it is now."""
        return StoredProposer(Proposer(self.readers.policy, self._transform), data.opened.observations(self._device))

    def _takeovers(self) -> Takeovers | None:
        if not self.learner.config.takeover_weight:
            return None
        torch.manual_seed(self.learner.config.seed)
        return self._batches[0].takeovers(self.learner.bootstrap.source)

    def _grow(self) -> tuple[Batches, Batches] | None:
        more = self._watch.check() if self._watch else None
        if more is None:
            return None
        try:
            self._batches = self._batches_of(more)
        except ValueError as error:
            raise ConfigError(f"{self.config.bags}: a bag that joined cannot be learned from: {error}") from error
        self.data = more
        self.learner.bootstrap.change(self._proposer(more))
        self.learner.bootstrap.extend(more.train.rows)
        self.learner.takeovers = self._takeovers()
        return self._batches

    def _save(self, state: Mapping[str, Any]) -> None:
        if not self._parallel.rank:
            save_state(state_file(self.config.out), {**state, "choices": self._choices, "store": self.data.store})


def _forget_other_rows(state: Mapping[str, Any], folder: Path) -> None:
    """Drop what was drawn of the policy if the store has been made anew: its rows are other states now."""
    known = state.get("store")
    if known is None or store_mark(read_index(folder), known["episodes"]) != known:
        print(f"{folder}: is not the store that this training began with; the policy's chunks are drawn anew")
        state["learner"]["bootstrap"]["drawn"].fill_(-1)


def _check_processes(config: TrainCriticConfig, learning: CriticConfig, parallel: Parallel) -> None:
    if learning.batch_size % parallel.count:
        raise ConfigError(
            f"command line: batch_size {learning.batch_size} does not divide among {parallel.count} processes"
        )
    if parallel.count > 1 and config.watch_s:
        raise ConfigError("command line: watch_s needs one process; several would not see a new bag in the same step")


def _card(rig: Rig, facts: Mapping[str, Any]) -> str:
    lines = [f"# Model card: critic for the rig `{rig.name}`", ""]
    lines += [f"Value of action chunks of the policy `{facts['policy'][:12]}`. Picture: `health.png`.", ""]
    lines += [f"- {sentence}" for sentence in facts["judgement"]]
    lines += ["", "| measure | held-out episodes |", "|---|---|"]
    lines += [f"| {name} | {value:.3f} |" for name, value in facts["health"].items()]
    return "\n".join(lines) + "\n"
