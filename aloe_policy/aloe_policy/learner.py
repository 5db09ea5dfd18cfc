"""The actor's learner: one step of weighted flow matching on a batch, with a moving average of its weights.

    L = mean_i( w_i * loss_FM(a_i; s_i) )     per sample and step; steps past a chunk's end count 0

w = 1 is behaviour cloning, w = exp(clip(Adv / beta)) advantage-weighted improvement: to the learner weights are data.
All that is drawn at random follows from the seed and the step.
Where it is known whether a chunk is good, the policy is told (`advantage_condition`).

Source: ALOE, arXiv:2602.12691; the clipped loss: POCO, arXiv:2604.01860.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.optimiser import Optimiser
from aloe_policy.policy_protocol import Condition, TrainablePolicy
from aloe_policy.training_state import seed_torch

TRAINING, EVALUATION = 0, 1  # streams of random numbers


@dataclass(frozen=True)
class LearnerConfig:
    """How the actor is trained."""

    steps: int = parameter(3000, low=1, doc="optimiser steps")
    batch_size: int = parameter(64, low=1, doc="observations per step")
    noises_per_observation: int = parameter(4, low=1, doc="flow samples that share one prefix")
    learning_rate: float = parameter(1e-3, low=0.0, doc="peak of the one-cycle schedule")
    weight_decay: float = parameter(1e-3, low=0.0, doc="AdamW's; ten times as much of the blocks' matrices")
    ema: float = parameter(0.998, low=0.0, high=1.0, doc="decay of the averaged weights")
    loss_clip: float = parameter(0.0, low=0.0, doc="flow loss from which a sample pulls no more (POCO's zeta); 0: none")
    max_rise: float = parameter(1.5, low=1.0, doc="held-out loss at most, in that at the start; beyond, training stops")
    seed: int = parameter(0, low=0, doc="of weights and batches")


class ActorLearner:
    """Trains a policy, of any kind; no loop and no IO.

    Args:
        policy: Policy to train; its parameters change with every step.
        config: Rates and sizes.

    Attributes:
        trainable: The part of the policy that trains.
        steps_done: Optimiser steps so far.
    """

    def __init__(self, policy: TrainablePolicy, config: LearnerConfig) -> None:
        self.policy = policy
        self.config = config
        self.trainable = policy.trainable()
        named = self.trainable.parameters
        matrices = [weight for name, weight in named.items() if name in self.trainable.matrices]
        self.optimiser = Optimiser(named.values(), matrices, config.learning_rate, config.weight_decay, config.steps)
        self._average = {name: weight.detach().clone() for name, weight in named.items()}
        self.steps_done = 0

    def step(self, batch: ChunkBatch) -> dict[str, float]:
        """One optimiser step on a batch; returns metrics."""
        seed_torch(self.config.seed, self.steps_done, TRAINING)
        self.trainable.module.train()
        loss = self.loss(batch)
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.trainable.parameters.values(), 1.0)
        self.optimiser.step()
        self._move_average()
        return {
            "loss": loss.item(),
            "gradient_norm": norm.item(),
            "learning_rate": self.optimiser.learning_rate,
        }

    def loss(self, batch: ChunkBatch) -> Tensor:
        """Weighted loss, mean over the valid steps of a batch."""
        return self._loss(self.policy.condition(batch.observations), batch, batch.weight)

    @torch.no_grad()
    def evaluate(self, batch: ChunkBatch) -> dict[str, float]:
        """Held-out measures of the averaged parameters, with the same noise each time.

        Args:
            batch: Chunks that measure, whatever they weigh; where it is known what is good, all of them are.

        Returns:
            held_out_loss: loss as in training.
            held_out_rmse: error of sampled chunks, in standard deviations of the data.
        """
        seed_torch(self.config.seed, 0, EVALUATION)
        with self.averaged():
            condition = self.policy.condition(batch.observations)
            sampled = self.policy.sample(condition, torch.randn_like(batch.chunks)[None])[0]
            loss = self._loss(condition, batch, torch.ones_like(batch.weight))
        error = (sampled - batch.chunks).square().mean(-1) * batch.valid
        rmse = (error.sum() / batch.valid.sum()).sqrt().item()
        return {"held_out_loss": loss.item(), "held_out_rmse": rmse}

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the policy computes with its averaged parameters, in evaluation mode."""
        self._swap()
        self.trainable.module.eval()
        try:
            yield
        finally:
            self._swap()

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs to go on as if it had never stopped."""
        parameters = {name: weight.detach() for name, weight in self.trainable.parameters.items()}
        return {
            "parameters": parameters,
            "average": dict(self._average),
            "optimiser": self.optimiser.state_dict(),
            "steps_done": self.steps_done,
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        for name, weight in self.trainable.parameters.items():
            weight.copy_(state["parameters"][name])
            self._average[name].copy_(state["average"][name])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps_done = state["steps_done"]

    def _loss(self, condition: Condition, batch: ChunkBatch, weight: Tensor) -> Tensor:
        """Loss over several draws of noise per observation, whose condition is computed once."""
        n = self.config.noises_per_observation
        per_step = self.policy.loss(condition.repeat(n), batch.chunks.repeat(n, 1, 1))
        return weighted_loss(per_step, batch.valid.repeat(n, 1), weight.repeat(n), self.config.loss_clip)

    def _swap(self) -> None:
        """Exchange parameters and averages, without copying either."""
        for name, weight in self.trainable.parameters.items():
            own = weight.data
            weight.data = self._average[name]
            self._average[name] = own

    @torch.no_grad()
    def _move_average(self) -> None:
        self.steps_done += 1
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        for name, weight in self.trainable.parameters.items():
            self._average[name].lerp_(weight, 1 - decay)


def weighted_loss(per_step: Tensor, valid: Tensor, weight: Tensor, clip: float = 0.0) -> Tensor:
    """Mean over valid steps of weight times loss.

    Args:
        per_step: Loss per sample and step, [B, H].
        valid: 1 for steps that count, 0 where the chunk has ended, [B, H].
        weight: Weight of each sample, [B].
        clip: Mean loss of a sample from which on it has no gradient; 0: none.
    """
    if clip:
        loss = (per_step * valid).sum(1) / valid.sum(1)
        weight = weight * (loss.detach() < clip)
    return (per_step * valid * weight[:, None]).sum() / valid.sum()
