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
from aloe_critic.health import Gates, Judgement, judge
from aloe_critic.learner import CriticConfig, CriticLearner
from aloe_critic.networks import CriticNetwork, NetworkConfig
from aloe_critic.parallel import ALONE, Parallel
from aloe_critic.plots import draw_health
from aloe_critic.ros.critic_data import Data, DataConfig, load_data, sizes_of
from aloe_critic.ros.critic_watch import Watch
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
        config: what to learn from and where to write.
        network: its choices.
        learning: rates and options.
        parallel: the processes that train together.

    Attributes:
        learner: whose steps they are.
        data: what it learns from now; it grows while bags are watched.

    Raises:
        ConfigError, RigError, RecordingError, StoreError, CheckpointError, VerdictError: bad input.
    """

    def __init__(
        self, config: TrainCriticConfig, network: NetworkConfig, learning: CriticConfig, parallel: Parallel = ALONE
    ) -> None:
        _check_processes(config, learning, parallel)
        state = stopped(config.out, config.resume)
        if state and not config.discount:  # matched to the episodes that it began with, not to those that joined
            config = replace(config, discount=state["choices"]["reward"]["discount"])
        self.config, self._parallel, self._rig = config, parallel, load_rig(config.rig)
        self._policy = matching_policy(config, self._rig)
        self._device = parallel.device or torch.device(config.device)
        self.data = self._load(learning.seed, state["cursor"] if state else None)
        reward = self.data.train.reward
        try:
            self._batches = self._batches_of(self.data)
            self._sizes = sizes_of(config, self._rig, self._policy)
            torch.manual_seed(learning.seed)
            critic = CriticNetwork(network, self._sizes).to(self._device)
            rows = self.data.train.rows
            arms = [self._rig.action_slice(arm.name) for arm in self._rig.arms]
            self.learner = CriticLearner(critic, self._policy, rows, learning, reward, parallel=parallel, arms=arms)
        except ValueError as error:
            raise ConfigError(f"command line: {error}") from error
        self.learner.takeovers = self._takeovers()
        self._choices = {"network": asdict(network), "learning": asdict(learning), "reward": asdict(reward)}
        self._choices["chunks"] = {name: getattr(config, name) for name in CHUNKS}
        self._choices["start"] = {"policy": self._policy.version}
        if state:
            check_choices(config.out, self._choices, state)
            _forget_other_rows(state, config.store_folder)
            resume(self.learner, self._batches[0], state)
        self._watch = Watch(config, self._policy, learning.seed, self.data) if config.watch_s else None

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
        judgement = judge(outcome.health, gates)
        facts = {
            **{k: v for k, v in self._choices.items() if k not in ("network", "start")},
            "bounds": list(self.learner.bounds),
            "policy": self._policy.version,
            "health": asdict(outcome.health),
            "judgement": list(judgement.sentences),
            "passed": judgement.passed,
        }
        out = self.config.out
        save_critic(out, self._rig, self.learner.critic, self._policy.normaliser, facts, _card(self._rig, facts))
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
        data = load_data(config, self._rig, self._policy, seed, known)
        if not self._parallel.rank:
            self._parallel.wait()
        rows = np.concatenate([data.train.rows, data.measured.rows])
        if not self._parallel.agree(zlib.crc32(rows.tobytes())):
            raise ConfigError(f"{config.store_folder}: not all processes see the same episodes; share one folder")
        return data

    def _batches_of(self, data: Data) -> tuple[Batches, Batches]:
        train, measured = (Batches(replay, self._policy, self._device) for replay in (data.train, data.measured))
        return train, measured

    def _takeovers(self) -> Takeovers | None:
        if not self.learner.config.takeover_weight:
            return None
        torch.manual_seed(self.learner.config.seed)
        return self._batches[0].takeovers(self._policy, self._sizes)

    def _grow(self) -> tuple[Batches, Batches] | None:
        more = self._watch.look() if self._watch else None
        if more is None:
            return None
        try:
            self._batches = self._batches_of(more)
        except ValueError as error:
            raise ConfigError(f"{self.config.bags}: a bag that joined cannot be learned from: {error}") from error
        self.data = more
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
