"""The actor's learner: one step of weighted flow matching on a batch, with a moving average of its weights.

    L = mean_i( w_i * loss_FM(a_i; s_i) )     per sample and step; steps past a chunk's end count 0

w = 1 is behaviour cloning, w = exp(clip(Adv / beta)) advantage-weighted improvement: to the learner weights are data.
All that is drawn at random follows from the seed and the step.
Where it is known whether a chunk is good, the policy is told (`condition`).

Source: ALOE, arXiv:2602.12691; the clipped loss: POCO, arXiv:2604.01860.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from aloe_data.config import parameter
from aloe_policy.condition import Condition, ConditionConfig, labels, prefixes_of, velocity_of
from aloe_policy.flow import flow_loss, integrate, sample_tau
from aloe_policy.optimiser import Optimiser, block_matrices
from aloe_policy.tiny.augmentation import Renaming
from aloe_policy.tiny.model import TinyVLA
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
    token_dropout: float = parameter(0.03, low=0.0, high=0.9, doc="share of image tokens hidden in training")
    ema: float = parameter(0.998, low=0.0, high=1.0, doc="decay of the averaged weights")
    loss_clip: float = parameter(0.0, low=0.0, doc="flow loss from which a sample pulls no more (POCO's zeta); 0: none")
    max_rise: float = parameter(1.5, low=1.0, doc="held-out loss at most, in that at the start; beyond, training stops")
    seed: int = parameter(0, low=0, doc="of weights and batches")


class ActorLearner:
    """Trains a `TinyVLA`; no loop and no IO.

    Args:
        model: the network to train, on its device.
        config: rates and sizes.
        condition: how it is told what is good, where batches say so.
    """

    def __init__(self, model: TinyVLA, config: LearnerConfig, condition: ConditionConfig | None = None) -> None:
        self.model, self.config, self.condition = model, config, condition or ConditionConfig()
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.optimiser = Optimiser(
            model, block_matrices((model.mix, model.expert)), config.learning_rate, config.weight_decay, config.steps
        )
        self._rename = Renaming(model.config.keypoints)
        self.steps_done = 0

    def step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """One optimiser step on a batch of a `TrainingSet`; returns metrics."""
        seed_torch(self.config.seed, self.steps_done, TRAINING)
        self.model.train()
        loss = self.loss(self.model, batch)
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self._average()
        return {
            "loss": loss.item(),
            "gradient_norm": norm.item(),
            "learning_rate": self.optimiser.learning_rate,
        }

    def loss(self, model: TinyVLA, batch: dict[str, Tensor]) -> Tensor:
        """Weighted flow loss, mean over the valid steps of a batch."""
        n = self.config.noises_per_observation
        tokens = batch["tokens"]
        words = batch["words"]
        if model.training:
            keep = torch.rand(tokens.shape[:3], device=tokens.device) >= self.config.token_dropout
            tokens, words = self._rename(tokens * keep[..., None], words)
        told = None
        if "good" in batch:
            told = labels(batch["good"], self.condition.condition_dropout * model.training)
        prefix = model.prefix(tokens, words, batch["states"], told).repeat(n, 1, 1, 1)
        actions, valid = batch["chunks"].repeat(n, 1, 1), batch["valid"].repeat(n, 1)
        noise, tau = torch.randn_like(actions), sample_tau(len(actions), device=actions.device)
        per_step = flow_loss(lambda x, t: model.velocity(prefix, x, t), actions, noise, tau)
        return weighted_loss(per_step, valid, batch["weight"].repeat(n), self.config.loss_clip)

    @torch.no_grad()
    def evaluate(self, batch: dict[str, Tensor], num_steps: int = 10) -> dict[str, float]:
        """Held-out measures of the averaged weights, with the same noise each time, whatever the samples' weights.

        Args:
            batch: of a `TrainingSet`; where it is known what is good, all of it is.
            num_steps: of the flow.

        Returns:
            held_out_loss: flow loss.
            held_out_rmse: error of sampled chunks, in standard deviations of the data.
        """
        seed_torch(self.config.seed, 0, EVALUATION)
        self.average.eval()
        condition = Condition(guidance=self.condition.guidance) if "good" in batch else None
        prefixes = prefixes_of(self.average, batch["tokens"], batch["words"], batch["states"], condition)
        velocity = velocity_of(self.average, prefixes, self.condition.guidance)
        sampled = integrate(velocity, torch.randn_like(batch["chunks"]), num_steps)
        error = (sampled - batch["chunks"]).square().mean(-1) * batch["valid"]
        rmse = (error.sum() / batch["valid"].sum()).sqrt().item()
        loss = self.loss(self.average, {**batch, "weight": torch.ones_like(batch["weight"])})
        return {"held_out_loss": loss.item(), "held_out_rmse": rmse}

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs to go on as if it had never stopped."""
        parts = {name: getattr(self, name).state_dict() for name in ("model", "average", "optimiser")}
        return {**parts, "steps_done": self.steps_done}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state_dict`."""
        for name in ("model", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.steps_done = state["steps_done"]

    @torch.no_grad()
    def _average(self) -> None:
        self.steps_done += 1
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def weighted_loss(per_step: Tensor, valid: Tensor, weight: Tensor, clip: float = 0.0) -> Tensor:
    """Mean over valid steps of weight times loss.

    Args:
        per_step: flow loss [B, H].
        valid: 0 where the chunk has ended [B, H].
        weight: of each sample [B].
        clip: mean loss of a sample from which on it has no gradient; 0: none.
    """
    if clip:
        loss = (per_step * valid).sum(1) / valid.sum(1)
        weight = weight * (loss.detach() < clip)
    return (per_step * valid * weight[:, None]).sum() / valid.sum()
