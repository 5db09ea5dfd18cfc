"""The critic's learner: one step of chunked temporal differences on a batch. No loop and no IO.

    L = mean_k loss(Q_k(s, a), y) + counterfactual * rank(a > a_foreign) + takeover * rank(a_human > a_policy)
    y = R_h + gamma^h' m agg_k Qbar_k(s', a')       a' ~ the current policy; Qbar follows Q by Polyak averages

The ranking terms are described in `rankings`. Several processes may learn together, see `parallel`; all that is drawn
at random follows from the seed and the step.

Source: ALOE, arXiv:2602.12691.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.batches import CriticBatch, Takeovers
from aloe_critic.blocks import Block, Prefix
from aloe_critic.bootstrap import BootstrapActions
from aloe_critic.critic_config import CriticConfig
from aloe_critic.guards import Guard
from aloe_critic.losses import aggregate, critic_loss, ranking_loss, return_bounds, support, td_target, value
from aloe_critic.networks import CriticNetwork
from aloe_critic.parallel import ALONE, Parallel
from aloe_critic.proposer import ChunkSource
from aloe_critic.rankings import Rivals, foreign_chunks, masks_of_arms, noisy, some_takeovers
from aloe_data.transitions import RewardConfig
from aloe_policy.optimiser import Optimiser, block_matrices
from aloe_policy.training_state import seed_torch

PARTS = ("critic", "target", "optimiser", "bootstrap")  # of the learner's state
DRAWS = 0
DROPOUT = 1  # streams of random numbers of a step; dropout has one for each process


class _Loss(torch.nn.Module):
    """The loss as one forward pass, which is what an engine that averages gradients needs."""

    def __init__(self, critic: CriticNetwork, terms: Callable[..., Any]) -> None:
        super().__init__()
        self.critic = critic
        self._terms = terms

    def forward(self, *work: Any) -> Any:
        return self._terms(*work)


class CriticLearner:
    """Trains a critic network.

    Args:
        critic: Network on the device to train on.
        source: Chunks of the policy whose value is learned.
        rows: Every row at which a chunk of the replay begins, int64 [n].
        config: Rates and options.
        reward: Rewards of the transitions; they bound the values.
        takeovers: Takeovers for the takeover term; None: there is no such term.
        parallel: Processes that learn together.
        arms: Where the values of each arm stand in an action, for foreign chunks of one arm.

    Raises:
        ValueError: Chunks of one arm are asked for, and no arm is named.
    """

    def __init__(
        self,
        critic: CriticNetwork,
        source: ChunkSource,
        rows: NDArray[np.int64],
        config: CriticConfig,
        reward: RewardConfig,
        takeovers: Takeovers | None = None,
        parallel: Parallel = ALONE,
        arms: Sequence[slice] = (),
    ) -> None:
        self.critic = critic
        self.config = config
        self.takeovers = takeovers
        self.parallel = parallel
        self._loss = parallel.wrap(_Loss(critic, self._terms))
        self.target = copy.deepcopy(critic).requires_grad_(False).eval()
        self._device = next(critic.parameters()).device
        if config.foreign == "one_arm" and not arms:
            raise ValueError("foreign one_arm: it is not known which values of an action are which arm's")
        masks = masks_of_arms(arms, critic.sizes.action_dim, self._device)
        self._arms = masks if config.foreign == "one_arm" else None
        self.bounds = return_bounds(reward)
        self.support = support(self.bounds, critic.config.bins).to(self._device)
        self.bootstrap = BootstrapActions(
            source, critic.sizes, rows, config.bootstrap_samples, config.bootstrap_refresh, config.seed
        )
        blocks = (module for module in critic.modules() if isinstance(module, Block))
        self.optimiser = Optimiser(
            critic.parameters(), block_matrices(blocks), config.learning_rate, config.weight_decay, config.steps
        )
        self._autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=config.bfloat16)
        self._guard = Guard(self.bounds, config.patience)
        self.steps_done = 0

    def step(self, batch: CriticBatch) -> dict[str, float]:
        """One optimiser step; returns metrics, of the whole batch.

        Args:
            batch: This process's part of the batch.

        Raises:
            DivergenceError: Training went wrong.
        """
        config = self.config
        self.critic.train()
        seed_torch(config.seed, self.steps_done, DRAWS)
        work = self._drawn(batch)
        seed_torch(config.seed, self.steps_done, DROPOUT + self.parallel.rank)
        terms, q = self._loss(batch, *work)
        loss = sum(getattr(config, f"{name}_weight", 1.0) * term for name, term in terms.items())
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.critic.parameters(), config.gradient_norm)
        q = self.parallel.gather(q.detach().T).T
        target = self.parallel.gather(work[1])
        means = self.parallel.mean(torch.stack([loss.detach(), *(term.detach() for term in terms.values())])).tolist()
        self._guard.check(means[0], norm.item(), q, target)
        self.optimiser.step()
        polyak(self.target, self.critic, config.tau)
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
        pick = self.parallel.mine(picks)
        actions = self.bootstrap.at(batch.row, batch.next_row, self.steps_done, pick, self._device)
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

    def _drawn(self, batch: CriticBatch) -> tuple[Tensor, Tensor, Rivals | None, Takeovers | None]:
        """All that is drawn at random: executed chunks with noise, targets, rivals and takeovers."""
        config = self.config
        noise = config.action_noise
        target = self.targets(batch)
        rivals = None
        if config.counterfactual_weight:
            rivals = foreign_chunks(batch, self._arms, noise, self.parallel)
        taken = None
        if config.takeover_weight and self.takeovers is not None:
            taken = some_takeovers(self.takeovers, config.batch_size, noise, self.parallel)
        actions = noisy(batch.actions, len(batch.row) * self.parallel.count, noise, self.parallel)
        return actions, target, rivals, taken

    def _terms(
        self, batch: CriticBatch, actions: Tensor, target: Tensor, rivals: Rivals | None, taken: Takeovers | None
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

    def _counterfactual(self, prefix: Prefix, q: Tensor, rivals: Rivals) -> Tensor:
        if not rivals.share:
            return q.sum() * 0.0
        worse = value(self.critic.evaluate(prefix[rivals.entry], rivals.actions).float(), self.support)
        return ranking_loss(q[:, rivals.entry], worse, self.config.margin) * rivals.share

    def _takeover(self, taken: Takeovers) -> Tensor:
        both = torch.cat([taken.human, taken.policy])
        prefix = self.critic.prefix(taken.state).repeat(2)
        q = value(self.critic.evaluate(prefix, both).float(), self.support)
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
