"""The critic's learner: one step of chunked temporal differences on a batch. No loop and no IO.

    L = mean_k loss(Q_k(s, a), y) + counterfactual * rank(a > a_foreign) + takeover * rank(a_human > a_policy)
    y = R_h + gamma^h' m agg_k Qbar_k(s', a')       a' ~ the current policy; Qbar follows Q by Polyak averages

The ranking terms are ours. A chunk of a success should be worth more than a chunk from elsewhere in the same state;
where a person took over, theirs more than what the policy proposes there. Several processes may learn together, see
`parallel`; all that is drawn at random follows from the seed and the step.

Source: ALOE, arXiv:2602.12691.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.batches import CriticBatch, Takeovers
from aloe_critic.blocks import Block, Prefix
from aloe_critic.bootstrap import BootstrapActions, ChunkSampler
from aloe_critic.guards import Guard
from aloe_critic.losses import (
    aggregate,
    critic_loss,
    ranking_loss,
    return_bounds,
    support,
    td_target,
    value,
)
from aloe_critic.networks import CriticNetwork
from aloe_critic.parallel import ALONE, Parallel
from aloe_data.config import parameter
from aloe_data.transitions import RewardConfig
from aloe_policy.optimiser import Optimiser, block_matrices
from aloe_policy.training_state import seed_torch

PARTS = ("critic", "target", "optimiser", "bootstrap")  # of the learner's state


@dataclass(frozen=True)
class LearningOptions:
    """How long and how fast critics learn, and from what beside temporal differences."""

    steps: int = parameter(2500, low=1, doc="optimiser steps")
    batch_size: int = parameter(256, low=2, doc="chunks per step (paper: 256)")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the one-cycle schedule (paper: 3e-5, AdamW)")
    counterfactual_weight: float = parameter(1.0, low=0.0, doc="weight of ranking successful chunks above foreign ones")
    takeover_weight: float = parameter(0.0, low=0.0, doc="weight of ranking the operator's chunk above the policy's")
    bootstrap_samples: int = parameter(4, low=1, doc="policy chunks kept per state to bootstrap from")
    seed: int = parameter(0, low=0, doc="seed of weights, batches and noise")


@dataclass(frozen=True)
class CriticConfig(LearningOptions):
    """All choices of the training; those that are no options are varied by studies alone.

    Attributes:
        weight_decay: Weight decay of AdamW; that of the blocks' matrices is ten times as large.
        gradient_norm: Norm to which gradients are clipped.
        tau: Polyak rate of the target critics (paper: 0.005).
        loss: Loss of a categorical head, one of `LOSSES`.
        q_agg: How targets aggregate the ensemble, one of `AGGREGATIONS`.
        kappa: Standard deviations that the aggregation "mean-std" takes off.
        action_noise: Noise added to executed chunks, in standard deviations of the data.
        foreign: What of a foreign chunk is foreign: "whole", or "one_arm" for what one of the arms does.
        margin: Margin of both rankings, in units of return.
        bootstrap_refresh: Steps until policy chunks are drawn anew; 0: with a new policy only.
        bfloat16: Whether the networks compute in bfloat16.
        patience: Steps in a row that Q may be out of bounds, or a head dead.
    """

    weight_decay: float = 1e-2
    gradient_norm: float = 1.0
    tau: float = 0.02
    loss: str = "hl_gauss"
    q_agg: str = "min"
    kappa: float = 1.0
    action_noise: float = 0.1
    foreign: str = "whole"
    margin: float = 0.1
    bootstrap_refresh: int = 0
    bfloat16: bool = False
    patience: int = 200


@dataclass(frozen=True, eq=False)
class _Rivals:
    """Chunks from elsewhere for P of this process's entries.

    Attributes:
        entry: which [P].
        actions: with noise [P, h, A].
        share: P over what it is in a process on average, so that the mean over processes is that over all pairs.
    """

    entry: Tensor
    actions: Tensor
    share: float


class _Loss(torch.nn.Module):
    """The loss as one forward pass, which is what an engine that averages gradients needs."""

    def __init__(self, critic: CriticNetwork, terms: Callable[..., Any]) -> None:
        super().__init__()
        self.critic, self._terms = critic, terms

    def forward(self, *work: Any) -> Any:
        return self._terms(*work)


class CriticLearner:
    """Trains a critic network.

    Args:
        critic: on the device to train on.
        policy: whose value it learns.
        rows: int64 [n], every row at which a chunk of the replay begins.
        config: rates and options.
        reward: of the transitions; it bounds the values.
        takeovers: for the takeover term.
        parallel: the processes that learn together.
        arms: where the values of each arm stand in an action; for foreign chunks of one arm.

    Raises:
        ValueError: chunks of one arm are asked for, and no arm is named.
    """

    def __init__(
        self,
        critic: CriticNetwork,
        policy: ChunkSampler,
        rows: NDArray[np.int64],
        config: CriticConfig,
        reward: RewardConfig,
        takeovers: Takeovers | None = None,
        parallel: Parallel = ALONE,
        arms: Sequence[slice] = (),
    ) -> None:
        self.critic, self.config, self.takeovers, self.parallel = critic, config, takeovers, parallel
        self._loss = parallel.wrap(_Loss(critic, self._terms))
        self.target = copy.deepcopy(critic).requires_grad_(False).eval()
        device = next(critic.parameters()).device
        if config.foreign == "one_arm" and not arms:
            raise ValueError("foreign one_arm: it is not known which values of an action are which arm's")
        self._arms = torch.zeros(len(arms), critic.sizes.action_dim, dtype=torch.bool, device=device)
        for number, values in enumerate(arms):
            self._arms[number, values] = True
        self.bounds = return_bounds(reward)
        self.support = support(self.bounds, critic.config.bins).to(device)
        self.bootstrap = BootstrapActions(
            policy, critic.sizes, rows, config.bootstrap_samples, config.bootstrap_refresh, config.seed
        )
        blocks = (module for module in critic.modules() if isinstance(module, Block))
        self.optimiser = Optimiser(
            critic.parameters(), block_matrices(blocks), config.learning_rate, config.weight_decay, config.steps
        )
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16)
        self._guard = Guard(self.bounds, config.patience)
        self.steps_done = 0

    def step(self, batch: CriticBatch) -> dict[str, float]:
        """One optimiser step; returns metrics, of the whole batch.

        Args:
            batch: this process's part of it.

        Raises:
            DivergenceError: training went wrong.
        """
        self.critic.train()
        seed_torch(self.config.seed, self.steps_done, 0)
        target, rivals, taken = self.targets(batch), self._foreign(batch), self._taken()
        actions = self._noisy(batch.actions, len(batch.row) * self.parallel.count)
        seed_torch(self.config.seed, self.steps_done, 1 + self.parallel.rank)  # dropout is each process's own
        terms, q = self._loss(batch, actions, target, rivals, taken)
        loss = sum(getattr(self.config, f"{name}_weight", 1.0) * term for name, term in terms.items())
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.critic.parameters(), self.config.gradient_norm)
        q, target = self.parallel.gather(q.detach().T).T, self.parallel.gather(target)
        means = self.parallel.mean(torch.stack([loss.detach(), *(term.detach() for term in terms.values())])).tolist()
        self._guard.check(means[0], norm.item(), q, target)
        self.optimiser.step()
        polyak(self.target, self.critic, self.config.tau)
        self.steps_done += 1
        return {
            **dict(zip(("loss", *terms), means, strict=True)),
            **_measures(q, target),
            "gradient_norm": norm.item(),
            "learning_rate": self.optimiser.learning_rate,
        }

    @torch.no_grad()
    def targets(self, batch: CriticBatch) -> Tensor:
        """y [B], within the bounds."""
        picks = torch.randint(self.bootstrap.samples, (len(batch.row) * self.parallel.count,))
        actions = self.bootstrap.at(batch.row, batch.next_state, self.steps_done, self.parallel.mine(picks))
        with self._autocast:
            out = self.target(batch.next_state, actions).float()
        next_value = aggregate(value(out, self.support), self.config.q_agg, self.config.kappa)
        return td_target(next_value, batch.reward, batch.discount, batch.mask).clamp(*self.bounds)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs to go on as if it had never stopped."""
        return {
            **{name: getattr(self, name).state_dict() for name in PARTS},
            "guard": dict(vars(self._guard)),
            "steps_done": self.steps_done,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        for name in PARTS:
            getattr(self, name).load_state_dict(state[name])
        vars(self._guard).update(state["guard"])
        self.steps_done = state["steps_done"]

    def _terms(
        self, batch: CriticBatch, actions: Tensor, target: Tensor, rivals: _Rivals | None, taken: Takeovers | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Terms of the loss, and the values [K, B] of the executed chunks."""
        with self._autocast:
            prefix = self.critic.prefix(batch.state)
            out = self.critic.evaluate(prefix, actions).float()
            q = value(out, self.support)
            terms = {"td_loss": critic_loss(out, target, self.support, self.config.loss)}
            if rivals is not None:
                terms["counterfactual"] = self._counterfactual(prefix, q, rivals)
            if taken is not None:
                terms["takeover"] = self._takeover(taken)
        return terms, q

    def _noisy(self, part: Tensor, whole: int) -> Tensor:
        """This process's part of the chunks, with its part of the noise that is drawn for all of them."""
        noise = torch.randn((whole, *part.shape[1:]), device=part.device)
        return part + self.config.action_noise * self.parallel.mine(noise)

    def _foreign(self, batch: CriticBatch) -> _Rivals | None:
        """For chunks of successes, chunks from elsewhere in the batch; at most a quarter of it, to stay cheap."""
        if not self.config.counterfactual_weight:
            return None
        success, actions = self.parallel.gather(batch.success.float()), self.parallel.gather(batch.actions)
        chosen = success.nonzero()[:, 0][: len(success) // 4]
        if not len(chosen):
            return None
        foreign = actions[torch.randperm(len(actions), device=actions.device)[: len(chosen)]]
        if self.config.foreign == "one_arm":
            arm = torch.randint(len(self._arms), (len(chosen),), device=actions.device)
            foreign = torch.where(self._arms[arm][:, None], foreign, actions[chosen])
        foreign = foreign + self.config.action_noise * torch.randn_like(foreign)
        count = self.parallel.count
        mine = chosen % count == self.parallel.rank
        return _Rivals(chosen[mine] // count, foreign[mine], int(mine.sum()) * count / len(chosen))

    def _counterfactual(self, prefix: Prefix, q: Tensor, rivals: _Rivals) -> Tensor:
        if not rivals.share:
            return q.sum() * 0.0
        worse = value(self.critic.evaluate(prefix[rivals.entry], rivals.actions).float(), self.support)
        return ranking_loss(q[:, rivals.entry], worse, self.config.margin) * rivals.share

    def _taken(self) -> Takeovers | None:
        """Some takeovers with noise, as many in every process."""
        if not self.config.takeover_weight or self.takeovers is None:
            return None
        taken, count = self.takeovers, self.parallel.count
        pairs = max(min(len(taken.state), self.config.batch_size // 4) // count, 1)
        chosen = torch.randperm(len(taken.state), device=taken.human.device).repeat(count)[: pairs * count]
        mine = self.parallel.mine(chosen)
        human, policy = (self._noisy(x[mine], pairs * count) for x in (taken.human, taken.policy))
        return Takeovers(taken.state[mine], human, policy)

    def _takeover(self, taken: Takeovers) -> Tensor:
        both = torch.cat([taken.human, taken.policy])
        q = value(self.critic.evaluate(self.critic.prefix(taken.state).repeat(2), both).float(), self.support)
        count = len(taken.state)
        return ranking_loss(q[:, :count], q[:, count:], self.config.margin)


@torch.no_grad()
def polyak(target: torch.nn.Module, source: torch.nn.Module, tau: float) -> None:
    """Move a target's weights by tau towards the source's."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), tau)


def _measures(q: Tensor, target: Tensor) -> dict[str, float]:
    return {
        "td_error": (q - target).abs().mean().item(),
        "q_mean": q.mean().item(),
        "q_std": q.mean(0).std(correction=0).item(),
        "q_least": q.amin().item(),
        "q_most": q.amax().item(),
        "ensemble_std": q.std(0, correction=0).mean().item(),
        "target_mean": target.mean().item(),
    }
