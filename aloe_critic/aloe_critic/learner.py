"""The critic's learner: one step of chunked temporal differences on a batch. No loop and no IO.

    L = mean_k loss(Q_k(s, a), y) + counterfactual * rank(a > a_foreign) + takeover * rank(a_human > a_policy)
    y = R_h + gamma^h' m agg_k Qbar_k(s', a')       a' ~ the current policy; Qbar follows Q by Polyak averages

The ranking terms are ours. A chunk of a success should be worth more than a chunk from elsewhere in the same state;
where a person took over, theirs more than what the policy proposes there.

Source: ALOE, arXiv:2602.12691.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.bootstrap import BootstrapActions, ChunkSampler
from aloe_critic.guards import Guard
from aloe_critic.losses import (
    AGGREGATIONS,
    LOSSES,
    aggregate,
    critic_loss,
    ranking_loss,
    return_bounds,
    support,
    td_target,
    value,
)
from aloe_critic.networks import CriticNetwork, Prefix, State
from aloe_data.config import parameter
from aloe_data.transitions import RewardConfig


@dataclass(frozen=True)
class CriticConfig:
    """How critics are trained."""

    steps: int = parameter(10000, low=1, doc="optimiser steps")
    batch_size: int = parameter(256, low=2, doc="chunks per step (paper: 256)")
    learning_rate: float = parameter(3e-4, low=0.0, doc="AdamW's, a third of it in the last 30 % (paper: 3e-5)")
    warm_up: int = parameter(100, low=0, doc="steps in which the learning rate rises")
    weight_decay: float = parameter(1e-2, low=0.0, doc="AdamW's")
    gradient_norm: float = parameter(1.0, low=0.0, doc="gradients are clipped to it")
    tau: float = parameter(0.005, low=0.0, high=1.0, doc="Polyak rate of the target critics (paper: 0.005)")
    loss: str = parameter("hl_gauss", choices=tuple(LOSSES), doc="of a categorical head")
    q_agg: str = parameter("min", choices=AGGREGATIONS, doc="how targets see the ensemble")
    kappa: float = parameter(1.0, low=0.0, doc="standard deviations that mean-std takes off")
    action_noise: float = parameter(0.1, low=0.0, doc="added to executed chunks, in standard deviations of the data")
    counterfactual_weight: float = parameter(5.0, low=0.0, doc="weight of ranking successful chunks above foreign ones")
    takeover_weight: float = parameter(0.0, low=0.0, doc="weight of ranking the human's chunk above the policy's")
    margin: float = parameter(0.1, low=0.0, doc="of both rankings, in units of return")
    bootstrap_samples: int = parameter(4, low=1, doc="policy chunks kept per state to bootstrap from")
    bootstrap_refresh: int = parameter(0, low=0, doc="steps until they are drawn anew; 0: with a new policy only")
    bfloat16: bool = parameter(False, doc="compute the networks in bfloat16")
    patience: int = parameter(200, low=1, doc="steps that Q may be out of bounds, or a head dead")
    seed: int = parameter(0, low=0, doc="of weights, batches and noise")


@dataclass(frozen=True, eq=False)
class CriticBatch:
    """B chunk transitions as tensors.

    Attributes:
        state, next_state: at the chunk's beginning and after it.
        actions: executed chunks, relative to the state and normalised [B, h, A].
        reward, discount, mask: [B], see `aloe_data.transitions.Returns`.
        success: bool [B], the chunk's segment ends in success.
        row: int64 [B] on the CPU, row of the chunk in the store.
    """

    state: State
    next_state: State
    actions: Tensor
    reward: Tensor
    discount: Tensor
    mask: Tensor
    success: Tensor
    row: Tensor


@dataclass(frozen=True, eq=False)
class Takeovers:
    """n states in which a person took over: their chunk and one that the policy proposes there [n, h, A]."""

    state: State
    human: Tensor
    policy: Tensor


class CriticLearner:
    """Trains a critic network.

    Args:
        critic: on the device to train on.
        policy: whose value it learns.
        rows: int64 [n], every row at which a chunk of the replay begins.
        config: rates and options.
        reward: of the transitions; it bounds the values.
        takeovers: for the takeover term.
    """

    def __init__(
        self,
        critic: CriticNetwork,
        policy: ChunkSampler,
        rows: NDArray[np.int64],
        config: CriticConfig,
        reward: RewardConfig,
        takeovers: Takeovers | None = None,
    ) -> None:
        self.critic, self.config, self._takeovers = critic, config, takeovers
        self.target = copy.deepcopy(critic).requires_grad_(False).eval()
        device = next(critic.parameters()).device
        self.bounds = return_bounds(reward)
        self.support = support(self.bounds, critic.config.bins).to(device)
        self.bootstrap = BootstrapActions(
            policy, critic.sizes, rows, config.bootstrap_samples, config.bootstrap_refresh
        )
        self.optimiser = torch.optim.AdamW(
            critic.parameters(), config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._rate)
        self._autocast = torch.autocast(device.type, torch.bfloat16, enabled=config.bfloat16)
        self._guard = Guard(self.bounds, config.patience)
        self.steps_done = 0

    def step(self, batch: CriticBatch) -> dict[str, float]:
        """One optimiser step; returns metrics.

        Raises:
            DivergenceError: training went wrong.
        """
        self.critic.train()
        target = self.targets(batch)
        with self._autocast:
            prefix = self.critic.prefix(batch.state)
            out = self.critic.evaluate(prefix, self._noisy(batch.actions)).float()
            td = critic_loss(out, target, self.support, self.config.loss)
            q = value(out, self.support)
            terms = {"td_loss": td, **self._counterfactual(batch, prefix, q), **self._takeover()}
        loss = td + sum(
            getattr(self.config, f"{name}_weight") * term for name, term in terms.items() if name != "td_loss"
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.critic.parameters(), self.config.gradient_norm)
        self._guard.check(loss.item(), norm.item(), q.detach(), target)
        self.optimiser.step()
        self.schedule.step()
        polyak(self.target, self.critic, self.config.tau)
        self.steps_done += 1
        return {
            "loss": loss.item(),
            "td_loss": td.item(),
            **{name: term.item() for name, term in terms.items()},
            **_measures(q.detach(), target),
            "gradient_norm": norm.item(),
            "learning_rate": float(self.schedule.get_last_lr()[0]),
        }

    @torch.no_grad()
    def targets(self, batch: CriticBatch) -> Tensor:
        """y [B], within the bounds."""
        actions = self.bootstrap.at(batch.row, batch.next_state, self.steps_done)
        with self._autocast:
            out = self.target(batch.next_state, actions).float()
        next_value = aggregate(value(out, self.support), self.config.q_agg, self.config.kappa)
        return td_target(next_value, batch.reward, batch.discount, batch.mask).clamp(*self.bounds)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs to go on as if it had never stopped."""
        parts = ("critic", "target", "optimiser", "schedule", "bootstrap")
        return {
            **{name: getattr(self, name).state_dict() for name in parts},
            "guard": dict(vars(self._guard)),
            "steps_done": self.steps_done,
            "random": torch.get_rng_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`; sets torch's global random state too."""
        for name in ("critic", "target", "optimiser", "schedule", "bootstrap"):
            getattr(self, name).load_state_dict(state[name])
        vars(self._guard).update(state["guard"])
        self.steps_done = state["steps_done"]
        torch.set_rng_state(state["random"])

    def _rate(self, step: int) -> float:
        late = step > 0.7 * self.config.steps
        return min(1.0, (step + 1) / (self.config.warm_up + 1)) * (0.3 if late else 1.0)

    def _noisy(self, actions: Tensor) -> Tensor:
        return actions + self.config.action_noise * torch.randn_like(actions)

    def _counterfactual(self, batch: CriticBatch, prefix: Prefix, q: Tensor) -> dict[str, Tensor]:
        """Chunks of successes against chunks from elsewhere in the batch; at most a quarter of it, to stay cheap."""
        chosen = batch.success.nonzero()[:, 0][: len(batch.row) // 4]
        if not self.config.counterfactual_weight or not len(chosen):
            return {}
        foreign = batch.actions[torch.randperm(len(batch.row), device=chosen.device)[: len(chosen)]]
        worse = value(self.critic.evaluate(prefix[chosen], self._noisy(foreign)).float(), self.support)
        return {"counterfactual": ranking_loss(q[:, chosen], worse, self.config.margin)}

    def _takeover(self) -> dict[str, Tensor]:
        if not self.config.takeover_weight or self._takeovers is None:
            return {}
        taken = self._takeovers
        count = min(len(taken.state), self.config.batch_size // 4)
        chosen = torch.randperm(len(taken.state), device=taken.human.device)[:count]
        both = torch.cat([self._noisy(taken.human[chosen]), self._noisy(taken.policy[chosen])])
        q = value(self.critic.evaluate(self.critic.prefix(taken.state[chosen]).repeat(2), both).float(), self.support)
        return {"takeover": ranking_loss(q[:, :count], q[:, count:], self.config.margin)}


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
